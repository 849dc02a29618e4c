"""Loss against the length of context, against reading each context from the start state in NumPy float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from rnngen.engine.recurrence import Recurrence
from rnngen.evaluation.explanation import context
from rnngen.evaluation.explanation.context import context_curve, lengths_for, nats_with_context, ngram_nats
from rnngen.model.cloze import ClozeLM
from rnngen.model.language_model import Network, RecurrentLM
from rnngen.ngram.counts import count_ngrams
from rnngen.ngram.fitting import fit_discounts
from rnngen.ngram.interpolated import NGram
from rnngen.options.network import ModelConfig
from tests.rounding import rounding_bound

V, BOUNDARY = 7, 2


def network(kind: type[RecurrentLM] | type[ClozeLM], boundary: int | None) -> Network:
    config = ModelConfig(hidden_size=12, embedding_size=4, num_layers=2, bidirectional=kind is ClozeLM)
    model = kind(config, V, torch.Generator().manual_seed(3), boundary)
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(1.5)
    return model


def logits_after(reader: RecurrentLM, tokens: list[int]) -> np.ndarray:
    """Token by token; a boundary is followed by the state that it is read into from the start state."""
    weights = {name: w.detach().double().numpy() for name, w in reader.named_parameters()}
    recurrence = Recurrence(reader.config, weights, boundary=reader.boundary)
    for token in tokens:
        recurrence.step([token])
    return recurrence.logits[0].copy()


def one_by_one(model: Network, tokens: list[int], at: int, k: int) -> float:
    if isinstance(model, ClozeLM):
        following = tokens[at + 1 : at + 1 + k][::-1] if tokens[at] != model.boundary else []
        logits = logits_after(model.left_to_right, tokens[at - k : at]) + logits_after(model.right_to_left, following)
    else:
        assert isinstance(model, RecurrentLM)
        logits = logits_after(model, tokens[at - k : at])
    return math.log(np.exp(logits).sum()) - float(logits[tokens[at]])


@pytest.mark.parametrize("boundary", [None, BOUNDARY])
@pytest.mark.parametrize("kind", [RecurrentLM, ClozeLM])
def test_nats_are_those_of_reading_so_many_tokens_from_a_reset(
    kind: type[RecurrentLM] | type[ClozeLM], boundary: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context, "_READ", 10)  # several positions at a time, and several times
    model, tokens = network(kind, boundary), np.random.default_rng(4).integers(V, size=60).astype(np.uint16)
    positions = np.array([10, 11, 12, 20, 31, 40, 41, 49])
    assert BOUNDARY in tokens[positions]
    counted: list[int] = []
    for k in (1, 2, 5, 10):
        found = nats_with_context(model, tokens, positions, k, counted.append)
        expected = [one_by_one(model, tokens.tolist(), int(at), k) for at in positions]
        bound = rounding_bound(lambda m, k=k: [one_by_one(m, tokens.tolist(), int(at), k) for at in positions], model)
        np.testing.assert_allclose(found, expected, rtol=0, atol=bound)
    assert sum(counted) == len(positions) * (1 + 2 + 5 + 10)


def test_the_curve_has_paired_differences_and_says_how_much_context_is_enough() -> None:
    draw = np.random.default_rng(0)
    whole = draw.exponential(1, 40)
    one, two, four = whole + draw.normal(1, 0.1, 40), whole + 0.009 * whole, whole + 0.001 * draw.normal(size=40)
    curve = context_curve(whole, [(1, one), (2, two), (4, four)], [(1, 1.2), (2, float(two.mean()))])
    assert [each.tokens for each in curve.lengths] == [1, 2, 4]
    for each, nats in zip(curve.lengths, (one, two, four), strict=True):
        assert each.nats_per_token == pytest.approx(nats.mean())
        assert each.more == pytest.approx(nats.mean() - whole.mean())
        assert each.error == pytest.approx(np.std(nats - whole, ddof=1) / math.sqrt(40))
    assert (curve.enough, curve.as_good_as_ngram) == (2, 2)
    assert context_curve(whole, [(1, one)]).enough is None
    assert lengths_for(1) == ()
    assert lengths_for(16) == (1, 2, 3, 4, 5, 8)
    assert lengths_for(16, both_sides=True) == (1, 2, 3, 4)


@pytest.mark.parametrize("boundary", [None, BOUNDARY])
@pytest.mark.parametrize("order", [2, 4])
def test_an_ngram_model_sees_what_it_would_in_the_text(order: int, boundary: int | None) -> None:
    draw = np.random.default_rng(1)
    train, valid, tokens = (draw.choice(V, n, p=np.arange(1, V + 1) / 28) for n in (3000, 300, 200))
    positions = np.arange(order - 1, 200, 7)
    ngram = fit_discounts(NGram(count_ngrams(train, order, V, boundary=boundary), boundary=boundary), valid)
    p, _ = ngram.probabilities(tokens)
    expected = -np.log(p[positions]).mean()
    assert ngram_nats(ngram, order, tokens, positions) == pytest.approx(expected)
