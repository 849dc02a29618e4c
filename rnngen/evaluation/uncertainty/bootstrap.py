"""The bootstrap over blocks: the sampling error of a score within a text.

That is how much it would differ if other passages like its blocks stood in their place. Texts differ by more than that,
and passages next to each other are alike, so for other texts the interval is a lower bound.

Blocks are drawn with replacement, as many as there are; every score is a ratio of two sums over what was drawn. The
interval is the expanded percentile interval of 10,000 such ratios: its percentiles are those to which Student's t leads
instead of the normal distribution, so that it is wide enough for few blocks too (Hesterberg 2015, "What Teachers Should
Know About the Bootstrap"). The blocks are drawn from a fixed seed, so the same scores have the same interval.

It says nothing of how much another run with another seed would differ; for that there are siblings (``--seeds``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnngen.evaluation.scores import TextScore
from rnngen.evaluation.uncertainty.block_sums import BYTES, CHARACTERS, FEWEST, NATS, SHORTEST, TOKENS, Blocks

CONFIDENCE = 0.95
RESAMPLES = 10_000
SEED = 0
_DRAWN = 1 << 20  # blocks drawn at a time

_LINEAR = {"nats_per_token": TOKENS, "bits_per_character": CHARACTERS, "bits_per_byte": BYTES}
_EXPONENTIAL = {"token_perplexity": TOKENS, "perplexity": TOKENS, "byte_perplexity": BYTES}
"""Measures, without what those of bidirectional models begin with, and what their nats are divided by."""


class Range(NamedTuple):
    """An interval."""

    low: float
    high: float


@dataclass(frozen=True)
class Interval:
    """The confidence intervals of a score.

    Attributes:
        blocks: how many were drawn from.
        unit, size: how much text each has, as in 512 characters.
        ranges: of each measure, by its key.
    """

    blocks: int
    unit: str
    size: int
    ranges: Mapping[str, Range]

    def as_dict(self) -> dict[str, Any]:
        """The method, and each interval as two numbers."""
        return {
            **method(),
            "blocks": self.blocks,
            f"{self.unit}_per_block": self.size,
            **{key: list(each) for key, each in self.ranges.items()},
        }

    def in_words(self) -> str:
        """How it was computed."""
        unit = self.unit if self.size > 1 else self.unit.removesuffix("s")
        return f"{CONFIDENCE:.0%} interval: bootstrap over {self.blocks} blocks of {self.size:,} {unit}"


def method() -> dict[str, Any]:
    """What JSON says of every interval."""
    return {"confidence": CONFIDENCE, "method": "block bootstrap", "resamples": RESAMPLES, "seed": SEED}


def too_short(blocks: Blocks) -> str | None:
    """Why a text is too short for an interval; None: it is not."""
    if blocks.count >= FEWEST:
        return None
    return (
        f"too short for a confidence interval, which needs {FEWEST * SHORTEST:,} characters or {FEWEST} documents "
        f"({FEWEST} blocks to draw from)"
    )


def interval_of(score: TextScore, blocks: Blocks) -> Interval | None:
    """The confidence interval of the measures per token, character and byte; None: the text is too short.

    Args:
        score: of a text.
        blocks: of the same text.
    """
    if too_short(blocks):
        return None
    sums = blocks.with_bytes(score.counts.bytes)
    drawn, total = resampled(sums), sums.sum(1)
    ranges = {}
    for key, value in score.measured().items():
        name = key.removeprefix(score.prefix.replace("-", "_"))
        by = {**_LINEAR, **_EXPONENTIAL}.get(name)
        if by is None or math.isnan(value):
            continue
        # relative to the score, whatever its unit
        ratio = (drawn[NATS] / drawn[by]) / (total[NATS] / total[by]) if total[NATS] else np.ones(1)
        low, high = percentiles(ratio, blocks.count)
        ranges[key] = Range(value * low, value * high) if name in _LINEAR else Range(value**low, value**high)
    return Interval(blocks.count, blocks.unit, blocks.size, ranges)


def resampled(sums: NDArray[np.float64], resamples: int = RESAMPLES) -> NDArray[np.float64]:
    """Sums over as many blocks as there are, drawn with replacement, again and again.

    Args:
        sums: over blocks, (k, n).
        resamples: R.

    Returns:
        (k, R); row by row of the same blocks.
    """
    n = sums.shape[1]
    draw = np.random.RandomState(SEED)  # whose numbers no later version of NumPy changes (NEP 19)
    at_a_time = max(1, _DRAWN // n)
    parts = []
    for begin in range(0, resamples, at_a_time):
        chosen = draw.randint(0, n, (min(at_a_time, resamples - begin), n))
        parts.append(np.stack([row[chosen].sum(1) for row in sums]))
    return np.concatenate(parts, axis=1)


def percentiles(values: NDArray[np.float64], n: int) -> Range:
    """The expanded percentile interval.

    Args:
        values: from resampled blocks, (R,).
        n: number of blocks.
    """
    tail = NormalDist().cdf(-math.sqrt(n / (n - 1)) * _student((1 + CONFIDENCE) / 2, n - 1))
    low, high = np.quantile(values, [tail, 1 - tail])
    return Range(float(low), float(high))


def _student(p: float, freedom: int) -> float:
    """The quantile of Student's t distribution, to 0.001 from 15 degrees of freedom (Cornish & Fisher 1937)."""
    z, v = NormalDist().inv_cdf(p), freedom
    return (
        z
        + (z**3 + z) / (4 * v)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * v**3)
    )
