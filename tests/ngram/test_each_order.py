"""Each order of one counting is a Kneser-Ney model of its own: against dictionaries and the formulas of the paper."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from rnngen.ngram import counts
from rnngen.ngram.counts import count_ngrams, count_orders
from rnngen.ngram.interpolated import NGram
from tests.ngram.naive import Gram, naive_counts, naive_probability, text_of
from tests.ngram.test_counts import grams, without_zeros

V, ORDERS = 6, 6
TRAIN, TEXT = text_of(600, V), text_of(80, V, seed=1)
COUNTED = count_orders(TRAIN, ORDERS, V)


def naive_discounts(order: dict[Gram, int]) -> list[float]:
    """D1, D2, D3+ by Chen & Goodman 1999, equation 26; a count of counts of 0 is taken for 1."""
    of = Counter(order.values())
    n = [max(1, of[c]) for c in range(5)]
    Y = n[1] / (n[1] + 2 * n[2])
    return [min(c, max(0.01, c - (c + 1) * Y * n[c + 1] / n[c])) for c in (1, 2, 3)]


@pytest.mark.parametrize("order", range(1, ORDERS + 1))
def test_every_order_gives_the_probabilities_of_the_formulas(order: int) -> None:
    naive, text = naive_counts(TRAIN.tolist(), order), TEXT.tolist()
    D = np.array([naive_discounts(each) for each in without_zeros(naive)])
    expected = [naive_probability(naive, D, V, tuple(text[:i]), text[i]) for i in range(len(text))]
    found, _ = NGram(COUNTED.model(order)).probabilities(TEXT)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("boundary", [None, 2])
@pytest.mark.parametrize("kept", [10**9, 30])
def test_counting_once_is_counting_each_order_by_itself(
    kept: int, boundary: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "MAX_KEPT", kept)
    counted = count_orders(TRAIN, ORDERS, V, boundary=boundary)
    for order in range(1, ORDERS + 1):
        alone = count_ngrams(TRAIN, order, V, boundary=boundary)
        assert grams(counted.model(order)) == grams(alone)
        for one, other in zip(counted.model(order), alone, strict=True):
            np.testing.assert_array_equal(one.dropped, other.dropped)


def test_an_order_that_is_not_there_is_the_highest_there_is() -> None:
    counted = count_orders(np.arange(3), 5, 4)
    assert [len(counted.model(order)) for order in (1, 3, 5)] == [1, 3, 3]
