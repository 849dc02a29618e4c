"""Texts with gaps: how they are written, and what is known of each gap."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.tokenizer import Tokenizer
from rnngen.errors import UsageError
from rnngen.options.declare import check_count

MOST_TOKENS = 1000
"""The longest gap."""
LONGEST = {"char": 12, "byte": 12, "bpe": 5, "word": 4}
"""Tokens that a gap of unknown length has at most."""

_GAP = r"_{3,}|\[[0-9]+\]"
_ESCAPED = rf"\\(?:{_GAP})"


class Gap(NamedTuple):
    """A place to fill.

    Attributes:
        length: in tokens; None: nobody knows.
    """

    length: int | None


class Beginning(NamedTuple):
    """One way in which a fill may begin.

    Attributes:
        ids: its first tokens.
        then: which tokens may come after them, (V,); None: all.
    """

    ids: tuple[int, ...] = ()
    then: NDArray[np.bool_] | None = None

    def allowed(self, at: int, vocab_size: int) -> NDArray[np.bool_]:
        """Which tokens may stand at a place of the fill, (V,)."""
        if at == len(self.ids) and self.then is not None:
            return self.then
        allowed = np.full(vocab_size, at >= len(self.ids))
        if at < len(self.ids):
            allowed[self.ids[at]] = True
        return allowed


class Place(NamedTuple):
    """A gap in a text of ids.

    Attributes:
        lengths: that it may have, in tokens.
        after: the known tokens up to the next gap, or to the end.
        beginnings: how its fill may begin; their ``ids`` are not counted in its length.
        held: bytes of the known text before the gap that every fill begins with; they are not shown.
    """

    lengths: Sequence[int]
    after: Sequence[int]
    beginnings: Sequence[Beginning] = (Beginning(),)
    held: bytes = b""

    @property
    def most(self) -> int:
        """Tokens that a fill has at most, with those that it begins with."""
        return max(self.lengths) + max(len(beginning.ids) for beginning in self.beginnings)

    def of_shape(self, fill: Sequence[int]) -> Place:
        """The same gap, whose fills begin as this one does, and have as many tokens."""
        beginning = max(
            (each for each in self.beginnings if tuple(fill[: len(each.ids)]) == each.ids), key=lambda b: len(b.ids)
        )
        return self._replace(lengths=[len(fill) - len(beginning.ids)], beginnings=[beginning])


def parse_gaps(text: str) -> list[str | Gap]:
    r"""The known parts of a text and its gaps: ``___`` is one of unknown length, ``[5]`` one of five tokens.

    A backslash before them, ``\[5]``, makes them text.

    Raises:
        UsageError: there is no gap, or one of no tokens, or two without text between them.
    """
    parts: list[str | Gap] = [""]
    for piece in re.split(rf"(\\?(?:{_GAP}))", text):
        if re.fullmatch(_GAP, piece):
            digits = piece[1:-1].lstrip("0") if piece[0] == "[" else None
            if digits == "":
                raise UsageError("a gap has no tokens", found=piece, expected="a length above 0, such as [5]")
            if digits and (len(digits) > 6 or int(digits) > MOST_TOKENS):
                raise UsageError("a gap is too long", found=f"{piece[:12]}", expected=f"at most {MOST_TOKENS} tokens")
            gap = Gap(int(digits) if digits else None)
            parts += [gap, ""]
        else:
            parts[-1] = f"{parts[-1]}{piece[1:] if re.fullmatch(_ESCAPED, piece) else piece}"
    if len(parts) == 1:
        raise UsageError("the text has no gap", expected="___ for a gap, or [5] for one of five tokens")
    if "" in parts[2:-1]:
        raise UsageError("two gaps have nothing between them", expected="one gap, or text between the two")
    return parts


@dataclass(frozen=True)
class GappedText:
    """A text with gaps, in the tokens of a model.

    Attributes:
        parts: its known parts and its gaps.
        before: ids before the first gap, less the end of the text there, where a fill may join it (see ``Place.held``).
        places: the gaps.
    """

    parts: Sequence[str | Gap]
    before: Sequence[int]
    places: Sequence[Place]

    @classmethod
    def read(cls, text: str, tokenizer: Tokenizer, longest: int | None = None) -> Self:
        """Parse and encode a text.

        Args:
            text: see ``parse_gaps``.
            tokenizer: of the model.
            longest: tokens that a gap of unknown length has at most; ``LONGEST`` by default.

        Raises:
            UsageError: there is no gap, or one whose length nothing tells.
        """
        level = tokenizer.level
        longest = LONGEST[level] if longest is None else longest
        check_count("longest", longest, least=1, most=MOST_TOKENS)
        parts = parse_gaps(text)
        if parts[-1] == "" and parts[-2] == Gap(None):
            raise UsageError(
                "nothing follows the last gap, so nothing says how long it is",
                expected="text after ___, or a length",
                hint="Write [5] for five tokens, or what ends it, such as a full stop.",
            )
        known: list[list[int]] = []
        held: list[str] = []
        for i, part in enumerate(parts):
            ids, end = _read_before_gap(part, tokenizer) if isinstance(part, str) else ([], "")
            # a word between two gaps stands: it tells how long the first of them is
            if end and (i == len(parts) - 1 or (i and not ids and not end.isspace())):
                ids, end = _encode(str(part), tokenizer), ""
            known.append(ids)
            held.append(end)
        places = []
        for i, part in enumerate(parts):
            if isinstance(part, Gap):
                lengths = range(1, longest + 1) if part.length is None else [part.length]
                beginnings = _beginnings(held[i - 1], tokenizer) if held[i - 1] else [Beginning()]
                places.append(Place(list(lengths), known[i + 1], beginnings, held[i - 1].encode()))
        return cls(parts, known[0], places)

    def filled(self, fills: Sequence[str]) -> str:
        """The whole text with these in its gaps."""
        remaining = iter(fills)
        return "".join(part if isinstance(part, str) else next(remaining) for part in self.parts)


def unreadable(tokenizer: Tokenizer) -> list[int]:
    """Ids that stand for no text: the unknown symbol, where there is one."""
    return [] if tokenizer.unknown_id is None else [tokenizer.unknown_id]


def unseen(text: str, tokenizer: Tokenizer) -> str:
    """The characters of a text with gaps that a model has never seen; they are left out of what it reads."""
    known = "".join(part for part in parse_gaps(text) if isinstance(part, str))
    ids, banned = tokenizer.encode(known).tolist(), unreadable(tokenizer)
    return "".join(dict.fromkeys(c for c, i in zip(known, ids, strict=False) if i in banned))


def _read_before_gap(text: str, tokenizer: Tokenizer) -> tuple[list[int], str]:
    """Ids of a known part, and its end, which fills begin with, if there are tokens that go on from it."""
    if tokenizer.unknown_id is not None:  # there, nothing is held back, and a character may be unknown
        return _encode(text, tokenizer), ""
    ids, held = tokenizer.hold_back(text)
    return (ids.tolist(), held) if held and _longer(held, tokenizer) else (_encode(text, tokenizer), "")


def _longer(held: str, tokenizer: Tokenizer) -> list[int]:
    """Ids of the tokens that go on from the end of a known part."""
    content, table = held.encode(), tokenizer.token_bytes()
    return [token for token in tokenizer.tokens_beginning(content) if len(table[token]) > len(content)]


def _beginnings(held: str, tokenizer: Tokenizer) -> list[Beginning]:
    """A fill begins with a token that goes on from the end of the text before it, or after that end's own tokens."""
    goes_on = np.zeros(tokenizer.vocab_size, bool)
    goes_on[_longer(held, tokenizer)] = True
    return [Beginning((), goes_on), Beginning(tuple(_encode(held, tokenizer)))]


def _encode(text: str, tokenizer: Tokenizer) -> list[int]:
    """Ids of what a model can read of a text."""
    banned = unreadable(tokenizer)
    return [i for i in tokenizer.encode(text).tolist() if i not in banned]
