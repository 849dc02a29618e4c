"""Means of a long series of numbers over stretches of it, in memory that does not grow with the series."""

from __future__ import annotations

import math
from collections.abc import Sequence

MOST = 256  # bins that are kept at least once there are as many rows; at most twice as many


class Binned:
    """Rows of numbers, summed over bins of equally many rows; whenever bins are too many, pairs of them are merged.

    Args:
        columns: numbers per row.
    """

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self._width = 1  # rows per bin
        self._bins: list[list[float]] = []  # each: rows, sum of each column

    def add(self, *row: float) -> None:
        """Add a row."""
        if not self._bins or self._bins[-1][0] == self._width:
            if len(self._bins) == 2 * MOST:
                self._bins = _merged(self._bins, 2)
                self._width *= 2
            self._bins.append([0.0] * (1 + self.columns))
        self._bins[-1] = [a + b for a, b in zip(self._bins[-1], (1, *row), strict=True)]

    def means(self, most: int = MOST, rows: int = 1) -> list[tuple[float, ...]]:
        """The means of each column, bin by bin.

        Args:
            most: the largest number of bins that is wanted.
            rows: the smallest number of rows per bin, but for the last one; a last one of less than half of the others
                is part of the one before it.
        """
        number = max(math.ceil(len(self._bins) / most), math.ceil(rows / self._width), 1)
        bins = _merged(self._bins, number)
        if len(bins) > 1 and bins[-1][0] < bins[-2][0] / 2:
            bins = [*bins[:-2], *_merged(bins[-2:], 2)]
        return [tuple(value / count for value in sums) for count, *sums in bins]


def _merged(bins: Sequence[Sequence[float]], number: int) -> list[list[float]]:
    """Bins of which each is the sum of several."""
    return [
        [math.fsum(column) for column in zip(*bins[begin : begin + number], strict=True)]
        for begin in range(0, len(bins), number)
    ]
