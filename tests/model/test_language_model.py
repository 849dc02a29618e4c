from __future__ import annotations

import numpy as np
import pytest
import torch

from rnngen.engine.recurrence import Recurrence
from rnngen.errors import CheckpointError
from rnngen.model.dropout import drop_rows, drop_units, drop_weights
from rnngen.model.language_model import RecurrentLM
from rnngen.options.network import ModelConfig
from tests.model.test_cells import KINDS
from tests.rounding import rounding_bound

V = 11


def build(**fields: object) -> RecurrentLM:
    config = ModelConfig(**{"hidden_size": 16, "embedding_size": 6, **fields})
    return RecurrentLM(config, V, torch.Generator().manual_seed(0))


def build_with_biases(**fields: object) -> RecurrentLM:
    """Random ones, so that one that is forgotten or misplaced shows: they begin at 0."""
    model = build(**fields)
    with torch.no_grad():
        for number, p in enumerate(p for p in model.parameters() if p.ndim == 1):
            p.uniform_(-0.5, 0.5, generator=torch.Generator().manual_seed(number))
    return model


@pytest.mark.parametrize("num_layers", [pytest.param(1, marks=pytest.mark.slow), 3])
@pytest.mark.parametrize(("cell", "nonlinearity"), KINDS)
def test_logits_equal_the_numpy_recurrence_over_1000_steps(cell: str, nonlinearity: str, num_layers: int) -> None:
    model = build_with_biases(cell=cell, nonlinearity=nonlinearity, num_layers=num_layers)
    tokens = np.random.default_rng(0).integers(V, size=(1000, 2))
    ids = torch.from_numpy(tokens)
    with torch.no_grad():
        logits, state = model(ids, model.start_state(2))
    bounds = [rounding_bound(lambda m, part=part: m(ids, m.start_state(2))[part], model) for part in (0, 1)]
    assert bounds[0] < 1e-3 * logits.std()  # far less than what a mistake would do
    weights = {name: w.numpy() for name, w in model.weights().items()}
    reference = Recurrence(model.config, weights)
    reference.reset(2)
    for t in range(1000):
        expected = reference.step(tokens[t].tolist())
        np.testing.assert_allclose(logits[t].numpy(), expected, rtol=0, atol=bounds[0])
    np.testing.assert_allclose(state.numpy(), reference.state, rtol=0, atol=bounds[1])


@pytest.mark.parametrize(("cell", "nonlinearity"), KINDS)
def test_a_tied_network_with_a_narrower_last_layer_equals_the_numpy_recurrence(cell: str, nonlinearity: str) -> None:
    model = build_with_biases(cell=cell, nonlinearity=nonlinearity, num_layers=3, tied=True)
    assert [layer.hidden_size for layer in model.cells] == [16, 16, 6]
    assert model.output.weight is model.embedding.weight
    tokens = np.random.default_rng(0).integers(V, size=(50, 2))
    ids = torch.from_numpy(tokens)
    bounds = [rounding_bound(lambda m, part=part: m(ids, m.start_state(2))[part], model) for part in (0, 1)]
    weights = {name: w.numpy() for name, w in model.weights().items()}
    reference = Recurrence(model.config, weights)
    reference.reset(2)
    state = model.start_state(2)
    assert tuple(state.shape) == reference.state.shape == (3, model.cells[0].state_size, 2, 16)
    with torch.no_grad():
        for window in np.split(tokens, [20]):  # the state is carried from one to the next
            logits, state = model(torch.from_numpy(window), state)
            for t, row in enumerate(window):
                expected = reference.step(row.tolist())
                np.testing.assert_allclose(logits[t].numpy(), expected, rtol=0, atol=bounds[0])
            np.testing.assert_allclose(model.readout(state).numpy(), reference.logits, rtol=0, atol=bounds[0])
    np.testing.assert_allclose(state.numpy(), reference.state, rtol=0, atol=bounds[1])
    assert not state[-1, :, :, 6:].any()
    assert {name: w.shape for name, w in weights.items()} == model.config.shapes(V)


