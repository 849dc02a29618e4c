"""An n-gram model of the text that was read so far, whose counts grow with every token.

Every order is discounted and interpolated with the one below, down to the uniform distribution (Ney, Essen & Kneser
1994). With c(h, w), c(h) and n(h) the count of token w after context h, their sum over w, and the number of different
w, all before the token that is predicted:

    p(w | h) = (max(c(h, w) - D, 0) + D n(h) p(w | h')) / c(h)

Nothing is counted token by token: how often an n-gram occurred before is the rank of its position among all positions
of that n-gram, so one sort per order gives the counts before every token of the text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnngen.ngram.fitting import likeliest

Ints = NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]

DISCOUNT = 0.7
SPAN = 1 << 21
"""Tokens that are counted at a time. Before each of them, the ones of the span before it count too."""
_SWEEPS = 3


@dataclass(frozen=True)
class Counts:
    """The counts of one order before each of N tokens.

    Attributes:
        count: c(h, w), (N,).
        total: c(h), (N,).
        kinds: n(h), (N,).
    """

    count: Ints
    total: Ints
    kinds: Ints

    def part(self, which: slice) -> Counts:
        """Those of some of the tokens."""
        return Counts(self.count[which], self.total[which], self.kinds[which])


@dataclass(frozen=True)
class GrowingNGram:
    """An n-gram model of the text so far.

    Attributes:
        discounts: D of each order, from single tokens up, between 0 and 1.
        vocab_size: V.
        boundary: the token after every document, beyond which no context reaches; None: there are none.
    """

    discounts: tuple[float, ...]
    vocab_size: int
    boundary: int | None = None

    @property
    def order(self) -> int:
        """n, of the longest n-grams."""
        return len(self.discounts)

    def probabilities(self, tokens: Ints) -> tuple[NDArray[np.float64], Ints, NDArray[np.bool_]]:
        """What is known of each token before it is read, each (N,).

        Args:
            tokens: ids of a text, (N,).

        Returns:
            Its probability, the length of the longest context that occurred before, from 0 to n - 1, and whether only
            one token ever followed that.
        """
        p, matched = np.empty(len(tokens)), np.zeros(len(tokens), np.int64)
        alone = np.zeros(len(tokens), bool)
        for begin in range(0, len(tokens), SPAN):
            before = max(0, begin - SPAN)
            here, new = slice(begin, begin + SPAN), slice(begin - before, None)
            found = np.full(len(tokens[here]), 1 / self.vocab_size)
            for k, all_counts in enumerate(counts_before(tokens[before : begin + SPAN], self.order, self.boundary)):
                counts = all_counts.part(new)
                found = interpolated(counts, self.discounts[k], found)
                seen = counts.total > 0
                matched[here][seen] = k
                alone[here][seen] = counts.kinds[seen] == 1
            p[here] = found
        return p, matched, alone

    def fitted(self, tokens: Ints) -> GrowingNGram:
        """The same with the discounts that make a text most likely, (N,)."""
        orders = list(counts_before(tokens[:SPAN], self.order, self.boundary))
        D = list(self.discounts)
        for _ in range(_SWEEPS):
            below = np.full(len(tokens[:SPAN]), 1 / self.vocab_size)
            for k, counts in enumerate(orders):
                worth = np.ones(len(below))  # the derivative of the final probability with respect to this order's
                rest = np.zeros(len(below))
                for j in range(k + 1, len(orders)):
                    lower = interpolated(orders[j], D[j], np.zeros(len(below)))
                    share = interpolated(orders[j], D[j], np.ones(len(below))) - lower
                    worth, rest = worth * share, rest * share + lower
                at_0 = interpolated(counts, 0.0, below)
                slope = interpolated(counts, 1.0, below) - at_0
                D[k] = likeliest(rest + worth * at_0, worth * slope, 0.01, 1, otherwise=D[k])
                below = interpolated(counts, D[k], below)
        return GrowingNGram(tuple(float(d) for d in D), self.vocab_size, self.boundary)


def interpolated(counts: Counts, discount: float, below: Floats) -> NDArray[np.float64]:
    """P of N tokens, (N,), from the counts of one order and what the orders below say, (N,)."""
    kept = np.maximum(counts.count - discount, 0)
    seen = counts.total > 0
    return np.where(seen, (kept + discount * counts.kinds * below) / np.maximum(counts.total, 1), below)


def counts_before(tokens: Ints, order: int, boundary: int | None = None) -> Iterator[Counts]:
    """The counts of orders 1 … ``order`` before each token of a text.

    Args:
        tokens: ids, (N,).
        order: of the longest n-grams.
        boundary: the token after every document, which can only be the first of a context; None: there is none.
    """
    n = len(tokens)
    values = np.unique(tokens, return_inverse=True)[1].astype(np.int64)
    width = int(values.max(initial=0)) + 1
    contexts = np.zeros(n, np.int64)  # numbers of the contexts; -1: there is none
    for k in range(order):
        known = contexts >= 0
        grams = np.where(known, contexts * width + values, -1)
        count, numbers = _earlier(grams, np.ones(n, np.int64))
        total, _ = _earlier(contexts, np.ones(n, np.int64))
        kinds, _ = _earlier(contexts, (count == 0).astype(np.int64))
        yield Counts(count * known, total * known, kinds * known)
        ends = np.where(known, numbers, -1)
        if boundary is not None and k > 0:
            ends = np.where(tokens == boundary, -1, ends)
        contexts = np.concatenate([[-1], ends[:-1]])[:n]


def _earlier(groups: Ints, values: Ints) -> tuple[Ints, Ints]:
    """The sum of the values at earlier positions of the same group, and the number of each position's group, (N,)."""
    order = np.argsort(groups, kind="stable")
    sorted_groups = groups[order]
    begins = np.ones(len(groups), bool)
    begins[1:] = sorted_groups[1:] != sorted_groups[:-1]
    number = np.cumsum(begins) - 1
    before = np.cumsum(values[order]) - values[order]
    sums, numbers = np.empty(len(groups), np.int64), np.empty(len(groups), np.int64)
    sums[order] = before - before[begins][number] if len(groups) else before
    numbers[order] = number
    return sums, numbers
