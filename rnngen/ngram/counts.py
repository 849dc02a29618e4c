"""Counting n-grams exactly, in sorted arrays.

An n-gram of order k is a context of k-1 tokens and the token after it. The context is itself an n-gram of order k-1 and
has a number there, so the pair is one integer, ``number of the context · V + token``: exact, never hashed, whatever V
and k. The sorted distinct pairs are the n-grams of order k, an n-gram's number is its index among them, and the n-grams
with the same context are a slice. For single tokens the numbers are the ids.

In a text of documents no context reaches beyond the boundary before it: the boundary is the first token of an n-gram,
its last one, or neither. No token can precede an n-gram of several tokens that begins with it, so at the lower orders
such an n-gram is counted as often as it occurs, like the beginning of a sentence (Chen & Goodman 1999, section 2).

Three rules bound memory, so that a text of any length can be counted:

1. If a text is longer than ``MAX_TOKENS``, only its last ``MAX_TOKENS`` tokens are counted.
2. If an order has more than ``MAX_KEPT`` distinct n-grams, those seen once are dropped; only their number per context
   is kept. The longer n-grams that begin with a dropped one are dropped too, and were also seen once.
3. If an order has more than ``MAX_DISTINCT`` distinct n-grams, it and all higher orders are left out.

At these limits counting takes about 1.5 GB, and a model about 50 bytes per n-gram.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.integer[Any]]

MAX_TOKENS = 2**26
MAX_KEPT = 2**22
MAX_DISTINCT = 2**23
_CHUNK = 2**21  # positions counted at a time


@dataclass(frozen=True)
class Order:
    """The n-grams of one order: C contexts, K distinct n-grams, sorted by context and token.

    Attributes:
        offsets: context c is followed by the n-grams offsets[c] … offsets[c + 1] - 1; shape (C + 1,).
        tokens: the last token of each n-gram, (K,).
        counts: of each n-gram, (K,): at the highest order, and if it begins with a boundary, how often it occurs; else
            after how many different tokens (Kneser & Ney 1995).
        dropped: of each context, how many n-grams seen once were dropped, (C,).
    """

    offsets: Ints
    tokens: Ints
    counts: Ints
    dropped: Ints

    @classmethod
    def compact(cls, offsets: Ints, tokens: Ints, counts: Ints, dropped: Ints) -> Order:
        """An order in uint32, which suffices within the limits above."""
        return cls(*(array.astype(np.uint32, copy=False) for array in (offsets, tokens, counts, dropped)))


class Counted(NamedTuple):
    """The n-grams of a text in both ways of counting, so that every order can be the highest of a model.

    Attributes:
        raw: the orders from 1 to n, counted as often as n-grams occur.
        continued: those from 1 to n - 1, counted as the orders below the highest are.
    """

    raw: list[Order]
    continued: list[Order]

    def model(self, order: int) -> list[Order]:
        """The orders of a model with ``order`` as the highest; one that is not there is the highest there is."""
        highest = min(order, len(self.raw))
        return [*self.continued[: highest - 1], self.raw[highest - 1]]


def count_ngrams(
    tokens: Ints,
    order: int,
    vocab_size: int,
    check: Callable[[], object] = lambda: None,
    *,
    boundary: int | None = None,
) -> list[Order]:
    """The orders of a model with ``order`` as the highest. See ``count_orders``."""
    return count_orders(tokens, order, vocab_size, check, boundary=boundary).model(order)


def count_orders(
    tokens: Ints,
    order: int,
    vocab_size: int,
    check: Callable[[], object] = lambda: None,
    *,
    boundary: int | None = None,
) -> Counted:
    """Count the n-grams of orders 1 … ``order``; fewer orders if the text has no longer ones, or by rule 3.

    Args:
        tokens: ids below ``vocab_size``, shape (N,).
        order: the highest order.
        vocab_size: V.
        check: called between the parts of the work, which an exception from it ends.
        boundary: the token after every document; None: the text is one stream.
    """
    tokens = tokens[-MAX_TOKENS:]
    V = vocab_size
    unigrams = np.zeros(V, np.int64)
    for start in range(0, len(tokens), _CHUNK):
        unigrams += np.bincount(tokens[start : start + _CHUNK], minlength=V)
    raw = [Order.compact(np.array([0, V]), np.arange(V), unigrams, np.zeros(1, np.int64))]
    continued: list[Order] = []
    numbers: Ints = tokens.astype(np.int32)  # of the n-gram of the last order that ends at each position, or -1
    begins = np.zeros(V, bool)  # whether an n-gram of several tokens begins with a boundary
    for longer in range(1, order):
        contexts = len(raw[-1].tokens)
        no_context = boundary if longer > 1 else None  # the last token of an n-gram that is never the context
        found = _distinct(numbers, tokens, V, no_context, check)
        if found is None or not len(found[0]):
            break
        keys, counts, suffixes = found
        below = _continuations(raw[-1], suffixes, begins)
        dropped = np.zeros(contexts, np.int64)
        if len(keys) > MAX_KEPT:
            once = counts == 1
            dropped = np.bincount(keys[once] // V, minlength=contexts)
            keys, counts = keys[~once], counts[~once]
            if not len(keys):
                break
        offsets = np.searchsorted(keys, np.arange(contexts + 1) * V)
        continued.append(below)
        raw.append(Order.compact(offsets, keys % V, counts, dropped))
        begins = keys // V == boundary if longer == 1 else begins[keys // V]
        check()
        numbers = _numbers(numbers, tokens, V, no_context, keys)
    return Counted(raw, continued)


def _distinct(
    numbers: Ints, tokens: Ints, V: int, no_context: int | None, check: Callable[[], object]
) -> tuple[Ints, Ints, Ints] | None:
    """Sorted distinct keys of the next order, how often each occurs, and the number of its suffix; None: too many."""
    keys, counts, suffixes = (np.zeros(0, np.int64) for _ in range(3))
    for start in range(1, len(tokens), _CHUNK):
        check()
        here = _after_contexts(numbers, tokens, no_context, start)
        new, first, times = np.unique(_keys(numbers, tokens, V, here), return_index=True, return_counts=True)
        keys, places = np.unique(np.concatenate([keys, new]), return_inverse=True)
        if len(keys) > MAX_DISTINCT:
            return None
        before, merged, ends = counts, np.zeros(len(keys), np.int64), np.zeros(len(keys), np.int64)
        merged[places[: len(before)]] = before
        ends[places[: len(before)]] = suffixes
        merged[places[len(before) :]] += times
        ends[places[len(before) :]] = numbers[here[first]]  # the same wherever the n-gram ends
        counts, suffixes = merged, ends
    return keys, counts, suffixes


def _after_contexts(numbers: Ints, tokens: Ints, no_context: int | None, start: int) -> Ints:
    """The positions from ``start`` on, a chunk of them, that have a context before them."""
    here = np.arange(start, min(start + _CHUNK, len(tokens)))
    has_one = numbers[here - 1] >= 0
    if no_context is not None:
        has_one &= tokens[here - 1] != no_context
    return here[has_one]


def _keys(numbers: Ints, tokens: Ints, V: int, here: Ints) -> Ints:
    return numbers[here - 1].astype(np.int64) * V + tokens[here]


def _numbers(numbers: Ints, tokens: Ints, V: int, no_context: int | None, keys: Ints) -> Ints:
    """For each position, the number of the n-gram of the next order that ends there; -1: none."""
    after = np.full(len(tokens), -1, np.int32)
    for start in range(1, len(tokens), _CHUNK):
        here = _after_contexts(numbers, tokens, no_context, start)
        wanted, places = np.unique(_keys(numbers, tokens, V, here), return_inverse=True)  # sorted: kind to caches
        after[here] = find(keys, wanted)[places]
    return after


def find(keys: Ints, wanted: Ints) -> Ints:
    """The index of each of ``wanted`` in sorted ``keys``; -1: not found."""
    if not len(keys):
        return np.full(wanted.shape, -1, np.int64)
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[places] == wanted, places, -1)


def _continuations(order: Order, suffixes: Ints, begins: NDArray[np.bool_]) -> Order:
    """The order with each count replaced by the number of n-grams one token longer that end in it.

    The counts of n-grams that begin with a boundary remain.
    """
    counts = np.bincount(suffixes[suffixes >= 0], minlength=len(order.counts))
    counts = np.where(begins, order.counts, counts)
    return Order.compact(order.offsets, order.tokens, counts, order.dropped)
