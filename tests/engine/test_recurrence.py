"""The NumPy engine against the formulas of DESIGN, written out in plain Python, and against itself."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
import torch

from rnngen.engine.layers import GRULayer
from rnngen.engine.recurrence import InputTable, Recurrence
from rnngen.engine.torch_stepper import Stepper
from rnngen.model.language_model import RecurrentLM
from rnngen.options.network import ModelConfig
from tests.model.test_cells import KINDS
from tests.rounding import gamma, rounding_bound

V, H, E = 11, 8, 5


def build_network(cell: str, nonlinearity: str, num_layers: int = 1, hidden_size: int = H) -> RecurrentLM:
    config = ModelConfig(
        cell=cell, nonlinearity=nonlinearity, num_layers=num_layers, hidden_size=hidden_size, embedding_size=E
    )  # type: ignore[arg-type]
    model = RecurrentLM(config, V, torch.Generator().manual_seed(0))
    with torch.no_grad():
        for p in model.parameters():
            if p.ndim == 1:
                p.uniform_(-0.5, 0.5, generator=torch.Generator().manual_seed(len(p)))
    return model


def build(cell: str, nonlinearity: str, num_layers: int = 1, hidden_size: int = H) -> tuple[dict, dict]:
    model = build_network(cell, nonlinearity, num_layers, hidden_size)
    return model.config, {name: w.numpy() for name, w in model.weights().items()}


def bounds(model: RecurrentLM, tokens: np.ndarray) -> tuple[float, float]:
    """Of the logits and the state while tokens (T, B) are read."""
    ids = torch.from_numpy(tokens)

    def outputs(m: RecurrentLM, part: int) -> torch.Tensor:
        return m(ids, m.start_state(ids.shape[1]))[part]

    return rounding_bound(lambda m: outputs(m, 0), model), rounding_bound(lambda m: outputs(m, 1), model)


def naive(config: dict, w: dict, tokens: list[int]) -> list[float]:
    """Logits after a text: every sum a loop over float64, every gate on its own."""

    def sigma(a: float) -> float:
        return 1 / (1 + math.exp(-a))

    def row(name: str, gate: int, unit: int) -> list[float]:
        return w[f"layers.0.{name}"][gate * H + unit].tolist()

    def bias(name: str, gate: int, unit: int) -> float:
        return float(w[f"layers.0.{name}"][gate * H + unit])

    def dot(a: list[float], b: list[float]) -> float:
        return math.fsum(x * y for x, y in zip(a, b, strict=True))

    h, c = [0.0] * H, [0.0] * H
    for token in tokens:
        x = w["embedding.weight"][token].tolist()

        def from_state(gate: int, unit: int, h: list[float] = h) -> float:
            return dot(row("weight_hh_l0", gate, unit), h) + bias("bias_hh_l0", gate, unit)

        def from_input(gate: int, unit: int, x: list[float] = x) -> float:
            return dot(row("weight_ih_l0", gate, unit), x) + bias("bias_ih_l0", gate, unit)

        def both(gate: int, unit: int) -> float:
            return from_state(gate, unit) + from_input(gate, unit)

        if config.cell == "lstm":
            c = [sigma(both(1, j)) * c[j] + sigma(both(0, j)) * math.tanh(both(2, j)) for j in range(H)]
            h = [sigma(both(3, j)) * math.tanh(c[j]) for j in range(H)]
        elif config.cell == "gru":
            n = [math.tanh(from_input(2, j) + sigma(both(0, j)) * from_state(2, j)) for j in range(H)]
            h = [(1 - sigma(both(1, j))) * n[j] + sigma(both(1, j)) * h[j] for j in range(H)]
        else:
            f = {"tanh": math.tanh, "sigmoid": sigma, "relu": lambda a: max(a, 0.0), "identity": lambda a: a}
            h = [f[config.nonlinearity](both(0, j)) for j in range(H)]
    return [dot(w["output.weight"][v].tolist(), h) + float(w["output.bias"][v]) for v in range(V)]


@pytest.mark.parametrize(("cell", "nonlinearity"), KINDS)
def test_logits_equal_the_formulas(cell: str, nonlinearity: str) -> None:
    config, weights = build(cell, nonlinearity)
    engine = Recurrence(config, weights)
    np.testing.assert_array_equal(engine.logits[0], naive(config, weights, []))  # the bias alone
    tokens = np.random.default_rng(0).integers(V, size=12).tolist()
    bound, _ = bounds(build_network(cell, nonlinearity), np.array(tokens)[:, None])
    for n, token in enumerate(tokens, start=1):
        engine.step([token])
        np.testing.assert_allclose(engine.logits[0], naive(config, weights, tokens[:n]), rtol=0, atol=bound)


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize(("cell", "nonlinearity"), KINDS)
def test_streams_do_not_touch_each_other(cell: str, nonlinearity: str, num_layers: int) -> None:
    engine = Recurrence(*build(cell, nonlinearity, num_layers))
    tokens = np.random.default_rng(1).integers(V, size=(30, 4))
    together = engine.fork()
    together.reset(4)
    alone = [engine.fork() for _ in range(4)]
    of_logits, of_state = bounds(build_network(cell, nonlinearity, num_layers), tokens)
    for row in tokens.tolist():
        together.step(row)
        for stream, token in zip(alone, row, strict=True):
            stream.step([token])
        each = np.concatenate([s.logits for s in alone])
        np.testing.assert_allclose(together.logits, each, rtol=0, atol=of_logits)
    each = np.concatenate([s.state for s in alone], axis=2)
    np.testing.assert_allclose(together.state, each, rtol=0, atol=of_state)


@pytest.mark.parametrize("engine_class", ["numpy", "torch"])
@pytest.mark.parametrize(("cell", "nonlinearity"), KINDS)
def test_a_state_that_is_put_back_goes_on_as_it_did(cell: str, nonlinearity: str, engine_class: str) -> None:
    numpy = engine_class == "numpy"
    engine = (
        Recurrence(*build(cell, nonlinearity, 2)) if numpy else Stepper(build_network(cell, nonlinearity, 2), "cpu")
    )
    for token in (3, 1, 4):
        engine.step([token])
    state, logits = engine.state, engine.logits.copy()
    first = [engine.step([token]).copy() for token in (1, 5, 9)]
    engine.state = state
    np.testing.assert_array_equal(engine.logits, logits)
    np.testing.assert_array_equal([engine.step([token]).copy() for token in (1, 5, 9)], first)
    engine.state = state.repeat(3, axis=2)  # many go on from one
    bound, _ = bounds(build_network(cell, nonlinearity, 2), np.array([[3], [1], [4]]))
    np.testing.assert_allclose(engine.logits, logits.repeat(3, axis=0), rtol=0, atol=bound)


@pytest.mark.parametrize(("cell", "nonlinearity"), KINDS)
def test_the_torch_engine_reads_as_the_numpy_engine_does(cell: str, nonlinearity: str) -> None:
    one, other = Recurrence(*build(cell, nonlinearity, 2)), Stepper(build_network(cell, nonlinearity, 2), "cpu")
    one.reset(3)
    other.reset(3)
    np.testing.assert_array_equal(one.logits, other.logits)  # the bias alone
    tokens = np.random.default_rng(2).integers(V, size=(50, 3))
    of_logits, of_state = bounds(build_network(cell, nonlinearity, 2), tokens)
    for row in tokens.tolist():
        np.testing.assert_allclose(one.step(row), other.step(row), rtol=0, atol=of_logits)
    np.testing.assert_allclose(one.state, other.state, rtol=0, atol=of_state)
    assert one.state.shape == other.state.shape


def test_a_fork_has_read_nothing_and_changes_nothing() -> None:
    engine = Recurrence(*build("lstm", "tanh"))
    begin = engine.logits.copy()
    after = engine.step([3]).copy()
    twin = engine.fork()
    np.testing.assert_array_equal(twin.logits, begin)
    twin.step([5])
    np.testing.assert_array_equal(engine.logits, after)


def test_the_loop_makes_no_arrays() -> None:
    engine = Recurrence(*build("lstm", "tanh", 2, hidden_size=1024))
    tokens = [[t] for t in range(V)]
    for token in tokens:
        engine.step(token)
    tracemalloc.start()
    for token in tokens * 5:
        engine.step(token)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2048  # a state alone would be 4096 bytes


def test_the_input_table_is_the_product_with_the_embedding() -> None:
    _, weights = build("gru", "tanh")
    file = {name.removeprefix("layers.0."): w for name, w in weights.items() if name.startswith("layers.0.")}
    layer = GRULayer(file, "tanh")
    table = InputTable(weights["embedding.weight"], layer)
    table.allocate(4)
    tokens = [3, 3, 7, 0]
    x, U, b = weights["embedding.weight"][tokens].astype(float), layer.U.astype(float), layer.b.ravel().astype(float)
    bound = gamma(E + 1) * (np.abs(x) @ np.abs(U).T + np.abs(b))  # a sum of E products and a bias
    difference = np.abs(table.of(tokens) - (x @ U.T + b).reshape(4, 3, H).transpose(1, 0, 2))
    assert (difference <= bound.reshape(4, 3, H).transpose(1, 0, 2)).all()
    np.testing.assert_array_equal(table.of(tokens), table.of(tokens))
