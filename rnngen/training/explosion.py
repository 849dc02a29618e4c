"""What to do when loss or gradient is no longer finite."""

from __future__ import annotations

from rnngen.options.clipping import threshold_of
from rnngen.options.config import RunConfig
from rnngen.options.training import OptimizerConfig
from rnngen.training.optim.recipe import recipe_named

HIGH_CLIP = 10.0  # times the default
HIGH_RATE = 2.5  # times the default learning rate; rule 10 itself sets up to twice the default


def explosion_advice(
    config: RunConfig, precision: str, *, network_is_given: bool = False, has_learned: bool = True
) -> str:
    """What to change, beginning with settings that are unusual.

    Args:
        config: of the run.
        precision: that it was computed in.
        network_is_given: whether it began with another run's weights, so that the network cannot change.
        has_learned: whether a step had been taken; before the first one neither rates nor clipping matter.
    """
    optimizer, usual, cell = config.optimizer, OptimizerConfig(), config.model
    steps: list[str] = []  # all of them have to be taken
    if has_learned and threshold_of(optimizer.clip) > HIGH_CLIP * usual.clip:
        steps.append(f"`clip={usual.clip:g}` (it is {f'{optimizer.clip:g}' if optimizer.clip else 'off'})")
    highest = 0.9 if cell.nonlinearity == "identity" else 1.0  # without a nonlinearity 1 is the edge
    if cell.gain is not None and cell.gain > highest and not network_is_given:
        steps.append(f"`gain={highest:g}` (it is {cell.gain:g})")
    if cell.cell == "rnn" and cell.nonlinearity in ("relu", "identity") and not network_is_given:
        steps.append(f"`nonlinearity=tanh` (it is {cell.nonlinearity}), or `cell=lstm`")
    recipe = recipe_named(optimizer.optimizer)
    rates = {name: getattr(optimizer, name) for name in recipe.learning_rates}
    planned = {name: getattr(usual, name) for name in recipe.planned_rates}
    high = {name: rate for name, rate in planned.items() if has_learned and rates[name] > HIGH_RATE * rate}
    steps += [f"`{name}={rate:g}` (it is {rates[name]:g})" for name, rate in high.items()]
    if precision != "float32":
        steps.append(f"`precision=float32` (it is {precision})")
    if not has_learned:
        change = f"Begin a new run with {', or '.join(steps)}." if steps else "Begin with other weights."
        return f"The state overflows before anything is learned. {change}"
    if high:
        return f"Begin a new run with {' and '.join(steps)}."
    steps.append("lower rates: " + " ".join(f"`{name}={rate / 4:.3g}`" for name, rate in rates.items()))
    return f"Begin a new run with {', or '.join(steps)}."
