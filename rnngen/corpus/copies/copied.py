"""How much of some texts stands verbatim in a long one: the share of their n-grams, and the longest run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.copies.occurrences import Strings, Symbols, first_occurrences

ReadText = Callable[[], Iterable[Symbols]]
"""Begins to read the long text, in blocks; it is read a few times."""

_TRIED = 9  # lengths that are looked up in one reading to find the longest run


@dataclass(frozen=True)
class Copied:
    """What of some texts stands in a long one.

    Attributes:
        ngrams: n → how many n-grams the texts have.
        known: n → how many of them stand in the long text.
        longest: the length of the longest run of symbols that does; 0: not one does.
        text: index of the text that has it.
        begin: where it begins there.
        place: where it stands first in the long text.
    """

    ngrams: dict[int, int]
    known: dict[int, int]
    longest: int = 0
    text: int = 0
    begin: int = 0
    place: int = 0

    @property
    def shares(self) -> dict[int, float]:
        """The share of the n-grams that stand in the long text, for each n of which there are any."""
        return {n: self.known[n] / number for n, number in self.ngrams.items() if number}


def copied(groups: Sequence[Sequence[Symbols]], lengths: Sequence[int], read: ReadText) -> list[Copied]:
    """What of some groups of texts stands in a long one, group by group.

    Args:
        groups: of texts, each a text of symbols, (n,), whose runs do not go on in the next.
        lengths: the n of the n-grams.
        read: the long text.
    """
    searches = [_Search(texts, lengths) for texts in groups]
    asked = [search.begin() for search in searches]
    while any(len(strings.begins) for strings in asked):
        symbols = np.concatenate([search.symbols for search in searches])
        shifts = np.cumsum([0, *(len(search.symbols) for search in searches)])[:-1]
        begins = np.concatenate([each.begins + shift for each, shift in zip(asked, shifts, strict=True)])
        strings = Strings(symbols, begins, np.concatenate([each.lengths for each in asked]))
        places = np.split(first_occurrences(strings, read()), np.cumsum([len(each.begins) for each in asked])[:-1])
        asked = [search.go_on(*each) for search, each in zip(searches, zip(asked, places, strict=True), strict=True)]
    return [search.result() for search in searches]


class _Search:
    """The n-grams of a group of texts first, then longer and longer runs that begin where known ones do."""

    def __init__(self, texts: Sequence[Symbols], lengths: Sequence[int]) -> None:
        self.symbols = np.concatenate([np.zeros(0, np.int64), *texts])
        self._sizes = np.array([len(text) for text in texts], np.int64)
        starts = np.cumsum(self._sizes) - self._sizes
        self._starts = starts
        self._room = np.repeat(starts + self._sizes, self._sizes) - np.arange(len(self.symbols))  # to the text's end
        self._lengths = lengths
        self._ngrams: dict[int, int] = {}
        self._known: dict[int, int] = {}
        self._low, self._high = 0, int(self._room.max(initial=0)) + 1  # the longest run is from low to below high
        self._begins = np.arange(len(self.symbols))  # of known runs of length low
        self._places = np.zeros(len(self.symbols), np.int64)

    def begin(self) -> Strings:
        """All n-grams."""
        return self._strings(self._lengths)

    def _strings(self, lengths: Iterable[int]) -> Strings:
        parts = [(self._begins[self._room[self._begins] >= length], length) for length in lengths]
        begins = np.concatenate([np.zeros(0, np.int64), *(begins for begins, _ in parts)])
        sizes = [np.full(len(begins), length, np.int64) for begins, length in parts]
        return Strings(self.symbols, begins, np.concatenate([np.zeros(0, np.int64), *sizes]))

    def go_on(self, asked: Strings, places: NDArray[np.int64]) -> Strings:
        """What to look for next, once it is known where the strings that were asked for stand."""
        is_first = not self._ngrams
        low, high = self._low, self._high
        for length in np.unique(asked.lengths).tolist():
            has = (asked.lengths == length) & (places >= 0)
            if is_first:
                self._ngrams[length], self._known[length] = int((asked.lengths == length).sum()), int(has.sum())
            if has.any():
                low, begins, found = length, asked.begins[has], places[has]
            else:
                high = min(high, length)
        if low > self._low:
            self._low, self._begins, self._places = low, begins, found
            high = min(high, int(self._room[begins].max()) + 1)
        self._high = high
        if low + 1 >= high or not len(self._begins):
            return self._strings(())
        if high > 2 * low > 0:  # doubled, until one is too long
            doubled = low << np.arange(1, 32)
            return self._strings([*doubled[doubled < high - 1].tolist(), high - 1][: 2 * _TRIED])
        tried = np.unique(np.linspace(low, high, min(_TRIED, high - low - 1) + 2).astype(int))
        return self._strings(tried[1:-1].tolist())

    def result(self) -> Copied:
        """What was found."""
        ngrams = {n: self._ngrams.get(n, 0) for n in self._lengths}
        known = {n: self._known.get(n, 0) for n in self._lengths}
        if not self._low:
            return Copied(ngrams, known)
        begin = int(self._begins[0])
        text = int(np.searchsorted(self._starts + self._sizes, begin, "right"))
        return Copied(ngrams, known, self._low, text, begin - int(self._starts[text]), int(self._places[0]))
