"""The documents of a text, to find out whether another one is among them, token for token."""

from __future__ import annotations

from collections.abc import Sequence
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
        self._boundary, self._labels = boundary, labels
        self._parts = [_Part(tokens, boundary, labels) for tokens in parts]

    def number_in(self, tokens: NDArray[np.integer[Any]]) -> int:
        """How many of a text's documents are among them, by their hashes alone.

        Args:
            tokens: ids, (N,), in which the boundary follows every document.
        """
        hashes = _Part(tokens, self._boundary, self._labels).hashes
        return int(np.count_nonzero(np.isin(hashes, np.concatenate([part.hashes for part in self._parts]))))

    def __contains__(self, document: NDArray[np.integer[Any]]) -> bool:
        """Whether a document, (n,), without a boundary, is one of them."""
        return any(part.has(np.asarray(document, np.int64)) for part in self._parts)


class _Part:
    def __init__(self, tokens: NDArray[np.integer[Any]], boundary: int, labels: range) -> None:
        self._tokens = tokens
        ends = [
            start + np.flatnonzero(tokens[start : start + _BLOCK] == boundary)
            for start in range(0, len(tokens), _BLOCK)
        ]
        self._ends = np.concatenate([np.zeros(0, np.int64), *ends])
        del ends
        self._labels = labels
        hashes = self._hashes()
        self._order = np.argsort(hashes, kind="stable")
        self.hashes = hashes[self._order]

    def __len__(self) -> int:
        return len(self._ends)

    def document(self, index: int) -> NDArray[np.integer[Any]]:
        return self._tokens[self._begins(index, index + 1)[0] : self._ends[index]]

    def _begins(self, first: int, last: int) -> NDArray[np.int64]:
        """Where some documents begin, after their labels."""
        begins: NDArray[np.int64] = (
            np.concatenate([[-1], self._ends[:last]]) if first == 0 else self._ends[first - 1 : last]
        )
        begins = begins[: last - first] + 1
        beginning = self._tokens[begins]
        return begins + ((beginning >= self._labels.start) & (beginning < self._labels.stop))

    def _hashes(self) -> NDArray[np.uint64]:
        """The hash of each document."""
        hashes = np.empty(len(self._ends), np.uint64)
        first = 0
        while first < len(self._ends):
            begin = self._begins(first, first + 1)[0]
            last = max(first + 1, int(np.searchsorted(self._ends, begin + _BLOCK)))
            begins, ends = self._begins(first, last), self._ends[first:last]
            tokens = self._tokens[begins[0] : ends[-1] + 1]
            lengths = np.diff(begins, append=ends[-1] + 1)  # with the boundary, and the next document's label
            values = _values(tokens, np.arange(len(tokens)) - np.repeat(begins - begins[0], lengths))
            values[ends - begins[0]] = 0
            values[begins[1:] - 1 - begins[0]] = 0
            hashes[first:last] = np.add.reduceat(values, begins - begins[0])
            first = last
        return hashes

    def has(self, document: NDArray[np.int64]) -> bool:
        wanted = _values(document, np.arange(len(document))).sum(dtype=np.uint64)
        low, high = (int(np.searchsorted(self.hashes, wanted, side)) for side in ("left", "right"))
        found = self._order[low:high]
        return any(np.array_equal(self.document(index), document) for index in found)


def _values(tokens: NDArray[np.integer[Any]], positions: NDArray[np.int64]) -> NDArray[np.uint64]:
    """(token + 1)·base^position mod 2^64 of each token."""
    powers: NDArray[np.uint64] = np.full(int(positions.max(initial=0)) + 1, _BASE).cumprod()
    values: NDArray[np.uint64] = (tokens.astype(np.uint64) + np.uint64(1)) * powers[positions]
    return values
