"""What the gradient norms of a run say: how large they were, how often they were clipped, and what to do about it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

OFTEN = 0.5  # share of clipped steps from which clipping, not the learning rate, decides how long a step is
LEAP = 100.0  # times the median: a norm that no text explains
NOTHING = 1e-4  # a median below which nothing is learned
LEAST = 20  # steps from which there is something to say


@dataclass(frozen=True)
class GradientSummary:
    """The gradient norms of a run's steps, before clipping.

    Attributes:
        median, largest: ‖∇θ‖.
        clipped: share of the steps that were clipped.
        advice: what to do, where the gradient vanishes or explodes; None where all is well.
    """

    median: float
    largest: float
    clipped: float
    advice: str | None


def summarise(norms: Sequence[float], clip: float) -> GradientSummary | None:
    """What norms say; None where there are none.

    Args:
        norms: before clipping, in the order of the steps.
        clip: the threshold.
    """
    if not norms:
        return None
    median, largest = statistics.median(norms), max(norms)
    clipped = sum(norm > clip for norm in norms) / len(norms)
    return GradientSummary(median, largest, clipped, _advice(norms, median, largest, clipped, clip))


def _advice(norms: Sequence[float], median: float, largest: float, clipped: float, clip: float) -> str | None:
    if len(norms) < LEAST:
        return None
    see = "rnngen inspect gradients shows how far it reaches back"
    if median < NOTHING:
        return (
            f"the gradient vanishes (median norm {median:.2g}): take --cell lstm or gru, or --nonlinearity tanh, "
            f"fewer layers, or a higher --learning-rate; {see}"
        )
    if clipped > OFTEN:
        return (
            f"the gradient explodes: {clipped:.0%} of the steps were above --clip {clip:g} (median norm {median:.2g}); "
            f"halve --learning-rate and --muon-learning-rate, shorten --bptt, or take --cell lstm; {see}"
        )
    if largest > LEAP * median and largest > clip:
        return (
            f"the gradient exploded at times (largest norm {largest:.2g}, median {median:.2g}), and was clipped; if "
            f"the loss jumps, lower --clip or --learning-rate; {see}"
        )
    return None
