"""Levels of surprisal: how improbable a token was to a model, in the steps in which texts are coloured."""

from __future__ import annotations

import math

LEVELS = ((1.0, "under 1 bit"), (3.0, "1 to 3"), (6.0, "3 to 6"), (10.0, "6 to 10"), (math.inf, "more"))
"""The upper bound of each level, in bits, and its label in a legend. Text of the first level is not coloured."""


def level_of(nats: float) -> int:
    """The level of a token whose probability was e^-nats."""
    bits = nats / math.log(2)
    return next((level for level, (bound, _) in enumerate(LEVELS) if bits < bound), len(LEVELS) - 1)
