"""What the gradient norms of a run say: how large they were, how often they were clipped, and what to do about it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from rnngen.options.config import RunConfig
from rnngen.options.training import OptimizerConfig

OFTEN = 0.5  # share of clipped steps from which clipping, not the learning rate, decides how long a step is
LARGE = 10.0  # a median above which the gradient explodes: the loss is a mean of nats a token
GROWTH = 10.0  # times the first quarter's median, in the last quarter
LEAP = 100.0  # times the median: a norm that no text explains
NOTHING = 1e-4  # a median below which nothing is learned
HIGH = 2.5  # times the default learning rate; rule 10 sets up to twice that itself
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


def summarise(norms: Sequence[float], config: RunConfig) -> GradientSummary | None:
    """What norms say; None where there are none.

    Args:
        norms: before clipping, in the order of the steps.
        config: of the run; what it has already is not advised.
    """
    if not norms:
        return None
    median, largest = statistics.median(norms), max(norms)
    clipped = sum(norm > config.optimizer.clip for norm in norms) / len(norms)
    return GradientSummary(median, largest, clipped, _advice(norms, median, largest, clipped, config))


def explosion_advice(config: RunConfig, precision: str, *, network_is_given: bool = False) -> str:
    """What to change when loss or gradient is no longer finite: first what is set to something unusual.

    Args:
        config: of the run.
        precision: that it was computed in.
        network_is_given: whether it began with another run's weights, so that the network cannot change.
    """
    optimizer, usual, cell = config.optimizer, OptimizerConfig(), config.model
    steps: list[str] = []  # what is set to something unusual: all of it has to change
    if optimizer.clip > LARGE * usual.clip:
        steps.append(f"`clip={usual.clip:g}` (it is {optimizer.clip:g})")
    if cell.cell == "rnn" and cell.nonlinearity in ("relu", "identity") and not network_is_given:
        steps.append(f"`nonlinearity=tanh` (it is {cell.nonlinearity}), or `cell=lstm`")
    names = ["learning_rate", *(["muon_learning_rate"] if optimizer.optimizer == "muon" else [])]
    rates = {name: getattr(optimizer, name) for name in names}
    high = {
        name: getattr(usual, name)
        for name in names
        if optimizer.optimizer == "muon" and getattr(optimizer, name) > HIGH * getattr(usual, name)
    }
    steps += [f"`{name}={rate:g}` (it is {rates[name]:g})" for name, rate in high.items()]
    if precision != "float32":
        steps.append(f"`precision=float32` (it is {precision})")
    if high:
        return f"Begin a new run with {' and '.join(steps)}."
    steps.append("lower rates: " + " ".join(f"`{name}={rate / 4:.3g}`" for name, rate in rates.items()))
    return f"Begin a new run with {', or '.join(steps)}."


def _advice(norms: Sequence[float], median: float, largest: float, clipped: float, config: RunConfig) -> str | None:
    if len(norms) < LEAST:
        return None
    see = "rnngen inspect gradients shows how far it reaches back"
    model, clip = config.model, config.optimizer.clip
    gates = ["take `cell=lstm` or gru"] if model.cell == "rnn" else []
    rates = "`learning_rate`" + (" and `muon_learning_rate`" if config.optimizer.optimizer == "muon" else "")
    if median < NOTHING:
        steps = [*gates, *(["take fewer layers"] if model.num_layers > 1 else []), f"raise {rates}"]
        return f"the gradient vanishes (median norm {median:.2g}): {', or '.join(steps)}; {see}"
    quarter = len(norms) // 4
    grew = statistics.median(norms[-quarter:]) > GROWTH * statistics.median(norms[:quarter])
    if clipped > OFTEN and (median > LARGE or grew):
        steps = [f"halve {rates}", "shorten `bptt`", *gates]
        how = f"{clipped:.0%} of the steps were above `clip={clip:g}` (median norm {median:.2g})"
        return f"the gradient explodes: {how}; {', or '.join(steps)}; {see}"
    if clipped > OFTEN:
        return (
            f"{clipped:.0%} of the steps were above `clip={clip:g}` (median norm {median:.2g}), so it decided how far "
            f"they went: raise it above {median:.2g}, or lower {rates} if the loss jumps"
        )
    if largest > LEAP * median and largest > clip:
        return (
            f"the gradient exploded at times (largest norm {largest:.2g}, median {median:.2g}), and was clipped; if "
            f"the loss jumps, lower `clip` or {rates}; {see}"
        )
    return None
