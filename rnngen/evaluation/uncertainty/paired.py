"""The difference between two models on one text, by a paired bootstrap: both are scored on the same blocks.

What makes a passage hard for one model makes it hard for the other, so the difference is much surer than either score
(Efron & Tibshirani 1993; Koehn 2004, "Statistical Significance Tests for Machine Translation Evaluation"). It is
between two trained models on one text: its interval does not include what another seed would change.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from rnngen.evaluation.scores import TextScore
from rnngen.evaluation.uncertainty.block_sums import BYTES, FEWEST, NATS, TOKENS, BlockSums
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


def paired_difference(
    scores: tuple[TextScore, TextScore], sums: tuple[BlockSums, BlockSums], *, per_token: bool
) -> Difference:
    """The difference between the scores of two models on one text.

    Args:
        scores: of a model and of another one; both of the same bytes.
        sums: of both; of the same characters.
        per_token: whether in nats per token, which needs the same tokens; else in bits per byte.
    """
    length, unit = (scores[0].tokens, 1.0) if per_token else (scores[0].counts.bytes, math.log(2))
    one, other = (score.nats / length / unit for score in scores)
    a, b = (each.blocks("characters") for each in sums)
    if a.count < FEWEST:
        return Difference(one - other, None)
    read = min(a, b, key=lambda each: each.unknown).with_bytes(scores[0].counts.bytes)  # the one that hides less
    rows = np.stack([a.sums[NATS] - b.sums[NATS], read[TOKENS if per_token else BYTES]])
    nats, drawn = resampled(rows)
    return Difference(one - other, percentiles(nats / drawn * (rows[1].sum() / length / unit), a.count))
