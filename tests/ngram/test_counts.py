"""Counts in sorted arrays, against dictionaries."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from rnngen.ngram import counts
from rnngen.ngram.counts import Order, count_ngrams
from tests.ngram.naive import Gram, naive_counts, text_of


def grams(orders: list[Order]) -> list[dict[Gram, int]]:
    """Every order as a dictionary, by following the numbers of the contexts."""
    names: list[Gram] = [()]
    found = []
    for order in orders:
        contexts = np.repeat(np.arange(len(order.dropped)), np.diff(order.offsets))
        names = [(*names[c], int(t)) for c, t in zip(contexts, order.tokens, strict=True)]
        found.append({name: int(n) for name, n in zip(names, order.counts, strict=True)})
    return found


def without_zeros(counted: list[dict[Gram, int]]) -> list[dict[Gram, int]]:
    return [{g: n for g, n in order.items() if n} for order in counted]


@pytest.mark.parametrize("chunk", [3, 100, 2**21])
@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_counts_are_those_of_dictionaries_however_the_text_is_cut(
    order: int, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "_CHUNK", chunk)
    text = text_of(300, 6)
    found = count_ngrams(text, order, 6)
    assert without_zeros(grams(found)) == without_zeros(naive_counts(text.tolist(), order))
    assert len(found[0].tokens) == 6  # every token of the vocabulary, seen or not


def test_a_vocabulary_and_an_order_beyond_64_bits_are_counted_exactly() -> None:
    text = (np.random.default_rng(1).integers(6, size=200) * 9973).astype(np.uint32)
    assert without_zeros(grams(count_ngrams(text, 6, 2**17)))[-1] == naive_counts(text.tolist(), 6)[-1]


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_text_shorter_than_the_order_has_the_orders_it_can_have(length: int) -> None:
    assert len(count_ngrams(np.arange(length), 5, 4)) == length


def test_an_order_of_too_many_ngrams_loses_those_seen_once_and_remembers_how_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = text_of(300, 6)
    raw = Counter(tuple(text.tolist()[i : i + 3]) for i in range(298))
    monkeypatch.setattr(counts, "MAX_KEPT", len(raw) - 1)
    found = count_ngrams(text, 3, 6)
    assert grams(found)[-1] == {g: n for g, n in raw.items() if n > 1}
    assert found[-1].dropped.sum() == sum(n == 1 for n in raw.values()) > 0
    totals = np.bincount(np.repeat(np.arange(len(found[-1].dropped)), np.diff(found[-1].offsets)), found[-1].counts)
    assert totals.sum() + found[-1].dropped.sum() == 298


def test_an_order_beyond_all_bounds_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    text = text_of(300, 6)
    raw = naive_counts(text.tolist(), 2)
    monkeypatch.setattr(counts, "MAX_DISTINCT", len(raw[-1]))
    assert without_zeros(grams(count_ngrams(text, 4, 6))) == without_zeros(raw)


def test_of_a_text_beyond_all_bounds_the_end_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    text = text_of(300, 6)
    monkeypatch.setattr(counts, "MAX_TOKENS", 100)
    assert grams(count_ngrams(text, 3, 6)) == grams(count_ngrams(text[-100:], 3, 6))
