"""No context of an n-gram model of documents reaches beyond the boundary before it: against dictionaries."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from rnngen.ngram import counts, interpolated
from rnngen.ngram.counts import count_ngrams
from rnngen.ngram.interpolated import NGram
from rnngen.ngram.mixture import fit_mixture
from tests.ngram.naive import Gram, naive_probability, text_of
from tests.ngram.test_counts import grams, without_zeros

V, BOUNDARY = 6, 2
TRAIN, TEXT = text_of(250, V), text_of(60, V, seed=1)
DISCOUNTS = np.array([[0.5, 1.1, 1.7], [0.6, 1.0, 1.4], [0.9, 1.2, 2.0], [0.7, 1.9, 0.3]])


def naive_counts_of_documents(text: list[int], order: int) -> list[dict[Gram, int]]:
    """Counts of the n-grams without a boundary inside; raw also for those that begin with one, from order 2 on."""
    raw = [
        Counter(g for i in range(len(text) - k + 1) if BOUNDARY not in (g := tuple(text[i : i + k]))[1:-1])
        for k in range(1, order + 1)
    ]
    below = [
        {
            g: n if len(g) > 1 and g[0] == BOUNDARY else len({longer[0] for longer in raw[k + 1] if longer[1:] == g})
            for g, n in raw[k].items()
        }
        for k in range(order - 1)
    ]
    return [*below, dict(raw[-1])]


def history_of(text: list[int], position: int) -> Gram:
    """What the model knows before a token: the boundary before its document, and the document's tokens so far."""
    known = (BOUNDARY, *text[:position])
    return known[len(known) - 1 - known[::-1].index(BOUNDARY) :]


@pytest.mark.parametrize("chunk", [3, 2**21])
@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_counts_are_those_of_dictionaries(order: int, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "_CHUNK", chunk)
    found = count_ngrams(TRAIN, order, V, boundary=BOUNDARY)
    assert without_zeros(grams(found)) == without_zeros(naive_counts_of_documents(TRAIN.tolist(), order))


@pytest.mark.parametrize("chunk", [5, 2**17])
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_every_token_has_the_probability_that_the_formulas_give(
    order: int, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpolated, "_CHUNK", chunk)
    naive, text = naive_counts_of_documents(TRAIN.tolist(), order), TEXT.tolist()
    expected = [naive_probability(naive, DISCOUNTS, V, history_of(text, i), text[i]) for i in range(len(text))]
    ngram = NGram(count_ngrams(TRAIN, order, V, boundary=BOUNDARY), DISCOUNTS[:order], BOUNDARY)
    np.testing.assert_allclose(ngram.probabilities(TEXT)[0], expected, rtol=1e-12)
    numbers = ngram.start(1)
    for token, p in zip(text, expected, strict=True):
        distribution = ngram.distribution(numbers)[0]
        assert distribution[token] == pytest.approx(p, rel=1e-12)
        assert distribution.sum() == pytest.approx(1, rel=1e-12)
        numbers = ngram.step(np.array([token]), numbers)
    np.testing.assert_array_equal(numbers, ngram.read(TEXT))


@pytest.mark.parametrize("kept", [10**9, 5])
def test_the_score_of_a_text_is_the_sum_of_the_scores_of_its_documents(
    kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "MAX_KEPT", kept)
    network = np.full(len(TEXT), np.log(V))
    mixture = fit_mixture(TRAIN, TEXT, network, order=4, vocab_size=V, boundary=BOUNDARY)
    cuts = np.flatnonzero(TEXT == BOUNDARY) + 1
    apart = [mixture.nats(part, np.full(len(part), np.log(V))) for part in np.split(TEXT, cuts) if len(part)]
    assert len(apart) > 5
    for whole, parts in zip(mixture.nats(TEXT, network), zip(*apart, strict=True), strict=True):
        np.testing.assert_allclose(whole, np.concatenate(parts), rtol=1e-12)
