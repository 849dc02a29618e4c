"""Dynamic evaluation, in float64, against a plain loop over the paper's formulas, token by token."""

from __future__ import annotations

import contextlib
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from rnngen.evaluation.adaptation import dynamic
from rnngen.evaluation.adaptation.dynamic import EPSILON, SquaredGradients, read_adapting, squared_gradients
from rnngen.evaluation.adaptation.settings import Dynamic
from rnngen.model.language_model import RecurrentLM
from rnngen.options.network import ModelConfig

V = 6
SETTINGS = Dynamic(learning_rate=0.02, decay=0.05, segment=5)
NETWORKS = {
    "lstm": {},
    "gru": {"cell": "gru", "num_layers": 2},
    "rnn": {"cell": "rnn", "nonlinearity": "sigmoid"},
    "identity": {"cell": "rnn", "nonlinearity": "identity"},
    "tied": {"hidden_size": 4, "embedding_size": 4, "tied": True},
    "documents": {"boundary": 3},
}


def network(name: str) -> RecurrentLM:
    options = dict(NETWORKS[name])
    boundary = options.pop("boundary", None)
    config = ModelConfig(**{"hidden_size": 5, "embedding_size": 3, **options})
    return RecurrentLM(config, V, torch.Generator().manual_seed(1), boundary=boundary).double().eval()


def text(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, V, n).astype(np.uint16)


def loss_of(model: RecurrentLM, tokens: np.ndarray, state: Tensor) -> tuple[list[Tensor], Tensor]:
    """-ln p of each token but the first one, read one by one from a state, and the state before the last one."""
    losses = []
    for before, after in zip(tokens[:-1].tolist(), tokens[1:].tolist(), strict=True):
        logits, state = model(torch.tensor([[before]]), state)
        losses.append(logits[0, 0].logsumexp(0) - logits[0, 0, after])
    return losses, state


def naive(model: RecurrentLM, tokens: np.ndarray, train: np.ndarray, settings: Dynamic) -> list[float]:
    weights = list(model.parameters())
    trained = [w.detach().clone() for w in weights]
    # one segment of the training part: as many squares as it has segments of 64 tokens
    losses, _ = loss_of(model, train, model.start_state(1))
    squares = [g**2 for g in torch.autograd.grad(torch.stack(losses).mean(), weights)]
    mean = float(torch.cat([s.sqrt().flatten() for s in squares]).mean())
    state = model.start_state(1)
    found: list[float] = []
    for begin in range(0, len(tokens), settings.segment):
        segment = tokens[max(0, begin - 1) : begin + settings.segment]
        first = model.readout(state)[0]
        losses, state = loss_of(model, segment, state.detach())
        if begin == 0:
            losses.insert(0, first.logsumexp(0) - first[int(tokens[0])])
        found += [float(loss.detach()) for loss in losses]
        gradients = torch.autograd.grad(torch.stack(losses).mean(), weights, allow_unused=True)
        norm = math.sqrt(sum(float((g**2).sum()) for g in gradients if g is not None))
        usual = math.sqrt(sum(float(ms.sum()) for ms in squares))
        with torch.no_grad():
            for w, w0, gradient, ms in zip(weights, trained, gradients, squares, strict=True):
                g = None if gradient is None else gradient * min(1, usual / norm)
                back = torch.clamp(settings.decay * ms.sqrt() / mean, max=1) * (w0 - w)
                step = settings.learning_rate / (ms.sqrt() + EPSILON * mean)
                w.add_(back - step * (torch.zeros_like(w) if g is None else g))
    with torch.no_grad():
        for w, w0 in zip(weights, trained, strict=True):
            w.copy_(w0)
    return found


def nats_of(model: RecurrentLM, tokens: np.ndarray, settings: Dynamic | None, **how: object) -> np.ndarray:
    return np.concatenate([block.nats for block in read_adapting(model, tokens, settings, **how)])  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NETWORKS)
def test_dynamic_evaluation_follows_the_formulas(name: str) -> None:
    model, tokens, train = network(name), text(23), text(20, seed=1)
    expected = naive(model, tokens, train, SETTINGS)
    found = nats_of(model, tokens, SETTINGS, statistics=squared_gradients(model, train))
    # nats are kept in float32: half a unit in the last place of numbers below 8
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    assert abs(found - nats_of(model, tokens, None)).max() > 1e-3, "the weights learned nothing"


