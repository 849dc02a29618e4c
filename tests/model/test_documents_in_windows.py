"""A network begins anew where a document ends, against one that reads every document by itself."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from rnngen.engine.recurrence import Recurrence
from rnngen.engine.torch_stepper import Stepper
from rnngen.evaluation.scoring import held_out_nats
from rnngen.inspection.equations import start_states, step_model
from rnngen.model.language_model import RecurrentLM
from rnngen.options.network import ModelConfig

V, BOUNDARY, T, B = 9, 3, 40, 5
NETWORKS: dict[str, dict[str, Any]] = {
    "lstm": {},
    "lstm, narrow last layer": {"num_layers": 2, "tied": True},
    "gru": {"cell": "gru", "num_layers": 2},
    "rnn": {"cell": "rnn"},
    "rnn, relu": {"cell": "rnn", "nonlinearity": "relu"},
    "rnn, sigmoid": {"cell": "rnn", "nonlinearity": "sigmoid"},
    "rnn, identity": {"cell": "rnn", "nonlinearity": "identity"},
}


def network(name: str, boundary: int | None = BOUNDARY) -> RecurrentLM:
    config = ModelConfig(hidden_size=20, embedding_size=12, **NETWORKS[name])
    return RecurrentLM(config, V, torch.Generator().manual_seed(0), boundary)


def some_tokens(seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(V, size=(T, B)))


def read_apart(model: RecurrentLM, tokens: torch.Tensor) -> torch.Tensor:
    """The logits after each token of one text, (N, V): every document read by itself from the start state."""
    ends = [-1, *(tokens == BOUNDARY).nonzero()[:, 0].tolist(), len(tokens) - 1]
    apart = RecurrentLM(model.config, V)  # knows of no boundary
    apart.load_weights(model.weights())
    logits = []
    for begin, end in pairwise(ends):
        document = tokens[begin + 1 : end + 1]
        inside = document[document != BOUNDARY]
        if len(inside):
            logits.append(apart(inside[:, None], model.start_state(1))[0][:, 0])
        if len(inside) < len(document):
            logits.append(model.readout(model.start_state(1)))
    return torch.cat(logits)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_window_of_several_documents_equals_each_document_read_by_itself(name: str) -> None:
    model, tokens = network(name), some_tokens()
    logits, _ = model(tokens, model.start_state(B))
    for b in range(B):
        assert torch.allclose(logits[:, b], read_apart(model, tokens[:, b]), atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_after_a_boundary_depends_on_anything_before_it_bit_for_bit(name: str) -> None:
    model, tokens = network(name), some_tokens()
    tokens[10] = BOUNDARY
    other = tokens.clone()
    other[:10] = some_tokens(1)[:10]
    state = torch.randn(model.start_state(B).shape, generator=torch.Generator().manual_seed(2))
    state *= model.start_state(B).new_ones(()) if state.shape[-1] == model.cells[-1].hidden_size else 0
    one, after_one = model(tokens, model.start_state(B))
    two, after_two = model(other, state)
    assert torch.equal(one[10:], two[10:])
    assert torch.equal(after_one, after_two)


@pytest.mark.parametrize("name", NETWORKS)
def test_no_gradient_crosses_a_boundary(name: str) -> None:
    model, tokens = network(name), some_tokens()
    tokens[10] = BOUNDARY
    state = model.start_state(B).requires_grad_()
    logits, _ = model(tokens, state)
    (gradient,) = torch.autograd.grad(logits[10:].square().sum(), state, retain_graph=True, allow_unused=True)
    assert gradient is None or not gradient.any()
    (gradient,) = torch.autograd.grad(logits[:10].square().sum(), state)
    assert gradient.any()


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_equal_those_of_the_formulas(name: str) -> None:
    model, tokens = network(name).double(), some_tokens()
    logits, _ = model(tokens, model.start_state(B))
    expected, states = [], start_states(model, B)
    for row in tokens:
        row_logits, steps = step_model(model, row, states)
        expected.append(row_logits)
        states = [step.states for step in steps]
    formulas = torch.stack(expected)
    assert torch.allclose(logits, formulas, atol=1e-12)
    parameters = list(model.parameters())
    found = torch.autograd.grad(logits.square().sum(), parameters)
    wanted = torch.autograd.grad(formulas.square().sum(), parameters)
    for one, other in zip(found, wanted, strict=True):
        assert torch.allclose(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", NETWORKS)
def test_reading_token_by_token_equals_reading_a_window(name: str) -> None:
    model, tokens = network(name).eval(), some_tokens()
    with torch.no_grad():
        logits, after = model(tokens, model.start_state(B))
        start = model.readout(model.start_state(B)).numpy()
    engines = (
        Recurrence(model.config, {n: p.numpy() for n, p in model.weights().items()}, BOUNDARY),
        Stepper(model, "cpu"),
    )
    for engine in engines:
        engine.reset(B)
        assert np.allclose(engine.logits, start, atol=1e-5)
        for row, expected in zip(tokens.tolist(), logits.numpy(), strict=True):
            assert np.allclose(engine.step(row), expected, atol=1e-5)
        assert np.allclose(engine.state, after.numpy(), atol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 3])
@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_the_score_of_a_text_is_the_sum_of_the_scores_of_its_documents(name: str, batch_size: int) -> None:
    model = network(name).eval()
    tokens = np.random.default_rng(4).integers(V, size=300)
    tokens[-1] = BOUNDARY
    ends = np.flatnonzero(tokens == BOUNDARY) + 1
    apart = sum(held_out_nats(model, document) for document in np.split(tokens, ends)[:-1])
    assert held_out_nats(model, tokens, batch_size=batch_size, window=16) == pytest.approx(apart, rel=1e-5)


def test_without_a_boundary_the_start_state_is_zero() -> None:
    assert not network("lstm", boundary=None).start_state(2).any()
