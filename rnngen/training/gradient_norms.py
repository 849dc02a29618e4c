"""Summary of a run's gradient norms: how large they were, how often they were clipped, and what to do about it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from rnngen.options.config import RunConfig
from rnngen.training.optim.clipping import threshold_of
from rnngen.training.optim.recipe import recipe_named

OFTEN = 0.5  # fraction of clipped steps above which clipping, not the learning rate, determines the length of a step
LARGE = 10.0  # a median above which the gradient explodes: the loss is in nats per token
GROWTH = 10.0  # ratio of the last quarter's median to the first quarter's above which it explodes
LEAP = 100.0  # ratio of the largest norm to the median that no text explains, and
SHARP = 10.0  # ratio of it to the threshold and to the first norms: a median is also low where a text is known by heart
NOTHING = 1e-4  # a median below which nothing is learned
ENOUGH = 20  # steps; fewer are not judged


@dataclass(frozen=True)
class GradientSummary:
    """The gradient norms of a run's steps, before clipping.

    Attributes:
        median, largest: ‖∇θ‖.
        clipped: fraction of the steps that were clipped.
        advice: what to do if the gradient vanishes or explodes; None if all is well.
    """

    median: float
    largest: float
    clipped: float
    advice: str | None


def summarise(norms: Sequence[float], config: RunConfig) -> GradientSummary | None:
    """Summarise gradient norms; None if there are none.

    Args:
        norms: before clipping, in the order of the steps.
        config: of the run; nothing that it has already is advised.
    """
    if not norms:
        return None
    median, largest = statistics.median(norms), max(norms)
    clipped = sum(norm > threshold_of(config.optimizer.clip) for norm in norms) / len(norms)
    return GradientSummary(median, largest, clipped, _advice(norms, median, largest, clipped, config))


def _advice(norms: Sequence[float], median: float, largest: float, clipped: float, config: RunConfig) -> str | None:
    if len(norms) < ENOUGH:
        return None
    see = "rnngen inspect gradients shows how far it reaches back"
    model, clip = config.model, threshold_of(config.optimizer.clip)
    gates = ["use `cell=lstm` or gru"] if model.cell == "rnn" else []
    rates = " and ".join(f"`{name}`" for name in recipe_named(config.optimizer.optimizer).learning_rates)
    if median < NOTHING:
        steps = [*gates, *(["use fewer layers"] if model.num_layers > 1 else []), f"raise {rates}"]
        return f"the gradient vanishes (median norm {median:.2g}): {', or '.join(steps)}; {see}"
    quarter = len(norms) // 4
    grew = statistics.median(norms[-quarter:]) > GROWTH * statistics.median(norms[:quarter])
    if clipped > OFTEN and (median > LARGE or grew):
        steps = [f"halve {rates}", "shorten `bptt`", *gates]
        how = f"{clipped:.0%} of the steps were above `clip={clip:g}` (median norm {median:.2g})"
        return f"the gradient explodes: {how}; {', or '.join(steps)}; {see}"
    if clipped > OFTEN:
        return (
            f"{clipped:.0%} of the steps were above `clip={clip:g}` (median norm {median:.2g}), so it determined "
            f"their length: raise it above {median:.2g}, or lower {rates} if the loss jumps"
        )
    if largest > LEAP * median and largest > SHARP * max(clip, statistics.median(norms[:ENOUGH])):
        return (
            f"the gradient exploded at times (largest norm {largest:.2g}, median {median:.2g}), and was clipped; if "
            f"the loss jumps, lower `clip` or {rates}; {see}"
        )
    return None
