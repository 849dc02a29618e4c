"""What is fitted is the best there is: no grid finds better."""

from __future__ import annotations

import numpy as np
import pytest

from rnngen.ngram.counts import count_ngrams
from rnngen.ngram.fitting import FEWEST, fit_discounts, fit_shares, likeliest
from rnngen.ngram.interpolated import MIN_DISCOUNT, NGram
from tests.ngram.naive import text_of

V = 6


def loss(ngram: NGram, text: np.ndarray) -> float:
    return -float(np.log(ngram.probabilities(text)[0]).mean())


def test_no_other_value_of_any_one_discount_is_likelier() -> None:
    text = text_of(400, V, seed=0)[200:]
    start = NGram(count_ngrams(text_of(300, V, seed=0), 3, V))
    fitted = fit_discounts(start, text)
    best = loss(fitted, text)
    assert best < loss(start, text)
    for k in range(3):
        for kind in range(3):
            for value in np.linspace(MIN_DISCOUNT, kind + 1, 25):
                D = fitted.discounts.copy()
                D[k, kind] = value
                assert loss(NGram(start.orders, D), text) > best - 1e-4, (k, kind, value)


def test_without_a_text_the_counts_own_discounts_stay() -> None:
    start = NGram(count_ngrams(text_of(300, V), 2, V))
    np.testing.assert_array_equal(fit_discounts(start, np.zeros(0, np.int64)).discounts, start.discounts)


@pytest.mark.parametrize("seed", range(5))
def test_the_likeliest_number_is_that_of_a_fine_grid(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p, q = rng.random(50), rng.random(50)
    grid = np.linspace(0, 1, 10_001)
    likelihoods = np.log(p[:, None] * (1 - grid) + q[:, None] * grid).sum(0)
    assert likeliest(p, q - p, 0, 1, otherwise=0) == pytest.approx(grid[likelihoods.argmax()], abs=1e-4)


def test_a_number_that_changes_nothing_keeps_its_value() -> None:
    assert likeliest(np.ones(3), np.zeros(3), 0, 1, otherwise=0.25) == 0.25


def test_each_length_has_its_own_share_and_a_rare_one_that_of_all() -> None:
    N = 3 * FEWEST
    network, ngram = np.full(N, 0.5), np.full(N, 0.5)
    matched = np.repeat([1, 2, 0], [FEWEST, 2 * FEWEST - 1, 1])
    network[matched == 1], ngram[matched == 2] = 0.1, 0.1
    shares = fit_shares(network, ngram, matched, order=4)
    assert shares[1] == 1
    assert shares[2] == 0
    assert shares[0] == shares[3] == likeliest(network, ngram - network, 0, 1, otherwise=0)


def test_a_network_that_is_always_better_is_left_alone() -> None:
    shares = fit_shares(np.full(500, 0.9), np.full(500, 0.2), np.zeros(500, int), order=1)
    assert shares.tolist() == [0]
