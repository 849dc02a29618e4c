"""A sample of a text's positions, and what a model says there that has read everything before."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rnngen.evaluation.blocks import ScoredBlock


def sampled_positions(first: int, stop: int, count: int) -> NDArray[np.int64]:
    """Positions from ``first`` to ``stop`` - 1: one at random in each of ``count`` equal parts, always the same ones.

    All of them if they are not more than that.
    """
    if stop - first <= count:
        return np.arange(first, stop)
    at = (np.arange(count) + np.random.default_rng(0).random(count)) * (stop - first) / count
    return first + at.astype(np.int64)


class Sampled:
    """The nats of the tokens at some positions; ``Analysis``.

    Args:
        positions: in rising order, (P,).

    Attributes:
        nats: of the tokens there, (P,).
    """

    detailed = False

    def __init__(self, positions: NDArray[np.int64]) -> None:
        self.positions, self.nats = positions, np.full(len(positions), np.nan)

    def add(self, block: ScoredBlock) -> None:
        """Take in the next tokens of the text."""
        begin, stop = np.searchsorted(self.positions, [block.start, block.stop])
        self.nats[begin:stop] = block.nats[self.positions[begin:stop] - block.start]
