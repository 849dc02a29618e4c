"""The parts of a text: for training, for validation, and held out until the end.

A stream of text is cut by position. Of a text of documents each part gets whole ones, chosen at random, since a corpus
is often sorted; within a part they keep their order.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice, repeat

from rnngen.corpus.documents import BOUNDARY

PARTS = ("train", "valid", "test")

Piece = tuple[str, str]
"""The name of a part, and a piece of its text."""


def shares_of(split: Sequence[float], given: Iterable[str]) -> dict[str, float]:
    """The shares of a text that the parts get, those left out that are ``given`` as texts of their own.

    The share of such a part stays with the training part.
    """
    shares = dict(zip(PARTS, (*split, 0.0), strict=False))
    for part in given:
        shares["train"] += shares.pop(part)
    return shares


def cut_by_position(pieces: Iterable[str], characters: int, shares: Mapping[str, float]) -> Iterator[Piece]:
    """Consecutive parts of a text.

    Args:
        pieces: of the text, which are read to the end.
        characters: how many it has.
        shares: of the parts.
    """
    ends = _ends(characters, shares)
    position = 0
    part, end = next(ends)
    for piece in pieces:
        while piece:
            while end is not None and position >= end:
                part, end = next(ends)
            taken = piece if end is None else piece[: end - position]
            yield part, taken
            position += len(taken)
            piece = piece[len(taken) :]


def lengths_by_position(characters: int, shares: Mapping[str, float]) -> dict[str, int]:
    """How many characters of a text ``cut_by_position`` gives to each part."""
    lengths, begin = dict.fromkeys(PARTS, 0), 0
    for part, end in _ends(characters, shares):
        lengths[part], begin = (characters if end is None else end) - begin, end or 0
    return lengths


def _ends(characters: int, shares: Mapping[str, float]) -> Iterator[tuple[str, int | None]]:
    """The parts, and the character before which each ends; None: the last one with any text has all the rest."""
    total = 0.0
    for part, share in shares.items():
        total += share
        if total > 1 - 1e-5:
            yield part, None
            return
        yield part, int(characters * total + 1e-6)


def choose_documents(pieces: Iterable[str], documents: int, shares: Mapping[str, float], seed: int) -> Iterator[Piece]:
    """The documents of a text, each in the part that it was chosen for.

    Args:
        pieces: of the text, with a ``BOUNDARY`` after every document.
        documents: how many it has.
        shares: of the parts, as fractions of the number of documents.
        seed: of the choice.
    """
    chosen = chain(_choose(numbers_of_documents(documents, shares), seed), repeat("train"))
    part = next(chosen)
    for piece in pieces:
        texts: dict[str, list[str]] = {name: [] for name in ("train", *shares)}
        *whole, rest = piece.split(BOUNDARY)
        for document, following in zip(whole, chosen, strict=False):
            texts[part].append(document)
            part = following
        for name, documents_of_it in texts.items():
            text = BOUNDARY.join([*documents_of_it, rest if name == part else ""])
            if text:
                yield name, text


def number_in_text(number: int, documents: int, shares: Mapping[str, float], seed: int) -> int | None:
    """The number, in a text, of a document that ``choose_documents`` gave to the training part.

    Args:
        number: that it has there; both begin at 1.
        documents: how many the text has.
        shares: of the parts.
        seed: of the choice.

    Returns:
        None: the training part has fewer.
    """
    chosen = enumerate(_choose(numbers_of_documents(documents, shares), seed), start=1)
    return next(islice((place for place, part in chosen if part == "train"), number - 1, None), None)


def numbers_of_documents(documents: int, shares: Mapping[str, float]) -> dict[str, int]:
    """How many documents each part gets: its share, and at least one, as long as one is left for the training part."""
    numbers: dict[str, int] = {}
    left = max(0, documents - 1)
    for part, share in shares.items():
        if part != "train":
            numbers[part] = min(left, max(1, round(share * documents)) if share else 0)
            left -= numbers[part]
    return {"train": documents - sum(numbers.values()), **numbers}


def _choose(numbers: Mapping[str, int], seed: int) -> Iterator[str]:
    """The part of each document in turn: every choice of so many for each part is equally likely."""
    draw = random.Random(seed).random  # the only method whose numbers are the same in all versions of Python
    parts, waiting = list(numbers), list(numbers.values())
    for left in range(sum(waiting), 0, -1):
        at, index = draw() * left, 0
        while at >= waiting[index]:
            at -= waiting[index]
            index += 1
        waiting[index] -= 1
        yield parts[index]
