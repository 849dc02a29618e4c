"""The neural cache and the growing n-grams, against loops over their formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from rnngen.evaluation.adaptation import cache, growing
from rnngen.evaluation.adaptation.cache import NeuralCache
from rnngen.evaluation.adaptation.growing import GrowingNGram
from rnngen.evaluation.adaptation.mixing import fit_weights, mixed
from rnngen.evaluation.adaptation.settings import Cache

V = 5


def text(n: int, seed: int = 0) -> np.ndarray:
    """Tokens that repeat themselves."""
    rng = np.random.default_rng(seed)
    words = [rng.integers(0, V, 4) for _ in range(6)]
    return np.concatenate([words[i] for i in rng.integers(0, 6, n // 4 + 1)])[:n].astype(np.uint16)


def naive_cache(hidden: np.ndarray, tokens: np.ndarray, size: int, flatness: float) -> list[float]:
    found = []
    for t in range(len(tokens)):
        pairs = range(max(0, t - size), t)
        weights = [math.exp(flatness * float(hidden[i] @ hidden[t])) for i in pairs]
        hit = sum(w for w, i in zip(weights, pairs, strict=True) if tokens[i] == tokens[t])
        found.append(hit / sum(weights) if weights else 1 / V)
    return found


@pytest.mark.parametrize("size", [1, 7, 100])
def test_the_neural_cache_follows_the_formula(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_ROWS", 8)
    tokens = text(50)
    hidden = np.random.default_rng(1).normal(size=(50, 3))
    states = NeuralCache(Cache(size), V, (0.5, 2.0))
    for begin, end in ((0, 3), (3, 20), (20, 50)):
        states.add(torch.from_numpy(hidden[begin:end]), tokens[begin:end])
    found = states.probabilities()
    for k, flatness in enumerate((0.5, 2.0)):
        np.testing.assert_allclose(found[:, k], naive_cache(hidden, tokens, size, flatness), rtol=1e-12)


def naive_ngram(before: list[int], token: int, discounts: tuple[float, ...], boundary: int | None) -> float:
    p = 1 / V
    for k, D in enumerate(discounts):
        context = before[len(before) - k :] if k else []
        if len(before) < k or (boundary is not None and boundary in context[1:]):
            break
        followers = [
            before[i + k]
            for i in range(len(before) - k)
            if before[i : i + k] == context and (boundary is None or boundary not in context[1:])
        ]
        if followers:
            p = (max(followers.count(token) - D, 0) + D * len(set(followers)) * p) / len(followers)
    return p


@pytest.mark.parametrize("boundary", [None, 2])
def test_growing_counts_follow_the_formula_and_sum_to_1(boundary: int | None) -> None:
    tokens, discounts = text(60), (0.9, 0.6, 0.4, 0.8)
    p, matched, alone = GrowingNGram(discounts, V, boundary).probabilities(tokens)
    listed = tokens.tolist()
    expected = [naive_ngram(listed[:t], listed[t], discounts, boundary) for t in range(60)]
    np.testing.assert_allclose(p, expected, rtol=1e-12)
    total = sum(naive_ngram(listed, token, discounts, boundary) for token in range(V))
    assert total == pytest.approx(1, abs=1e-12)
    assert matched[0] == 0
    assert not alone[0]
    assert matched.max() == 3
    # after the same two tokens as before, which only one token ever followed
    assert alone[matched >= 1].any()


def test_a_token_does_not_change_the_probability_of_earlier_ones() -> None:
    tokens = text(60)
    model = GrowingNGram((0.9, 0.6, 0.4), V)
    p = model.probabilities(tokens)[0]
    tokens[40] = (tokens[40] + 1) % V
    again = model.probabilities(tokens)[0]
    np.testing.assert_array_equal(p[:40], again[:40])
    assert p[40] != again[40]


def test_a_text_longer_than_a_span_is_counted_span_by_span(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens, model = text(50), GrowingNGram((0.9, 0.6, 0.4), V)
    whole = model.probabilities(tokens)[0]
    monkeypatch.setattr(growing, "SPAN", 20)
    found = model.probabilities(tokens)[0]
    np.testing.assert_array_equal(found[:40], whole[:40])  # the first span, and the second with all of the first
    np.testing.assert_array_equal(found[40:], model.probabilities(tokens[20:])[0][20:])


def test_fitted_discounts_are_better_than_others() -> None:
    tokens = text(400)
    model = GrowingNGram((0.7, 0.7, 0.7), V)
    best = model.fitted(tokens)

    def nats(model: GrowingNGram) -> float:
        return -float(np.log(model.probabilities(tokens)[0]).sum())

    assert nats(best) < nats(model)
    for k in range(3):
        for change in (-0.05, 0.05):
            other = list(best.discounts)
            other[k] = min(1, max(0.01, other[k] + change))
            assert nats(best) <= nats(GrowingNGram(tuple(other), V)) + 1e-6


def test_fitted_weights_maximise_the_likelihood_of_each_class() -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(0.01, 1, (3, 900))
    classes = np.repeat([0, 1, 2], [400, 400, 100])
    p[0, :400] += 1
    p[2, 400:800] += 1
    weights = fit_weights(p, classes, 4)
    np.testing.assert_allclose(weights.sum(1), 1)
    assert weights[0].argmax() == 0
    assert weights[1].argmax() == 2
    np.testing.assert_array_equal(weights[2], weights[3])  # too few, or none: those that are best for all
    np.testing.assert_allclose(mixed(p, classes, weights)[:2], (weights[0] @ p)[:2])