def test_a_tied_network_narrows_to_the_embedding_in_its_last_layer_as_torchs_own_layers_would() -> None:
    model = build(num_layers=2, tied=True)
    one, two = torch.nn.LSTM(6, 16), torch.nn.LSTM(16, 6)
    for theirs, ours in zip((one, two), model.cells, strict=True):
        theirs.load_state_dict(ours.state_dict())
    tokens = torch.randint(V, (9, 3), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        logits, _ = model(tokens, model.start_state(3))
        expected = two(one(model.embedding(tokens))[0])[0] @ model.embedding.weight.T + model.output.bias
    bound = rounding_bound(lambda m: m(tokens, m.start_state(3))[0], model)
    torch.testing.assert_close(logits, expected, rtol=0, atol=bound)


def test_logits_at_t_do_not_depend_on_later_tokens() -> None:
    model = build(num_layers=2)
    a = torch.randint(V, (20, 1), generator=torch.Generator().manual_seed(1))
    b = a.clone()
    b[12:] = (b[12:] + 1) % V
    with torch.no_grad():
        one, two = (model(x, model.start_state(1))[0] for x in (a, b))
    assert torch.equal(one[:12], two[:12])
    assert not torch.allclose(one[12], two[12])


def test_the_first_token_is_predicted_from_the_start_state() -> None:
    model = build()
    with torch.no_grad():
        model.output.bias.copy_(torch.arange(V))
    assert torch.equal(model.readout(model.start_state(1)), torch.arange(V, dtype=torch.float32)[None])


def test_tied_weights_are_one_matrix_saved_once() -> None:
    model = build(embedding_size=16, tied=True)
    assert model.output.weight is model.embedding.weight
    assert "output.weight" not in model.weights()
    other = build(embedding_size=16, tied=True)
    with torch.no_grad():
        other.embedding.weight.zero_()
    other.load_weights(model.weights())
    assert torch.equal(other.output.weight, model.embedding.weight)


def test_dropout_uses_one_mask_a_window_and_only_its_generator() -> None:
    model = build(dropout=0.5, input_dropout=0.5, weight_dropout=0.5)
    tokens = torch.full((5, 4), 3)
    state = model.start_state(4)
    with torch.no_grad():
        plain, _ = model(tokens, state)
        again, _ = model(tokens, state)
        one, _ = model(tokens, state, torch.Generator().manual_seed(1))
        same, _ = model(tokens, state, torch.Generator().manual_seed(1))
        other, _ = model(tokens, state, torch.Generator().manual_seed(2))
    assert torch.equal(plain, again)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    ones = torch.ones(50, 8, 400)
    dropped = drop_units(ones, 0.5, torch.Generator().manual_seed(3))
    assert (dropped == dropped[0]).all()  # the same at every step
    assert set(dropped.unique().tolist()) == {0.0, 2.0}  # scaled, so that the mean is kept
    assert abs(dropped.mean().item() - 1) < 0.1


def test_embedding_dropout_drops_a_token_in_all_its_places_and_scales_the_others_up() -> None:
    embedding = torch.nn.Embedding(200, 5)
    tokens = torch.arange(200).repeat(3, 1)  # every token in three places
    rows = drop_rows(embedding, tokens, 0.25, torch.Generator().manual_seed(0))
    mask = torch.empty(200).bernoulli_(0.75, generator=torch.Generator().manual_seed(0))
    matrix = embedding.weight * mask[:, None] / 0.75  # the paper's: dropout on the matrix, then the look-up
    # a product and a quotient, in another order: two roundings of 6e-8 each, where 1.3e-6 is allowed by default
    torch.testing.assert_close(rows, torch.nn.functional.embedding(tokens, matrix))
    assert 20 < (rows[0] == 0).all(1).sum() < 80
    assert torch.equal(drop_rows(embedding, tokens, 0.25, None), embedding(tokens))


def test_dropout_between_layers_differs_from_the_last_ones_only_where_it_is_given() -> None:
    tokens = torch.randint(V, (9, 3), generator=torch.Generator().manual_seed(1))

    def outputs(**fields: object) -> tuple[torch.Tensor, ...]:
        model = build(num_layers=3, **fields)
        with torch.no_grad():
            return model.read(tokens, model.start_state(3), torch.Generator().manual_seed(2))

    plain, _, plain_state = outputs()
    raw, dropped, state = outputs(dropout=0.5, hidden_dropout=0.0)
    assert torch.equal(raw, plain)  # nothing is dropped below the last layer's output
    assert torch.equal(state, plain_state)
    assert 0.2 < (dropped == 0).float().mean() < 0.8
    raw, dropped, _ = outputs(dropout=0.0, hidden_dropout=0.5)
    assert torch.equal(raw, dropped)
    assert not torch.equal(raw, plain)
    for same, other in zip(outputs(dropout=0.5), outputs(dropout=0.5, hidden_dropout=0.5), strict=True):
        assert torch.equal(same, other)


def test_uniform_start_values_have_the_ranges_of_the_paper() -> None:
    model = build(hidden_size=100, embedding_size=25, num_layers=2, tied=True, initialization="uniform")
    assert 0.09 < model.embedding.weight.abs().max() <= 0.1
    assert not model.output.bias.any()
    for layer, bound in zip(model.cells, (0.1, 0.2), strict=True):  # 1/sqrt(H)
        for parameter in layer.parameters():
            assert 0.9 * bound < parameter.abs().max() <= bound


def test_dropped_weights_are_zero_and_the_others_scaled_up_for_them() -> None:
    weight = torch.ones(300, 101, requires_grad=True)
    dropped = drop_weights(weight, 0.25, torch.Generator().manual_seed(0))
    assert sorted(dropped.unique().tolist()) == [0, pytest.approx(4 / 3)]
    assert abs(dropped.mean().item() - 1) < 0.02
    assert abs(dropped.std(dim=0).mean().item() - dropped.std(dim=1).mean().item()) < 0.02  # no row or column alike
    assert drop_weights(weight, 0.999, torch.Generator().manual_seed(0)).isfinite().all()
    dropped.sum().backward()
    assert torch.equal(weight.grad, dropped)  # what is dropped learns nothing


@pytest.mark.parametrize(("cell", "nonlinearity"), KINDS)
def test_a_network_with_dropped_weights_is_the_network_that_has_those_weights(cell: str, nonlinearity: str) -> None:
    model = build(cell=cell, nonlinearity=nonlinearity, weight_dropout=0.5)
    tokens = torch.randint(V, (9, 3), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        dropped, state = model(tokens, model.start_state(3), torch.Generator().manual_seed(2))
        weight = model.cells[0].weight_hh_l0
        weight.copy_(drop_weights(weight, 0.5, torch.Generator().manual_seed(2)))
        expected, end = model(tokens, model.start_state(3))
    for part, (one, other) in enumerate(((dropped, expected), (state, end))):
        bound = rounding_bound(lambda m, part=part: m(tokens, m.start_state(3))[part], model)
        torch.testing.assert_close(one, other, rtol=0, atol=bound)


def test_multiply_weights_count_every_product_of_a_token_once() -> None:
    model = build(num_layers=2)
    assert model.config.multiplied_weights(V) == 4 * 16 * (6 + 16) + 4 * 16 * (16 + 16) + V * 16
    tied = build(embedding_size=16, tied=True)
    assert tied.config.multiplied_weights(V) == 4 * 16 * (16 + 16) + V * 16


@pytest.mark.parametrize("change", ["missing", "unknown", "shape"])
def test_weights_that_do_not_fit_are_refused_by_name(change: str) -> None:
    model = build()
    weights = model.weights()
    if change == "missing":
        del weights["output.bias"]
    elif change == "unknown":
        weights["output.extra"] = torch.zeros(1)
    else:
        weights["output.bias"] = torch.zeros(V + 1)
    with pytest.raises(CheckpointError, match=r"output\."):
        model.load_weights(weights, "here")
