"""Weights for a vocabulary that has grown: a run that begins with another one knows the characters of its own text."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.documents import BOUNDARY
from rnngen.corpus.ngram_rows import ngram_rows
from rnngen.corpus.tokenizer import Tokenizer
from rnngen.options.network import ModelConfig

SHOWN = 20  # tokens
_READ = 1 << 22  # tokens of a text whose n-grams are looked for


def new_tokens(before: Tokenizer, after: Tokenizer) -> list[int]:
    """The ids of the tokens that a vocabulary has and the one before it had not."""
    known = set(_names(before))
    return [token for token, name in enumerate(_names(after)) if name not in known]


def _names(tokenizer: Tokenizer) -> list[bytes | str]:
    """What tells each token from the others: what it spells, or the label that it is."""
    return [*tokenizer.token_bytes()[: tokenizer.text_size], *tokenizer.labels]


def note_on_growth(before: Tokenizer, after: Tokenizer) -> tuple[str, ...]:
    """What is new in a vocabulary, in a sentence for characters or words and one for labels; none if nothing is."""
    new = new_tokens(before, after)
    if not new:
        return ()
    table, first = after.token_bytes(), after.text_size  # the first label
    of_text = [_shown(table[token].decode(errors="replace")) for token in new if token < first]
    labels = [after.labels[token - first] for token in new if token >= first]
    what = "character" if after.level == "char" else "word"
    found = [(what, of_text, " ".join(of_text[:SHOWN])), ("label", labels, ", ".join(labels[:SHOWN]))]
    return tuple(
        f"{len(names):,} new {kind}{'' if len(names) == 1 else 's'} in this text: {shown}"
        + (" …" if len(names) > SHOWN else "")
        for kind, names, shown in found
        if names
    )


def _shown(token: str) -> str:
    """A token in a sentence: without the space before a word, and by its names if nobody would see it."""
    text = token.strip()
    return text if text and text.isprintable() else " ".join(map(_named, token))


def _named(character: str) -> str:
    name = _NAMES.get(character) or unicodedata.name(character, "").lower()
    return f"({name or f'U+{ord(character):04X}'})"


_NAMES = {"\t": "tab", "\n": "line end", BOUNDARY: "end of a document"}


def grown(
    weights: Mapping[str, NDArray[Any]],
    config: ModelConfig,
    before: Tokenizer,
    after: Tokenizer,
    text: NDArray[np.integer[Any]],
    boundary: int | None = None,
) -> dict[str, NDArray[Any]]:
    """The weights of a network with rows for the tokens that are new; the other rows follow their tokens.

    A new token begins as the mean of those that are known: with the weights of the unknown symbol, which training never
    shows, it would be all but impossible at first. The row of an n-gram depends on the ids of its tokens; those that
    occur in the text keep their embeddings, the others are forgotten if ids have changed.

    Args:
        weights: of the network, by name.
        config: its sizes.
        before: its tokenizer.
        after: a tokenizer that has all tokens of ``before``.
        text: ids of the text that training will read, (N,).
        boundary: the token between documents in it; None: there is none.
    """
    V = before.vocab_size
    shapes, larger = config.shapes(V), config.shapes(V + 1)
    ids = {name: token for token, name in enumerate(_names(before))}
    source = np.array([ids.get(name, -1) for name in _names(after)])
    found = dict(weights)
    for name in shapes:
        if shapes[name] != larger[name]:  # it has a row per token
            rows = weights[name][source]
            known = [token for token in range(V) if token != before.unknown_id]
            rows[source < 0] = weights[name][known].mean(axis=0)
            found[name] = rows
    if not np.array_equal(source[source >= 0], np.flatnonzero(source >= 0)):
        for name in shapes:
            if name.endswith("history.weight"):
                read = text[:_READ][:: -1 if name.startswith("right_to_left") else 1]
                found[name] = _moved(weights[name], config.history, read, source, boundary)
    return found


def _moved(
    table: NDArray[Any], history: int, text: NDArray[np.integer[Any]], source: NDArray[Any], boundary: int | None
) -> NDArray[Any]:
    """The table of n-grams with what it holds of those in a text, (N,), where they are with new ids.

    Args:
        table: (R, E).
        history: n - 1 of the longest n-grams.
        text: new ids.
        source: for each new id the old one, or -1.
        boundary: new id of the token between documents.
    """
    read = np.concatenate([np.zeros(history, np.int64), text.astype(np.int64) + 1])
    read_before = np.concatenate([[0], source + 1])[read]
    moved = np.zeros_like(table)
    rows = ngram_rows(read, history, len(table), boundary)
    for now, then in zip(rows, ngram_rows(read_before, history, len(table), None), strict=True):
        known = (now > 0) & (then > 0)
        moved[now[known]] = table[then[known]]
    return moved
