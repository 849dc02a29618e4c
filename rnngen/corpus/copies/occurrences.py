"""Where strings of symbols (characters or words) stand in a long text that is read once, block after block.

The hash of a string is Σ (symbol + 1)·base^i mod 2^64, so that those of all strings of a length in a block come from
one running sum (Karp & Rabin 1987). What has the hash of a string that is looked for is compared with it, symbol by
symbol. Memory depends on the strings alone, not on the text; a string that has been found is no longer looked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Symbols = NDArray[np.integer[Any]]

BLOCK = 1 << 18
"""Symbols of a text that are best read at a time."""

_BASE = 0x9E3779B97F4A7C15  # odd, so that it has an inverse
_FEW = 16  # different lengths that are each looked up by themselves
_SLOTS = 32  # of a table of hashes, per string, at least
_TABLE_BITS = 12, 22


@dataclass(frozen=True)
class Strings:
    """Strings to look for, as parts of an array of symbols.

    Attributes:
        symbols: (M,).
        begins: where each begins, (K,).
        lengths: of each, at least 1, (K,).
    """

    symbols: Symbols
    begins: NDArray[np.int64]
    lengths: NDArray[np.int64]


def first_occurrences(strings: Strings, text: Iterable[Symbols]) -> NDArray[np.int64]:
    """The place of the first occurrence of each string in a text, (K,); -1: it has none.

    Args:
        strings: these.
        text: in blocks, (n,) each, about ``BLOCK`` symbols; an occurrence may cross their borders.
    """
    found = np.full(len(strings.begins), -1, np.int64)
    groups = _groups(strings)
    overlap = int(strings.lengths.max(initial=1)) - 1
    kept, offset = np.zeros(0, np.int64), 0
    for piece in text if groups else ():
        block = np.concatenate([kept, piece.astype(np.int64)])
        sums = _running_sums(block)
        for group in groups:
            group.look_up(block, sums, offset, found)
        groups = [group for group in groups if len(group.wanted)]
        if not groups:
            break
        begin = max(0, len(block) - overlap)
        kept, offset = block[begin:], offset + begin
    return found


def _groups(strings: Strings) -> list[_Group]:
    """Strings with a common number of symbols by which they are found: all of them, unless there are many lengths."""
    heads = strings.lengths
    if len(np.unique(heads)) > _FEW:
        heads = 1 << np.floor(np.log2(heads)).astype(np.int64)
    return [_Group(strings, int(head), np.flatnonzero(heads == head)) for head in np.unique(heads)]


class _Group:
    """Strings that are found by their first ``head`` symbols.

    Attributes:
        wanted: indices of those not found yet, in the order of the hashes of their heads.
    """

    def __init__(self, strings: Strings, head: int, indices: NDArray[np.int64]) -> None:
        self._strings, self._head = strings, head
        self._is_whole = bool((strings.lengths[indices] == head).all())
        sums, begins = _running_sums(strings.symbols.astype(np.int64)), strings.begins[indices]
        hashes = _hashes(sums, begins, np.full(len(begins), head))
        order = np.argsort(hashes, kind="stable")
        self.wanted, self._hashes = indices[order], hashes[order]
        self._whole = _hashes(sums, begins, strings.lengths[indices])[order]
        self._fill_table()

    def _fill_table(self) -> None:
        low, high = _TABLE_BITS
        bits = int(np.clip(int(_SLOTS * len(self.wanted)).bit_length(), low, high))
        self._shift, self._size = np.uint64(64 - bits), len(self.wanted)
        self._table = np.zeros(1 << bits, bool)
        self._table[self._hashes >> self._shift] = True

    def look_up(
        self, block: NDArray[np.int64], sums: NDArray[np.uint64], offset: int, found: NDArray[np.int64]
    ) -> None:
        """Note in ``found`` which strings occur in a block that begins at ``offset``."""
        count = len(block) - self._head + 1
        if count < 1:
            return
        hashes = (sums[self._head :] - sums[:count]) * _powers(len(block) + 1)[1][:count]
        at = np.flatnonzero(self._table[hashes >> self._shift])
        if self._is_whole:  # one occurrence of each is enough
            values, first = np.unique(hashes[at], return_index=True)
            at = at[first]
        else:
            values = hashes[at]
        low, high = (np.searchsorted(self._hashes, values, side) for side in ("left", "right"))
        number = high - low
        at = np.repeat(at, number)
        which = np.repeat(low - np.cumsum(number) + number, number) + np.arange(len(at))
        lengths = self._strings.lengths[self.wanted[which]]
        fits = at + lengths <= len(block)  # what does not is in the next block too
        at, which, lengths = at[fits], which[fits], lengths[fits]
        same = _hashes(sums, at, lengths) == self._whole[which]
        self._compare(block, at[same], which[same], offset, found)

    def _compare(
        self,
        block: NDArray[np.int64],
        at: NDArray[np.int64],
        which: NDArray[np.int64],
        offset: int,
        found: NDArray[np.int64],
    ) -> None:
        strings = self._strings
        has = np.zeros(len(self.wanted), bool)
        for place, index in zip(at.tolist(), which.tolist(), strict=True):
            if not has[index]:
                string = self.wanted[index]
                begin, length = strings.begins[string], strings.lengths[string]
                has[index] = np.array_equal(block[place : place + length], strings.symbols[begin : begin + length])
                if has[index]:
                    found[string] = offset + place
        if has.any():
            self.wanted, self._hashes, self._whole = self.wanted[~has], self._hashes[~has], self._whole[~has]
            if len(self.wanted) < self._size // 2:
                self._fill_table()


def _running_sums(symbols: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Σ (symbol + 1)·base^i over the first n symbols, for n = 0 … N: (N + 1,)."""
    sums = np.zeros(len(symbols) + 1, np.uint64)
    values = (symbols + 1).astype(np.uint64) * _powers(len(symbols) + 1)[0][: len(symbols)]
    np.cumsum(values, out=sums[1:])
    return sums


def _hashes(sums: NDArray[np.uint64], begins: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.uint64]:
    """The hashes of strings of an array with these running sums."""
    hashes: NDArray[np.uint64] = (sums[begins + lengths] - sums[begins]) * _powers(len(sums))[1][begins]
    return hashes


def _powers(number: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """base^i and base^-i mod 2^64, for at least the first ``number``."""
    return _powers_up_to(max(BLOCK * 2, 1 << number.bit_length()))


@cache
def _powers_up_to(number: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    bases = _BASE, pow(_BASE, -1, 1 << 64)
    one, other = (np.r_[np.uint64(1), np.full(number - 1, base, np.uint64)].cumprod() for base in bases)
    return one, other
