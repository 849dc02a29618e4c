"""The upper bound: products of singular values of explicit Jacobians, which no measured norm exceeds."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from rnngen.inspection import passages
from rnngen.inspection.bounds import EXACT, bounds, largest_singular_values
from rnngen.inspection.equations import start_states, step_layer, step_model
from rnngen.inspection.gradients import gradient_flow
from rnngen.inspection.passages import read_passages
from rnngen.model.language_model import RecurrentLM
from tests.inspection.test_gradients import TOKENS, network
from tests.model.test_cells import KINDS


@pytest.mark.parametrize("columns", [5, 40])
def test_the_largest_singular_value_is_that_of_every_rows_jacobian(columns: int) -> None:
    generator = torch.Generator().manual_seed(1)
    W = torch.randn(columns + 3, columns, generator=generator, dtype=torch.float64)
    rows = torch.randn(6, columns, generator=generator, dtype=torch.float64)
    rows[2] = 1e6  # tanh is flat there
    found = largest_singular_values(lambda x: torch.tanh(x @ W.T), rows)
    expected = [torch.linalg.matrix_norm(torch.diag(1 - torch.tanh(W @ row) ** 2) @ W, 2) for row in rows]
    np.testing.assert_allclose(found, expected, rtol=1.01 * EXACT, atol=1e-12)
    assert (found.numpy() >= np.array(expected) * (1 - 1e-12)).all()


def test_the_largest_singular_value_of_a_wide_matrix_is_never_too_small() -> None:
    """Of a Gaussian one, whose largest singular values lie close together."""
    W = torch.randn(256, 256, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    (found,) = largest_singular_values(lambda x: x @ W.T, torch.zeros(1, 256, dtype=torch.float64)).tolist()
    exact = np.linalg.svd(W.numpy(), compute_uv=False)[0]
    assert exact <= found <= exact * (1 + 1.01 * EXACT)


@pytest.mark.parametrize("boundary", [None, 4])
@pytest.mark.parametrize("num_layers", [1, 3])
@pytest.mark.parametrize(("cell", "nonlinearity"), KINDS)
def test_no_norm_exceeds_its_bound(
    cell: str, nonlinearity: str, num_layers: int, boundary: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passages, "ENDS", 3)
    model = network(cell, nonlinearity, radius=0.9, num_layers=num_layers)
    model.boundary = boundary
    of_h = np.zeros(0)
    for flow in gradient_flow(model, TOKENS, 12):
        assert (flow.median <= flow.bound * (1 + 1e-12)).all(), flow.name
        if flow.state == "c":
            np.testing.assert_allclose(flow.bound, of_h * [1, *[2**0.5] * flow.lags], rtol=1e-12)
        of_h = flow.bound
        if flow.state == "h" and flow.layer == num_layers:
            assert flow.bound[0] == pytest.approx(flow.median[0])


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_the_bound_is_the_product_of_the_norms_of_the_jacobians(cell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two layers, by explicit Jacobians and a plain loop; the lower one is reached from above at every step too."""
    for name, value in (("STREAMS", 1), ("ENDS", 1), ("BURN_IN", 3)):
        monkeypatch.setattr(passages, name, value)
    model, lags = network(cell, num_layers=2), 4
    found = bounds(read_passages(model.directions[0], TOKENS[:9], lags), torch.tensor([[2.0]], dtype=torch.float64))
    states, over_time, down = start_states(model, 1), [], []
    for token in torch.from_numpy(TOKENS[: 3 + lags + 1])[:, None]:
        _, steps = step_model(model, token, states)
        inputs = [model.embedding(token), steps[0].states["h"]]
        pairs = [norms(model, layer, inputs[layer], states[layer]) for layer in (0, 1)]
        over_time.append([pair[0] for pair in pairs])
        down.append(pairs[1][1])
        states = [step.states for step in steps]
    upper, lower = [2.0], [2.0 * down[-1]]
    for lag in range(1, lags + 1):
        upper.append(upper[-1] * over_time[-lag][1])
        lower.append(lower[-1] * over_time[-lag][0] + down[-1 - lag] * upper[-1])
    np.testing.assert_allclose(found[1][0], upper, rtol=1e-6)
    np.testing.assert_allclose(found[0][0], lower, rtol=1e-6)


def norms(model: RecurrentLM, layer: int, x: Tensor, states: dict[str, Tensor]) -> tuple[float, float]:
    """‖∂s^t/∂s^{t-1}‖₂ and ‖∂s^t/∂x^t‖₂."""
    names = list(states)

    def step(flat: Tensor, x: Tensor) -> Tensor:
        given = dict(zip(names, flat.chunk(len(names), dim=1), strict=True))
        after = step_layer(model.config, model.cells[layer], x, given).states
        return torch.cat([after[name] for name in names], dim=1)

    flat = torch.cat([states[name] for name in names], dim=1)
    both = torch.autograd.functional.jacobian(step, (flat.detach(), x.detach()))
    return tuple(float(torch.linalg.matrix_norm(each[0, :, 0], 2)) for each in both)  # type: ignore[return-value]


def test_a_document_that_ends_ends_the_bound_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passages, "ENDS", 1)
    model = network("rnn", "identity", radius=1.0)
    model.boundary = 4
    read = read_passages(model.directions[0], TOKENS, 60)
    (found,) = bounds(read, torch.ones(1, 8, dtype=torch.float64))
    for passage in range(8):
        ended = [lag for lag in range(1, 61) if not read.goes_on[60 - lag + 1, passage]]
        assert (found[passage] > 0).sum() == ended[0]
