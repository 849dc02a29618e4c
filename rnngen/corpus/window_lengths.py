"""Windows of random length, so that gradients are not cut at the same positions in every epoch (Merity et al. 2018).

A window has ⌊x⌋ steps, where x is normally distributed around k (with probability 0.95) or k/2 with standard deviation
``jitter``, but at least 5 (or k, if k is smaller). Lengths are drawn in blocks, each from the seed and the block's
number, so a window's position depends on the seed and the step number alone. After a million steps they repeat, so that
the position of any step, however high, is found at once.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

HALF_SHARE = 0.05
MIN = 5
BLOCK = 1024  # steps
BLOCKS = 1024


class WindowLengths:
    """The position and the length of every step's window in a stream.

    Args:
        bptt: k.
        jitter: standard deviation; 0: all windows have k steps.
        seed: of the random lengths.
    """

    def __init__(self, bptt: int, jitter: float, seed: int) -> None:
        self.bptt, self.jitter, self.seed = bptt, jitter, seed
        self._begins = [0]  # tokens before each block, as far as they have been counted
        self._block = -1

    @property
    def mean(self) -> float:
        """Expected length: Σ over n ≥ 1 of P(length ≥ n)."""
        if not self.jitter:
            return float(self.bptt)
        least = min(MIN, self.bptt)
        more = range(least + 1, self.bptt + math.ceil(9 * self.jitter))
        at_least = sum(
            share * 0.5 * math.erfc((n - center) / self.jitter / math.sqrt(2))
            for n in more
            for share, center in ((1 - HALF_SHARE, self.bptt), (HALF_SHARE, self.bptt / 2))
        )
        return least + at_least

    def window(self, step: int) -> tuple[int, int]:
        """The number of tokens before a window, and in it."""
        if not self.jitter:
            return step * self.bptt, self.bptt
        rounds, within = divmod(step, BLOCKS * BLOCK)
        block, index = divmod(within, BLOCK)
        if block != self._block:
            self._block, self._lengths = block, self._draw(block)
            self._ends = self._begin(block) + np.cumsum(self._lengths)
        before = rounds * self._begin(BLOCKS) if rounds else 0
        length = int(self._lengths[index])
        return before + int(self._ends[index]) - length, length

    def _begin(self, block: int) -> int:
        """The number of tokens before a block."""
        while len(self._begins) <= block:
            self._begins.append(self._begins[-1] + int(self._draw(len(self._begins) - 1).sum()))
        return self._begins[block]

    def _draw(self, block: int) -> NDArray[np.int64]:
        generator = np.random.default_rng((self.seed, block))
        centers = np.where(generator.random(BLOCK) < HALF_SHARE, self.bptt / 2, self.bptt)
        drawn = generator.normal(centers, self.jitter).astype(np.int64)
        return np.maximum(drawn, min(MIN, self.bptt))
