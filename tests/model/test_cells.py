"""Each recurrence, forward and every gradient, in float64, against a plain loop over the equations."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from rnngen.model.cells import Cell, initialise, make_cell

T, B, E, H = 7, 3, 4, 5
# Float64, u = 1.1e-16: a step has fewer than E + H + 20 roundings, γ_29 = 3e-15 (see tests/rounding.py). An error grows
# by less than the factor 3 per step, ||W||_2 of a random 5 × 5 block times 0.5 being about 2.2, so by less than
# 3^7 = 2,187: outputs differ by less than 1e-11, and gradients, which go back through the same steps, by about as much
# again for each of the T steps that they are summed over.
OUTPUTS, GRADIENTS = {"rtol": 1e-10, "atol": 1e-11}, {"rtol": 1e-9, "atol": 1e-10}

KINDS = [("lstm", "tanh"), ("gru", "tanh"), ("rnn", "tanh"), ("rnn", "relu"), ("rnn", "sigmoid"), ("rnn", "identity")]

SIGMA: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": lambda a: (a.exp() - (-a).exp()) / (a.exp() + (-a).exp()),
    "relu": lambda a: a * (a > 0),
    "sigmoid": lambda a: 1 / (1 + (-a).exp()),
    "identity": lambda a: a,
}


def naive(
    cell: str, nonlinearity: str, w: dict[str, Tensor], x: Tensor, state: list[Tensor]
) -> tuple[Tensor, list[Tensor]]:
    """The formulas of the literature, one step, one gate at a time."""

    def block(name: str, gate: int) -> Tensor:
        return w[name][gate * H : (gate + 1) * H]

    def from_input(gate: int, v: Tensor) -> Tensor:
        return v @ block("weight_ih_l0", gate).T

    def from_state(gate: int, v: Tensor) -> Tensor:
        return v @ block("weight_hh_l0", gate).T

    def b(gate: int) -> Tensor:
        return block("bias_ih_l0", gate) + block("bias_hh_l0", gate)

    s, tanh = SIGMA["sigmoid"], SIGMA["tanh"]
    outputs = []
    for t in range(len(x)):
        if cell == "lstm":
            h, c = state
            i, f, o = (s(from_input(g, x[t]) + from_state(g, h) + b(g)) for g in (0, 1, 3))
            candidate = tanh(from_input(2, x[t]) + from_state(2, h) + b(2))
            c = f * c + i * candidate
            h = o * tanh(c)
            state = [h, c]
        elif cell == "gru":
            (h,) = state
            r, z = (s(from_input(g, x[t]) + from_state(g, h) + b(g)) for g in (0, 1))
            n = tanh(from_input(2, x[t]) + block("bias_ih_l0", 2) + r * (from_state(2, h) + block("bias_hh_l0", 2)))
            h = (1 - z) * n + z * h
            state = [h]
        else:
            (h,) = state
            h = SIGMA[nonlinearity](from_state(0, h) + from_input(0, x[t]) + b(0))
            state = [h]
        outputs.append(h)
    return torch.stack(outputs), state


def random_layer(cell: str, nonlinearity: str) -> Cell:
    layer = make_cell(cell, nonlinearity, E, H).double()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in layer.parameters():
            p.copy_(torch.randn(p.shape, generator=generator, dtype=torch.float64) * 0.5)
    return layer


@pytest.mark.parametrize(("cell", "nonlinearity"), KINDS)
def test_outputs_state_and_all_gradients_equal_the_naive_loop(cell: str, nonlinearity: str) -> None:
    generator = torch.Generator().manual_seed(2)
    layer = random_layer(cell, nonlinearity)
    x = torch.randn(T, B, E, dtype=torch.float64, generator=generator, requires_grad=True)
    state = torch.randn(layer.state_size, B, H, dtype=torch.float64, generator=generator, requires_grad=True)
    inputs = [x, state, *layer.parameters()]
    weights = dict(layer.named_parameters())

    y, after = layer.run(x, state, layer.weight_hh_l0)
    y_naive, after_naive = naive(cell, nonlinearity, weights, x, list(state))
    torch.testing.assert_close(y, y_naive, **OUTPUTS)
    torch.testing.assert_close(after, torch.stack(after_naive), **OUTPUTS)

    # a loss that reaches every output and the last state with a different weight
    g_y = torch.randn(y.shape, dtype=torch.float64, generator=generator)
    g_s = torch.randn(after.shape, dtype=torch.float64, generator=generator)
    gradients = torch.autograd.grad((y * g_y).sum() + (after * g_s).sum(), inputs)
    expected = torch.autograd.grad((y_naive * g_y).sum() + (torch.stack(after_naive) * g_s).sum(), inputs)
    for gradient, reference in zip(gradients, expected, strict=True):
        torch.testing.assert_close(gradient, reference, **GRADIENTS)


@pytest.mark.parametrize(("cell", "nonlinearity"), KINDS)
def test_a_sequence_in_two_halves_with_the_state_carried_equals_the_whole(cell: str, nonlinearity: str) -> None:
    layer = random_layer(cell, nonlinearity)
    x = torch.randn(T, B, E, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    start = torch.zeros(layer.state_size, B, H, dtype=torch.float64)
    whole, end = layer.run(x, start, layer.weight_hh_l0)
    first, carried = layer.run(x[:3], start, layer.weight_hh_l0)
    second, end_of_halves = layer.run(x[3:], carried, layer.weight_hh_l0)
    torch.testing.assert_close(torch.cat([first, second]), whole, **OUTPUTS)
    torch.testing.assert_close(end_of_halves, end, **OUTPUTS)


def test_identity_gradient_through_time_is_a_power_of_the_recurrent_matrix() -> None:
    layer = random_layer("rnn", "identity")
    h = torch.randn(1, 1, H, dtype=torch.float64, requires_grad=True)
    y, _ = layer.run(torch.zeros(T, 1, E, dtype=torch.float64), h, layer.weight_hh_l0)
    rows = [torch.autograd.grad(y[-1, 0, k], h, retain_graph=True)[0][0, 0] for k in range(H)]
    W = layer.weight_hh_l0.detach()
    torch.testing.assert_close(torch.stack(rows), torch.linalg.matrix_power(W, T), **GRADIENTS)


@pytest.mark.parametrize(("cell", "nonlinearity"), KINDS)
def test_start_values_neither_explode_nor_depend_on_anything_but_the_generator(cell: str, nonlinearity: str) -> None:
    layers = [make_cell(cell, nonlinearity, 32, 64) for _ in range(2)]
    for layer in layers:
        initialise(layer, torch.Generator().manual_seed(5))
    for a, b in zip(*(layer.parameters() for layer in layers), strict=True):
        assert torch.equal(a, b)
    x = torch.randn(200, 2, 32, generator=torch.Generator().manual_seed(6))
    y, _ = layers[0].run(x, torch.zeros(layers[0].state_size, 2, 64), layers[0].weight_hh_l0)
    assert y.isfinite().all()
    assert y[-1].abs().max() < 100


def test_the_forget_gate_begins_open() -> None:
    layer = make_cell("lstm", "tanh", 8, 8)
    initialise(layer, torch.Generator().manual_seed(0))
    assert torch.equal(layer.bias_ih_l0, torch.cat([torch.zeros(8), torch.ones(8), torch.zeros(16)]))
