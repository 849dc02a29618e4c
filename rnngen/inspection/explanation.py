"""What theory says about a gradient beside what was measured, in one sentence each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby

from rnngen.inspection.equations import DIRECT
from rnngen.inspection.gradients import Flow
from rnngen.inspection.verdicts import EVEN, factor_at_the_end, rate
from rnngen.options.network import ModelConfig

TOLD = 50
"""The lag at which sentences say what is left, or the last one if there are fewer."""
DIFFERS = 0.1
"""Relative difference between half-lives from which both are explained."""

_SLOPES = {"tanh": "1 - h²", "sigmoid": "h (1 - h)", "relu": "1 where h > 0, else 0"}


def fraction(value: float) -> str:
    """A fraction in few characters: 1.6e-4, 0.12, 3.1."""
    if not value:
        return "0"
    if value < 0.01 or value >= 1000:
        digits, _, exponent = f"{value:.1e}".partition("e")
        return f"{digits}e{int(exponent)}" if exponent else digits
    return f"{value:.2g}" if value < 100 else f"{value:.0f}"


def left_of(flow: Flow, lag: int) -> str:
    """What is left of the gradient at a lag, as a fraction of that at lag 0."""
    return fraction(float(flow.left[lag]))


def explain(flows: Sequence[Flow], config: ModelConfig) -> dict[str, list[str]]:
    """Sentences about each layer, by its name in words.

    Args:
        flows: of a network, as ``gradient_flow`` gives them.
        config: of the network.
    """
    return {name: _sentences(list(states), config) for name, states in groupby(flows, lambda flow: flow.layer_name)}


def _sentences(states: list[Flow], config: ModelConfig) -> list[str]:
    alone = _of_gates(states, config) if config.cell in DIRECT else _of_rnn(states[0], config)
    return [*alone, *map(_measured, states), _bounded(states[-1])]


def _of_rnn(flow: Flow, config: ModelConfig) -> list[str]:
    """Wₕ alone, σ' alone, and both."""
    factors, radius = flow.factors, flow.factors.radii["h"]
    said = [f"Wₕ alone: |λₘₐₓ| = {radius:.3g}, so what it multiplies {rate(radius)} in the long run."]
    if config.nonlinearity == "identity":
        exact = "No nonlinearity: σ' = 1, so the gradient is ∂Jⁱ/∂hⁱ · Wₕⁱ⁻ʲ"
        if factors.deviation is None:
            return [*said, f"{exact}, and what comes down from the layers above."]
        return [*said, f"{exact}; what was measured {_agrees(factors.deviation)}.", *_at_short_lags(flow, radius)]
    assert factors.slope is not None
    assert factors.random_gain is not None
    assert factors.estimate is not None
    said.append(f"{config.nonlinearity} shrinks it: mean σ' = {factors.slope:.3g} on this text, as σ' is "
                f"{_SLOPES[config.nonlinearity]}.")  # fmt: skip
    said.append(
        f"Both, roughly: mean σ' · |λₘₐₓ| = {factors.estimate:.3g} per step, which {rate(factors.estimate)}; in a "
        f"random direction √(mean σ'²) · ‖Wₕ‖ / √H = {factors.random_gain:.3g}, which {rate(factors.random_gain)}. "
        "‖Wₕ‖ is the Frobenius norm. These are estimates: they take σ' to be independent of the gradient's direction."
    )
    return said


def _at_short_lags(flow: Flow, radius: float) -> list[str]:
    """That W_h^k only gradually does what |λₘₐₓ| says, where that shows."""
    factor, last = flow.verdict.factor, flow.median[-1]
    if not (radius > 0 and 0 < factor < math.inf and 0 < last < math.inf):
        return []
    measured, alone = math.log(factor), math.log(radius)
    if abs(measured - alone) <= max(DIFFERS * abs(alone), EVEN):
        return []
    how = "shrinks faster" if measured < alone else "shrinks less"
    return [
        f"At short lags it {how} than |λₘₐₓ| says, because the other eigenvalues count there too: over all lags it "
        f"{rate(factor)}, at the end it {rate(factor_at_the_end(flow.median))}."
    ]


def _of_gates(states: list[Flow], config: ModelConfig) -> list[str]:
    """The blocks of Wₕ alone, and the direct path."""
    state, gate, letter = DIRECT[config.cell]
    flow = next(each for each in states if each.state == state)
    factors, lag = flow.factors, min(TOLD, flow.lags)
    assert factors.gate is not None
    assert factors.gates is not None
    assert factors.direct is not None
    blocks = ", ".join(f"{name} {radius:.3g} ({rate(radius)})" for name, radius in factors.radii.items())
    direct = float(factors.direct[lag] / factors.direct[0]) if factors.direct[0] else 0.0
    return [
        f"Wₕ alone: |λₘₐₓ| is {blocks}. It acts through the gates, not on the direct path of {state}.",
        f"Direct path: ∂{state}ᵗ/∂{state}ᵗ⁻¹ = diag({letter}ᵗ). The {gate} gate is {factors.gate:.2g} on "
        f"average; its product over {lag} steps is {fraction(float(factors.gates[lag]))}, mean over units.",
        f"On that path alone {fraction(direct)} of ∂J/∂{state} would be left {lag} steps back; with the paths "
        f"through {'h' if state == 'c' else 'the gates'} {left_of(flow, lag)} was measured.",
    ]


def _measured(flow: Flow) -> str:
    lag = min(TOLD, flow.lags)
    left = left_of(flow, lag)
    if flow.verdict.kind == "carries" and lag == flow.lags:
        return f"Measured: ∂J/∂{flow.state} {flow.verdict.words}."
    back = f"it is {left} times as large" if flow.left[lag] > 1 else f"{left} of it is left"
    return f"Measured: ∂J/∂{flow.state} {flow.verdict.words}; {lag} steps back {back}."


def _bounded(flow: Flow) -> str:
    if not flow.bound[0]:
        return "Upper bound: 0."
    factor = float((flow.bound[-1] / flow.bound[0]) ** (1 / flow.lags))
    said = f"Upper bound: the product of σₘₐₓ(∂sᵗ/∂sᵗ⁻¹) {rate(factor)}. "
    if factor < 1:
        return said + "The gradient must vanish at least this fast."
    and_vanishes = "; that it vanishes is no contradiction" if flow.verdict.kind == "vanishes" else ""
    return f"{said}The gradient cannot grow faster{and_vanishes}."


def _agrees(deviation: float) -> str:
    return "is exactly that" if deviation == 0 else f"differs from that by {fraction(deviation)} of it at most"
