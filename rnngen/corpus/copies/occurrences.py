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


class _Table:
    """Tells nearly all hashes that are not among some from those that are."""

    def __init__(self, hashes: NDArray[np.uint64]) -> None:
        low, high = _TABLE_BITS
        bits = int(np.clip(int(_SLOTS * len(hashes)).bit_length(), low, high))
        self._shift = np.uint64(64 - bits)
        self._is_taken = np.zeros(1 << bits, bool)
        self._is_taken[hashes >> self._shift] = True

    def may_have(self, hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """False where a hash is certainly not one of them."""
        taken: NDArray[np.bool_] = self._is_taken[hashes >> self._shift]
        return taken


class _Group:
    """Strings that are found by their first ``head`` symbols.

    Where a block has the head of any of them, each length is looked up by itself. Pairs of such a place and a string
    are never listed: of a line of dashes, there can be as many as symbols in the block times strings.
    """

    def __init__(self, strings: Strings, head: int, indices: NDArray[np.int64]) -> None:
        self._strings, self._head = strings, head
        self._sums = _running_sums(strings.symbols.astype(np.int64))
        lengths = strings.lengths[indices]
        self._lengths = [_Length(strings, self._sums, n, indices[lengths == n]) for n in np.unique(lengths).tolist()]
        self._fill_table()

    @property
    def wanted(self) -> NDArray[np.int64]:
        """Indices of the strings that are not found yet."""
        return np.concatenate([np.zeros(0, np.int64), *(each.wanted for each in self._lengths)])

    def _fill_table(self) -> None:
        begins = self._strings.begins[self.wanted]
        self._size = len(begins)
        self._table = _Table(_hashes(self._sums, begins, self._head))

    def look_up(
        self, block: NDArray[np.int64], sums: NDArray[np.uint64], offset: int, found: NDArray[np.int64]
    ) -> None:
        """Note in ``found`` which strings occur in a block that begins at ``offset``."""
        count = len(block) - self._head + 1
        if count < 1:
            return
        hashes = (sums[self._head :] - sums[:count]) * _powers(len(block) + 1)[1][:count]
        places = np.flatnonzero(self._table.may_have(hashes))
        for each in self._lengths:
            each.look_up(block, sums, places, offset, found)
        self._lengths = [each for each in self._lengths if len(each.wanted)]
        if len(self.wanted) < self._size // 2:
            self._fill_table()


class _Length:
    """Strings of one length.

    Attributes:
        wanted: indices of those not found yet, in the order of their hashes.
    """

    def __init__(self, strings: Strings, sums: NDArray[np.uint64], length: int, indices: NDArray[np.int64]) -> None:
        self._strings, self._length = strings, length
        hashes = _hashes(sums, strings.begins[indices], length)
        order = np.argsort(hashes, kind="stable")
        self.wanted, self._hashes = indices[order], hashes[order]
        self._fill_table()

    def _fill_table(self) -> None:
        self._size, self._table = len(self.wanted), _Table(self._hashes)

    def look_up(
        self,
        block: NDArray[np.int64],
        sums: NDArray[np.uint64],
        places: NDArray[np.int64],
        offset: int,
        found: NDArray[np.int64],
    ) -> None:
        """Note in ``found`` which strings occur at any of some places of a block, in ascending order."""
        at = places[: np.searchsorted(places, len(block) - self._length, "right")]  # others are in the next block too
        hashes = _hashes(sums, at, self._length)
        taken = self._table.may_have(hashes)
        values, first = np.unique(hashes[taken], return_index=True)  # one occurrence of each is enough
        at = at[taken][first]
        low, high = (np.searchsorted(self._hashes, values, side) for side in ("left", "right"))
        number = high - low
        which = np.repeat(low - np.cumsum(number) + number, number) + np.arange(number.sum())
        self._compare(block, np.repeat(at, number), which, offset, found)

    def _compare(
        self,
        block: NDArray[np.int64],
        at: NDArray[np.int64],
        which: NDArray[np.int64],
        offset: int,
        found: NDArray[np.int64],
    ) -> None:
        strings, length = self._strings, self._length
        has = np.zeros(len(self.wanted), bool)
        for place, index in zip(at.tolist(), which.tolist(), strict=True):
            string = self.wanted[index]
            begin = strings.begins[string]
            if np.array_equal(block[place : place + length], strings.symbols[begin : begin + length]):
                has[index], found[string] = True, offset + place
        if has.any():
            self.wanted, self._hashes = self.wanted[~has], self._hashes[~has]
            if len(self.wanted) < self._size // 2:
                self._fill_table()


def _running_sums(symbols: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Σ (symbol + 1)·base^i over the first n symbols, for n = 0 … N: (N + 1,)."""
    sums = np.zeros(len(symbols) + 1, np.uint64)
    values = (symbols + 1).astype(np.uint64) * _powers(len(symbols) + 1)[0][: len(symbols)]
    np.cumsum(values, out=sums[1:])
    return sums


def _hashes(sums: NDArray[np.uint64], begins: NDArray[np.int64], length: int) -> NDArray[np.uint64]:
    """The hashes of strings of a length in an array with these running sums."""
    hashes: NDArray[np.uint64] = (sums[begins + length] - sums[begins]) * _powers(len(sums))[1][begins]
    return hashes


def _powers(number: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """base^i and base^-i mod 2^64, for at least the first ``number``."""
    return _powers_up_to(max(BLOCK * 2, 1 << number.bit_length()))


@cache
def _powers_up_to(number: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    bases = _BASE, pow(_BASE, -1, 1 << 64)
    one, other = (np.r_[np.uint64(1), np.full(number - 1, base, np.uint64)].cumprod() for base in bases)
    return one, other
