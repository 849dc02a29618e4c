"""The documents of a text, to find out whether another one is among them, token for token."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BLOCK = 1 << 22  # tokens that are hashed at a time
_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that no power of it is 0


class KnownDocuments:
    """Documents by a hash of their tokens, Σ (token + 1)·base^i mod 2^64; those with an equal hash are compared.

    Args:
        parts: ids of texts, (N,) each, in which the boundary follows every document.
        boundary: its id.
        labels: ids of the labels that a document may begin with, which do not matter.
    """

    def __init__(self, parts: Sequence[NDArray[np.integer[Any]]], boundary: int, labels: range = range(0)) -> None:
        self._parts = [_Part(tokens, boundary, labels) for tokens in parts]

    def __contains__(self, document: NDArray[np.integer[Any]]) -> bool:
        """Whether a document, (n,), without a boundary, is one of them."""
        return any(part.has(np.asarray(document, np.int64)) for part in self._parts)


def number_known(
    tokens: NDArray[np.integer[Any]], training: NDArray[np.integer[Any]], boundary: int, labels: range = range(0)
) -> int:
    """How many of a text's documents stand in the training text, by their hashes alone.

    The training text is read in blocks, so memory depends on the number of the other text's documents only.

    Args:
        tokens: ids of the text, (N,), in which the boundary follows every document.
        training: the same of the training text, (M,).
        boundary: see ``KnownDocuments``.
        labels: see ``KnownDocuments``.
    """
    hashes = [np.zeros(0, np.uint64), *(_hashes(tokens, *block, labels) for block in _blocks(tokens, boundary))]
    wanted, counts = np.unique(np.concatenate(hashes), return_counts=True)
    found = np.zeros(len(wanted), bool)
    for block in _blocks(training, boundary):
        found |= np.isin(wanted, _hashes(training, *block, labels))
    return int(counts[found].sum())


class _Part:
    def __init__(self, tokens: NDArray[np.integer[Any]], boundary: int, labels: range) -> None:
        self._tokens, self._labels = tokens, labels
        blocks = list(_blocks(tokens, boundary))
        self._ends = np.concatenate([np.zeros(0, np.int64), *(ends for _, ends in blocks)])
        hashes = np.concatenate([np.zeros(0, np.uint64), *(_hashes(tokens, *block, labels) for block in blocks)])
        self._order = np.argsort(hashes, kind="stable")
        self._hashes = hashes[self._order]

    def has(self, document: NDArray[np.int64]) -> bool:
        wanted = _values(document, np.arange(len(document))).sum(dtype=np.uint64)
        low, high = (int(np.searchsorted(self._hashes, wanted, side)) for side in ("left", "right"))
        found = self._order[low:high]
        return any(np.array_equal(self._document(index), document) for index in found)

    def _document(self, index: int) -> NDArray[np.integer[Any]]:
        begin = self._ends[index - 1] + 1 if index else 0
        (begin,) = _after_labels(self._tokens, np.array([begin]), self._labels)
        return self._tokens[begin : self._ends[index]]


def _blocks(tokens: NDArray[np.integer[Any]], boundary: int) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Where the first of some documents begins and where each of them ends, for about ``_BLOCK`` tokens at a time."""
    begin = 0
    for start in range(0, len(tokens), _BLOCK):
        ends = start + np.flatnonzero(tokens[start : start + _BLOCK] == boundary)
        if len(ends):
            yield begin, ends
            begin = int(ends[-1]) + 1


def _after_labels(tokens: NDArray[np.integer[Any]], begins: NDArray[np.int64], labels: range) -> NDArray[np.int64]:
    """Where some documents begin, after their labels."""
    beginning = tokens[begins]
    return begins + ((beginning >= labels.start) & (beginning < labels.stop))


def _hashes(tokens: NDArray[np.integer[Any]], begin: int, ends: NDArray[np.int64], labels: range) -> NDArray[np.uint64]:
    """The hash of each of the documents of a block."""
    begins = _after_labels(tokens, np.concatenate([[begin], ends[:-1] + 1]), labels)
    block = tokens[begins[0] : ends[-1] + 1]
    lengths = np.diff(begins, append=ends[-1] + 1)  # with the boundary, and the next document's label
    values = _values(block, np.arange(len(block)) - np.repeat(begins - begins[0], lengths))
    values[ends - begins[0]] = 0
    values[begins[1:] - 1 - begins[0]] = 0
    hashes: NDArray[np.uint64] = np.add.reduceat(values, begins - begins[0])
    return hashes


def _values(tokens: NDArray[np.integer[Any]], positions: NDArray[np.int64]) -> NDArray[np.uint64]:
    """(token + 1)·base^position mod 2^64 of each token."""
    powers: NDArray[np.uint64] = np.full(int(positions.max(initial=0)) + 1, _BASE).cumprod()
    values: NDArray[np.uint64] = (tokens.astype(np.uint64) + np.uint64(1)) * powers[positions]
    return values
