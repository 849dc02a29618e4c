"""The lines of a text that surprise a model most, by their mean nats per token, in constant memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rnngen.evaluation.blocks import ScoredBlock
from rnngen.evaluation.line_ends import LineEnds

LINES = 10
LEAST = 8
"""Tokens of a line that is listed, its line end among them: the mean of fewer is chance."""
KEPT = 200
"""Tokens of its beginning that are kept."""


@dataclass(frozen=True, order=True)
class SurprisingLine:
    """A line of a text.

    Attributes:
        nats_per_token: the mean over all of its tokens.
        before: the number of lines before it, negated: of two lines with the same mean, the first is higher.
        tokens: how many.
        ids: the first ``KEPT`` of them.
    """

    nats_per_token: float
    before: int
    tokens: int
    ids: tuple[int, ...]

    @property
    def line(self) -> int:
        """Its number, from 1."""
        return 1 - self.before


class _Open(NamedTuple):
    """The beginning of a line."""

    nats: float
    tokens: int
    ids: tuple[int, ...]


class SurprisingLines:
    """The most surprising lines, each text once; ``Analysis``.

    A token with line ends in it ends a line, and belongs to it.

    Args:
        ends: of the vocabulary.
    """

    detailed = False

    def __init__(self, ends: LineEnds) -> None:
        self._within = ends.within
        self._found: list[SurprisingLine] = []  # the most surprising first
        self._open, self._before = _Open(0.0, 0, ()), 0

    def add(self, block: ScoredBlock) -> None:
        """Take in the next tokens of the text."""
        counts = self._within[block.tokens]
        last = np.flatnonzero(counts)
        begins, stops = np.append(0, last[:-1] + 1), last + 1
        if not len(last):
            self._open = self._extended(block, 0, len(block.tokens))
            return
        sums = np.add.reduceat(block.nats[: stops[-1]].astype(float), begins)
        lengths = stops - begins
        before = self._before + np.concatenate([[0], np.cumsum(counts[last])])
        first = self._extended(block, 0, int(stops[0]))
        self._offer(first, self._before)
        means = np.where(lengths >= LEAST, sums / lengths, -1.0)
        means[0] = -1.0  # it was the first
        distinct: set[tuple[int, ...]] = set()
        for number in np.argsort(-means, kind="stable"):
            if means[number] < 0 or len(distinct) == LINES:
                break
            ids = tuple(block.tokens[begins[number] : stops[number]][:KEPT].tolist())
            if ids not in distinct:
                self._offer(_Open(float(sums[number]), int(lengths[number]), ids), int(before[number]))
                distinct.add(ids)
        self._open, self._before = _Open(0.0, 0, ()), int(before[-1])
        self._open = self._extended(block, int(stops[-1]), len(block.tokens))

    def _extended(self, block: ScoredBlock, begin: int, stop: int) -> _Open:
        """The open line with some more tokens."""
        more = block.tokens[begin : min(stop, begin + KEPT)].tolist()
        nats = float(block.nats[begin:stop].sum(dtype=float))
        return _Open(self._open.nats + nats, self._open.tokens + stop - begin, (*self._open.ids, *more)[:KEPT])

    def _offer(self, line: _Open, before: int) -> None:
        """Keep a line if it is one of the most surprising; of lines with the same text only the most surprising."""
        if line.tokens < LEAST:
            return
        new = SurprisingLine(line.nats / line.tokens, -before, line.tokens, line.ids)
        same = [each for each in self._found if (each.ids, each.tokens) == (new.ids, new.tokens)]
        kept = [each for each in self._found if each not in same]
        self._found = sorted([*kept, max([new, *same])], reverse=True)[:LINES]

    def lines(self) -> list[SurprisingLine]:
        """The most surprising lines, the most surprising first; call it once the text has ended."""
        self._offer(self._open, self._before)
        self._open = _Open(0.0, 0, ())
        return self._found
