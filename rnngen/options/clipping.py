"""What the option ``clip`` means, wherever it is read."""

from __future__ import annotations

import math


def threshold_of(clip: float) -> float:
    """The norm above which a gradient is clipped; where the option is 0, there is none."""
    return clip or math.inf
