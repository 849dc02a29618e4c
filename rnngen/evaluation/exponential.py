"""From mean nats to a perplexity."""

from __future__ import annotations

import math


def exp_or_infinity(x: float) -> float:
    """e^x, or infinity if that is beyond the largest float."""
    return math.exp(x) if x < 700 else math.inf
