"""The mixture is (1 - λ)·network + λ·n-gram, token by token and as a distribution."""

from __future__ import annotations

import numpy as np

from rnngen.ngram.counts import count_ngrams
from rnngen.ngram.interpolated import NGram
from rnngen.ngram.mixture import Mixture, fit_mixture
from tests.ngram.naive import text_of

V = 6
TEXT = text_of(80, V, seed=2)


def mixture(*shares: float) -> Mixture:
    return Mixture(NGram(count_ngrams(text_of(300, V), len(shares), V)), np.array(shares))


def test_each_token_is_mixed_with_the_share_of_its_matched_length() -> None:
    mixed = mixture(0.1, 0.5, 0.9)
    network = np.random.default_rng(0).random(len(TEXT))
    p, matched = mixed.ngram.probabilities(TEXT)
    ngram_nats, nats = mixed.nats(TEXT, -np.log(network))
    np.testing.assert_allclose(ngram_nats, -np.log(p))
    share = np.array([0.1, 0.5, 0.9])[matched]
    np.testing.assert_allclose(np.exp(-nats), (1 - share) * network + share * p)


def test_the_distribution_that_is_drawn_from_sums_to_one_and_agrees_with_the_score() -> None:
    mixed = mixture(0.2, 0.4, 0.7)
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(30, V)) * 3
    numbers = np.concatenate([mixed.ngram.read(TEXT[:i]) for i in range(30)], axis=1)
    network = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    logp = mixed.log_probabilities(np.log(network), numbers)
    np.testing.assert_allclose(np.exp(logp).sum(axis=1), 1, rtol=1e-12)
    _, nats = mixed.nats(TEXT[:30], -np.log(network[np.arange(30), TEXT[:30]]))
    np.testing.assert_allclose(-logp[np.arange(30), TEXT[:30]], nats, rtol=1e-9)


def test_shares_of_nothing_and_of_all_are_the_network_and_the_ngram() -> None:
    network = np.linspace(0.1, 2000, len(TEXT))  # nats; the last are below every float
    alone, nats = mixture(0, 0, 0).nats(TEXT, network)
    np.testing.assert_allclose(nats, network)
    _, nats = mixture(1, 1, 1).nats(TEXT, network)
    np.testing.assert_allclose(nats, alone)


def test_on_the_part_it_is_fitted_on_a_mixture_is_no_worse_than_either() -> None:
    network = -np.log(np.random.default_rng(3).random(len(TEXT)))
    mixed = fit_mixture(text_of(300, V), TEXT, network, order=3, vocab_size=V)
    ngram, nats = mixed.nats(TEXT, network)
    assert nats.mean() <= min(ngram.mean(), network.mean())
