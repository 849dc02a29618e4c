"""The factors of a recurrence, against plain loops over the text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from rnngen.inspection import passages
from rnngen.inspection.equations import LayerStep, start_states, step_model
from rnngen.inspection.explanation import explain, fraction
from rnngen.inspection.gradients import gradient_flow
from rnngen.model.language_model import RecurrentLM
from tests.inspection.test_gradients import TOKENS, H, network

LAGS, ENDS, BURN_IN = 12, 2, 5


@pytest.fixture(autouse=True)
def _one_passage(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("STREAMS", 1), ("ENDS", ENDS), ("BURN_IN", BURN_IN)):
        monkeypatch.setattr(passages, name, value)


def read(model: RecurrentLM) -> tuple[list[list[LayerStep]], list[torch.Tensor]]:
    """The steps in the passage that is measured, after those that are read beforehand; and the logits."""
    states, steps, logits = start_states(model, 1), [], []
    for token in torch.from_numpy(TOKENS[: BURN_IN + LAGS + ENDS])[:, None]:
        found, step = step_model(model, token, states)
        states = [each.states for each in step]
        steps.append(step)
        logits.append(found)
    return steps[BURN_IN:], logits[BURN_IN:]


def text() -> Any:
    return TOKENS[: BURN_IN + LAGS + ENDS + 1]


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu", "sigmoid", "identity"])
def test_the_mean_slope_and_the_estimates_are_those_of_a_loop(nonlinearity: str) -> None:
    model = network("rnn", nonlinearity, radius=1.3)
    factors = gradient_flow(model, text(), LAGS)[0].factors
    slopes = []
    for (step,) in read(model)[0]:
        for h in step.states["h"][0].tolist():
            slopes.append(
                {"tanh": 1 - h * h, "relu": float(h > 0), "sigmoid": h * (1 - h), "identity": 1}[nonlinearity]
            )
    assert factors.slope == pytest.approx(np.mean(slopes))
    assert factors.estimate == pytest.approx(np.mean(slopes) * 1.3)
    assert factors.random_gain == pytest.approx(np.sqrt(np.mean(np.square(slopes))) * 1.3)  # ‖W_h‖_F is 1.3 √H
    assert factors.radii == {"h": pytest.approx(1.3)}


@pytest.mark.parametrize(("cell", "state", "gate"), [("lstm", "c", "forget"), ("gru", "h", "update")])
@pytest.mark.parametrize("boundary", [None, 7])
def test_the_gradient_on_the_direct_path_is_multiplied_by_every_gate_in_turn(
    cell: str, state: str, gate: str, boundary: int | None
) -> None:
    model = network(cell)
    model.boundary = boundary
    flow = next(flow for flow in gradient_flow(model, text(), LAGS) if flow.state == state)
    steps, logits = read(model)
    products, norms, means = [], [], []
    for t, (step,) in enumerate(steps):
        if TOKENS[BURN_IN + t] != boundary:
            means += step.gates[gate][0].tolist()
    for end in range(LAGS, LAGS + ENDS):
        p = logits[end].detach().softmax(1)
        p[0, TOKENS[BURN_IN + end + 1]] -= 1
        gradient = (p @ model.output.weight.detach())[0]
        if cell == "lstm":  # through h = o * tanh c
            step = steps[end][0]
            gradient = gradient * step.gates["output"][0] * (1 - step.states["c"][0].tanh() ** 2)
            if TOKENS[BURN_IN + end] == boundary:
                gradient = gradient * 0
        product = torch.ones(H, dtype=torch.float64)
        for lag in range(LAGS + 1):
            inside = boundary not in TOKENS[BURN_IN + end - lag + 1 : BURN_IN + end + 1]
            products.append(float(product.detach().mean()) if inside else np.nan)
            norms.append(float((gradient * product).detach().norm()) if inside else np.nan)
            if lag < LAGS:
                product = product * steps[end - lag][0].gates[gate][0]
    assert flow.factors.gate == pytest.approx(np.mean(means))
    for found, expected in ((flow.factors.gates, products), (flow.factors.direct, norms)):
        table = np.reshape(expected, (ENDS, -1))
        lags = (~np.isnan(table)).any(axis=0).sum()
        assert lags == flow.lags + 1
        np.testing.assert_allclose(found, np.nanmedian(table[:, :lags], axis=0), atol=1e-15)  # type: ignore[arg-type]


def test_a_cell_of_which_h_hears_nothing_has_the_direct_path_alone() -> None:
    """Without the recurrent matrix, ∂c^t/∂c^{t-1} is diag(f^t) exactly."""
    model = network("lstm")
    with torch.no_grad():
        model.cells[0].weight_hh_l0.zero_()
    flow = next(flow for flow in gradient_flow(model, text(), LAGS) if flow.state == "c")
    assert flow.factors.direct is not None
    np.testing.assert_allclose(flow.median, flow.factors.direct, rtol=1e-12)


@pytest.mark.parametrize("boundary", [None, 7])
def test_through_the_identity_what_is_measured_is_what_theory_says_to_rounding(boundary: int | None) -> None:
    model = network("rnn", "identity", radius=0.8, num_layers=2)
    model.boundary = boundary
    below, last = (flow.factors for flow in gradient_flow(model, text(), LAGS))
    assert below.deviation is None  # what comes down from above is not in the power
    assert last.deviation is not None
    assert last.deviation < 1e-12
    with torch.no_grad():
        model.cells[1].weight_hh_l0.mul_(0.5)
    assert gradient_flow(model, text(), LAGS)[1].factors.radii["h"] == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "0"), (1.6e-4, "1.6e-4"), (0.12, "0.12"), (1, "1"), (3.14, "3.1"), (314, "314"), (1.2e7, "1.2e7")],
)
def test_fractions_are_short(value: float, said: str) -> None:
    assert fraction(value) == said


def test_the_sentences_say_why_a_large_radius_does_not_explode() -> None:
    model = network("rnn", "tanh", radius=2.37)
    with torch.no_grad():
        model.embedding.weight.mul_(6)
    flows = gradient_flow(model, text(), LAGS)
    said = explain(flows, model.config)["layer 1"]
    assert said[0] == "Wₕ alone: |λₘₐₓ| = 2.37, so what it multiplies doubles every 0.803 steps in the long run."
    assert f"mean σ' = {flows[0].factors.slope:.3g} " in said[1]
    assert f"= {flows[0].factors.estimate:.3g} per step, which halves" in said[2]
    assert flows[0].verdict.words in said[3]
    assert "vanishes is no contradiction" in said[4]


def test_the_sentences_of_gates_and_of_the_identity_say_what_was_measured() -> None:
    flows = gradient_flow(network("lstm"), text(), LAGS)
    said = " ".join(explain(flows, network("lstm").config)["layer 1"])
    assert "diag(fᵗ)" in said
    assert f"{fraction(float(flows[1].left[LAGS]))} was measured" in said
    assert f"∂J/∂h {flows[0].verdict.words}" in said
    assert f"∂J/∂c {flows[1].verdict.words}" in said
    model = network("rnn", "identity", radius=0.5)
    said = " ".join(explain(gradient_flow(model, text(), LAGS), model.config)["layer 1"])
    assert "|λₘₐₓ| = 0.5, so what it multiplies halves every step" in said
    assert "∂Jⁱ/∂hⁱ · Wₕⁱ⁻ʲ" in said
    assert "The gradient must vanish at least this fast" in said
    deep = explain(gradient_flow(network("gru", num_layers=2), text(), LAGS), network("gru").config)
    assert list(deep) == ["layer 1", "layer 2"]
