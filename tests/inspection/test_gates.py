"""Gates token by token, against the naive equations in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnngen.errors import CorpusError, RnngenError
from rnngen.inspection.gates import LayerTrace, trace_gates
from rnngen.model.cloze import ClozeLM
from rnngen.model.language_model import Network
from rnngen.model.load import make_network
from rnngen.options.network import ModelConfig
from tests.rounding import rounding_bound

V = 7
TOKENS = np.random.default_rng(0).integers(V, size=40)


def sigmoid(a: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-a))


def bound(model: Network) -> float:
    """Of all gates and states."""

    def values(m: Network) -> np.ndarray:
        return np.concatenate([v for t in trace_gates(m, TOKENS) for v in (*t.gates.values(), *t.states.values())])

    return rounding_bound(values, model)


def test_lstm_gates_and_cell_are_those_of_the_naive_equations() -> None:
    model = make_network(ModelConfig(hidden_size=5, embedding_size=3), V, torch.Generator().manual_seed(1))
    w = {name: p.detach().double().numpy() for name, p in model.named_parameters()}
    U, W = w["layers.0.weight_ih_l0"], w["layers.0.weight_hh_l0"]
    b = w["layers.0.bias_ih_l0"] + w["layers.0.bias_hh_l0"]
    (trace,), atol = trace_gates(model, TOKENS), bound(model)
    h, c = np.zeros(5), np.zeros(5)
    for t, token in enumerate(TOKENS):
        a_i, a_f, a_c, a_o = np.split(U @ w["embedding.weight"][token] + W @ h + b, 4)
        i, f, o = sigmoid(a_i), sigmoid(a_f), sigmoid(a_o)
        c = f * c + i * np.tanh(a_c)
        h = o * np.tanh(c)
        for name, value in (("input", i), ("forget", f), ("output", o)):
            np.testing.assert_allclose(trace.gates[name][t], value, rtol=0, atol=atol)
        np.testing.assert_allclose(trace.states["c"][t], c, rtol=0, atol=atol)
        np.testing.assert_allclose(trace.states["h"][t], h, rtol=0, atol=atol)


def test_gru_gates_are_those_of_the_naive_equations() -> None:
    config = ModelConfig(cell="gru", hidden_size=5, embedding_size=3)
    model = make_network(config, V, torch.Generator().manual_seed(1))
    w = {name: p.detach().double().numpy() for name, p in model.named_parameters()}
    (trace,), atol = trace_gates(model, TOKENS), bound(model)
    h = np.zeros(5)
    for t, token in enumerate(TOKENS):
        x = w["embedding.weight"][token]
        x_r, x_z, x_n = np.split(w["layers.0.weight_ih_l0"] @ x + w["layers.0.bias_ih_l0"], 3)
        h_r, h_z, h_n = np.split(w["layers.0.weight_hh_l0"] @ h + w["layers.0.bias_hh_l0"], 3)
        r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
        h = (1 - z) * np.tanh(x_n + r * h_n) + z * h
        np.testing.assert_allclose(trace.gates["reset"][t], r, rtol=0, atol=atol)
        np.testing.assert_allclose(trace.gates["update"][t], z, rtol=0, atol=atol)
        np.testing.assert_allclose(trace.states["h"][t], h, rtol=0, atol=atol)


def test_both_directions_of_a_bidirectional_network_are_traced_in_the_texts_order() -> None:
    config = ModelConfig(hidden_size=5, embedding_size=3, num_layers=2, bidirectional=True)
    traces = trace_gates(make_network(config, V), TOKENS)
    assert [t.name for t in traces] == [f"{d}, layer {n}" for d in ("left to right", "right to left") for n in (1, 2)]
    model = make_network(config, V)
    assert isinstance(model, ClozeLM)
    right, carried, atol = model.right_to_left, model.right_to_left.start_state(1), bound(model)
    for t in reversed(range(len(TOKENS))):  # after token t was read from the right
        carried = right.read(torch.tensor([[TOKENS[t]]]), carried)[2].detach()
        for layer in (0, 1):
            np.testing.assert_allclose(traces[2 + layer].states["h"][t], carried[layer, 0, 0], rtol=0, atol=atol)
    longer = trace_gates(make_network(config, V), np.append(TOKENS, 3))
    np.testing.assert_array_equal(traces[0].states["h"], longer[0].states["h"][:-1])
    assert not np.array_equal(traces[2].states["h"], longer[2].states["h"][:-1])  # it has read what was added


def test_saturation_counts_values_below_a_tenth_and_above_nine_tenths() -> None:
    gate = np.array([[0.05, 0.5], [0.95, 0.99]], np.float32)
    assert LayerTrace("", 1, {"forget": gate}, {"h": gate}).saturation() == {"forget": (0.25, 0.5)}


def test_a_text_that_says_nothing_is_refused() -> None:
    with pytest.raises(CorpusError, match="too short"):
        trace_gates(make_network(ModelConfig(hidden_size=4, embedding_size=2), V), TOKENS[:5])


def test_weights_that_are_no_numbers_are_an_error() -> None:
    model = make_network(ModelConfig(hidden_size=4, embedding_size=2), V)
    with torch.no_grad():
        next(model.parameters()).fill_(float("nan"))
    with pytest.raises(RnngenError, match="not finite"):
        trace_gates(model, TOKENS)
