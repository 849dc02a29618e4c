"""The distribution, against the formulas with dictionaries."""

from __future__ import annotations

import numpy as np
import pytest

from rnngen.ngram import counts, interpolated
from rnngen.ngram.counts import count_ngrams
from rnngen.ngram.interpolated import NGram, suggested_discounts
from tests.ngram.naive import naive_counts, naive_probability, text_of

V = 6
TRAIN, TEXT = text_of(250, V), np.concatenate([text_of(60, V, seed=1), [V - 1, 0, 1]])
DISCOUNTS = np.array([[0.5, 1.1, 1.7], [0.6, 1.0, 1.4], [0.9, 1.2, 2.0], [0.7, 1.9, 0.3]])


def model(order: int) -> NGram:
    return NGram(count_ngrams(TRAIN, order, V), DISCOUNTS[:order])


@pytest.mark.parametrize("chunk", [5, 2**17])
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_every_token_has_the_probability_that_the_formulas_give(
    order: int, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpolated, "_CHUNK", chunk)
    naive = naive_counts(TRAIN.tolist(), order)
    text = TEXT.tolist()
    expected = [naive_probability(naive, DISCOUNTS, V, tuple(text[:i]), text[i]) for i in range(len(text))]
    p, _ = model(order).probabilities(TEXT)
    np.testing.assert_allclose(p, expected, rtol=1e-12)
    assert p.min() > 0  # a token that was never seen among them


@pytest.mark.parametrize("order", [1, 2, 4])
def test_the_distribution_is_the_probability_of_every_token_and_sums_to_one(order: int) -> None:
    ngram = model(order)
    histories = [TEXT[:i] for i in (0, 1, 2, 3, 30, 62, 63)]
    numbers = np.concatenate([ngram.read(h) for h in histories], axis=1)
    p = ngram.distribution(numbers)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
    for row, history in zip(p, histories, strict=True):
        one = [ngram.probabilities(np.append(history, w).astype(np.int64))[0][-1] for w in range(V)]
        np.testing.assert_allclose(row, one, rtol=1e-12)


def test_a_stream_that_steps_knows_what_a_text_that_is_read_knows() -> None:
    ngram = model(4)
    numbers = ngram.start(2)
    for t, token in enumerate(TEXT):
        numbers = ngram.step(np.array([token, TEXT[-1 - t]], np.int64), numbers)
        np.testing.assert_array_equal(numbers[:, :1], ngram.read(TEXT[: t + 1]))
    np.testing.assert_array_equal(numbers[:, 1:], ngram.read(TEXT[::-1]))


def test_the_matched_length_is_that_of_the_longest_context_that_goes_on() -> None:
    ngram = model(4)
    train, text = TRAIN.tolist(), TEXT.tolist()

    def longest(history: list[int]) -> int:
        inside = [k for k in range(4) if k == 0 or (len(history) >= k and _occurs(train[:-1], history[-k:]))]
        return max(inside)

    expected = [longest(text[:i]) for i in range(len(text))]
    np.testing.assert_array_equal(ngram.probabilities(TEXT)[1], expected)
    assert [int(ngram.matched(ngram.read(TEXT[:i]))[0]) for i in range(len(text))] == expected
    assert {0, 3} <= set(expected)


def _occurs(text: list[int], piece: list[int]) -> bool:
    return any(text[i : i + len(piece)] == piece for i in range(len(text) - len(piece) + 1))


def test_ngrams_left_out_of_the_counts_are_ngrams_discounted_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = NGram(count_ngrams(TRAIN, 3, V), np.array([*DISCOUNTS[:2], [1.0, 1.2, 2.0]]))
    monkeypatch.setattr(counts, "MAX_KEPT", len(whole.orders[2].tokens) - 1)
    pruned = NGram(count_ngrams(TRAIN, 3, V), DISCOUNTS[:3])
    assert len(pruned.orders[2].tokens) < len(whole.orders[2].tokens)
    np.testing.assert_allclose(pruned.probabilities(TEXT)[0], whole.probabilities(TEXT)[0], rtol=1e-12)
    np.testing.assert_allclose(pruned.distribution(pruned.read(TRAIN[:9])).sum(), 1, rtol=1e-12)


def test_pruning_two_orders_still_gives_a_distribution(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "MAX_KEPT", 5)
    ngram = NGram(count_ngrams(TRAIN, 4, V))
    numbers = np.concatenate([ngram.read(TRAIN[:i]) for i in range(40)], axis=1)
    np.testing.assert_allclose(ngram.distribution(numbers).sum(axis=1), 1, rtol=1e-12)


def test_suggested_discounts_are_chen_and_goodmans() -> None:
    occurring = np.repeat([1, 2, 3, 4, 9], [100, 40, 20, 12, 7])
    Y = 100 / 180
    expected = [1 - 2 * Y * 40 / 100, 2 - 3 * Y * 20 / 40, 3 - 4 * Y * 12 / 20]
    np.testing.assert_allclose(suggested_discounts(occurring), expected)
    assert (suggested_discounts(np.array([7])) > 0).all()  # too few counts to say anything