def test_the_weights_come_back_even_if_reading_is_interrupted() -> None:
    model = network("lstm")
    before = model.weights()
    blocks = read_adapting(model, text(40), SETTINGS)
    for _ in range(4):
        next(blocks)
    assert any((w != before[name]).any() for name, w in model.weights().items())
    blocks.close()  # type: ignore[attr-defined]
    assert all((w == before[name]).all() for name, w in model.weights().items())


@pytest.mark.parametrize("own", [False, True])
def test_every_token_is_scored_before_it_is_learned_from(own: bool) -> None:
    model, tokens = network("lstm"), text(40)
    statistics = None if own else squared_gradients(model, text(200, seed=1))
    found = nats_of(model, tokens, SETTINGS, statistics=statistics)
    for changed in (0, 7, 9, 10, 39):
        other = tokens.copy()
        other[changed] = (other[changed] + 1) % V
        again = nats_of(model, other, SETTINGS, statistics=statistics)
        assert (again[:changed] == found[:changed]).all()
        assert (again[changed:] != found[changed:]).any()


def test_the_probabilities_of_all_next_tokens_sum_to_1_after_learning() -> None:
    model, tokens = network("lstm"), text(18)
    last = []
    for token in range(V):
        tokens[-1] = token
        last.append(nats_of(model, tokens, SETTINGS)[-1])
    assert np.exp(-np.array(last, np.float64)).sum() == pytest.approx(1, abs=1e-5)


def test_the_squared_gradients_are_averages() -> None:
    model = network("lstm")
    zeros = [torch.zeros_like(p) for p in model.parameters()]
    twice, once = SquaredGradients.none(model), SquaredGradients.none(model)
    ones = [z + 1 for z in zeros]
    once.add(ones)
    twice.add(ones)
    twice.add(ones)
    for a, b in zip(once.scales(SETTINGS), twice.scales(SETTINGS), strict=True):
        assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("n", [1, 2, 5, 6])
def test_short_texts_are_scored(n: int) -> None:
    model = network("gru")
    statistics = squared_gradients(model, text(1))  # there is nothing to collect
    assert nats_of(model, text(n), SETTINGS, statistics=statistics).shape == (n,)


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_differentiated_is_read_in_training_mode_and_nothing_else_changes(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, tokens = network(name), text(23)
    modes: list[bool] = []
    for layer in model.cells:
        layer_run = type(layer)._run if name in ("lstm", "tied", "documents") else type(layer).run

        def run(*how: object, layer: object = layer, layer_run: object = layer_run, **more: object) -> object:
            modes.append(layer.training)  # type: ignore[attr-defined]
            return layer_run(layer, *how, **more)  # type: ignore[operator]

        monkeypatch.setattr(layer, "_run" if name in ("lstm", "tied", "documents") else "run", run)
    found = nats_of(model, tokens, SETTINGS, statistics=squared_gradients(model, text(20, seed=1)))
    assert modes
    assert all(modes), "cuDNN differentiates in training mode only"
    assert not any(module.training for module in model.modules())
    modes.clear()
    nats_of(model, tokens, None)
    assert not any(modes)
    monkeypatch.setattr(dynamic, "differentiable", lambda _: contextlib.nullcontext())
    again = nats_of(model, tokens, SETTINGS, statistics=squared_gradients(model, text(20, seed=1)))
    np.testing.assert_array_equal(again, found)


def test_the_table_of_n_grams_stays_and_its_size_changes_nothing() -> None:
    tokens = text(120)

    def nats(settings: Dynamic | None, rows: int) -> np.ndarray:
        config = ModelConfig(hidden_size=6, embedding_size=4, history=3, history_rows=rows)
        model = RecurrentLM(config, V, torch.Generator().manual_seed(0))  # the table is 0
        read = read_adapting(model, tokens, settings, squared_gradients(model, tokens), keep=True)
        found = np.concatenate([block.scores.nats for block in read])
        assert not model.history.weight.any()
        return found

    assert np.array_equal(nats(SETTINGS, 50), nats(SETTINGS, 5000))
    assert not np.array_equal(nats(SETTINGS, 50), nats(None, 50))
