"""The difference between two models on one text, by a paired bootstrap: both are scored on the same blocks.

What makes a passage hard for one model makes it hard for the other, so the difference is much surer than either score
(Efron & Tibshirani 1993; Koehn 2004, "Statistical Significance Tests for Machine Translation Evaluation").
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from rnngen.evaluation.uncertainty.block_sums import BYTES, FEWEST, NATS, TOKENS, Blocks, BlockSums
from rnngen.evaluation.uncertainty.bootstrap import Range, percentiles, resampled


class Difference(NamedTuple):
    """How much worse a model is than another one.

    Attributes:
        value: its score less the other's; above 0: it is worse.
        range: the confidence interval; None: the text is too short.
    """

    value: float
    range: Range | None

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.range is not None and not self.range.low <= 0 <= self.range.high

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {"difference": self.value, "interval": list(self.range) if self.range else None}


def paired_difference(one: BlockSums, other: BlockSums, *, per_token: bool) -> Difference:
    """The difference between the scores of two models on one text.

    Args:
        one: of a model.
        other: of another one.
        per_token: whether in nats per token, which needs the same tokens; else in bits per byte.
    """
    a, b = _aligned(one, other)
    by, unit = (TOKENS, 1.0) if per_token else (BYTES, 1 / math.log(2))

    def difference(sums: Any, others: Any) -> Any:
        return (sums[NATS] / sums[by] - others[NATS] / others[by]) * unit

    value = float(difference(a.sums.sum(1), b.sums.sum(1)))
    if a.count < FEWEST:
        return Difference(value, None)
    return Difference(value, percentiles(difference(resampled(a.sums), resampled(b.sums)), a.count))


def _aligned(one: BlockSums, other: BlockSums) -> tuple[Blocks, Blocks]:
    """The same blocks of both: where unknown symbols hide their bytes, the last ones may be longer for one of them."""
    a, b = one.blocks(), other.blocks()
    if a.unit != b.unit:
        a, b = one.blocks("bytes"), other.blocks("bytes")
    size = max(a.size, b.size)
    a, b = a.merged_to(size), b.merged_to(size)
    count = min(a.count, b.count)
    return a.first(count), b.first(count)
