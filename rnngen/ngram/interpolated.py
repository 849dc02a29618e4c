"""Modified Kneser-Ney: every order discounted and interpolated with the one below, down to the uniform distribution.

With c(h, w) the count of token w after context h (k-1 tokens at order k), c(h) its sum over w, h' the context less
its first token, and three discounts D an order, for counts of 1, 2, and 3 or more (Chen & Goodman 1999, section 3):

    p(w | h) = (c(h, w) - D(c(h, w))) / c(h) + γ(h) p(w | h')
    γ(h) = Σ_w D(c(h, w)) / c(h)

A context that was never seen has p(w | h) = p(w | h'); below the order of single tokens p is 1/V. All discounts
are above 0, so γ is, and no token ever has probability 0. An n-gram left out of the counts (``counts.py``, rule 2)
was seen once and is discounted by 1, which is why nothing but their number is needed.

What a model has read is known by ``numbers``, (n - 1, B): row k-1 holds the number of the k-gram that ends at a
stream's last token, -1 where the training text has none. Taking in a token costs a look-up an order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnngen.ngram.counts import Ints, Order, find

Floats = NDArray[np.floating[Any]]

LEAST_DISCOUNT = 0.01
_CHUNK = 2**17  # tokens scored at a time


@dataclass(frozen=True)
class Evidence:
    """What the counts of one order say of N tokens, each after its context.

    Attributes:
        count: c(h, w), (N,).
        total: c(h), (N,); 0 where the context was never seen.
        kinds: how many tokens follow h with a count of 1, 2, and 3 or more, (3, N).
        dropped: how many were left out of the counts, (N,).
    """

    count: Ints
    total: Ints
    kinds: Ints
    dropped: Ints


class NGram:
    """A distribution over the next token, from counts and discounts.

    Args:
        orders: counts, of single tokens first.
        discounts: D of each order for counts of 1, 2, and 3 or more, (n, 3); by default the ones that the counts
            themselves suggest.
    """

    def __init__(self, orders: Sequence[Order], discounts: Floats | None = None) -> None:
        self.orders = list(orders)
        self.vocab_size = len(orders[0].tokens)
        self.discounts = np.stack([suggested_discounts(o.counts) for o in orders]) if discounts is None else discounts
        self._keys = [_keys(order, self.vocab_size) for order in orders]
        self._totals, self._kinds, self._backoffs = [], [], []
        for order, D in zip(orders, self.discounts, strict=True):
            total = _per_context(order, order.counts) + order.dropped
            kinds = np.stack([_per_context(order, _kind(order.counts) == kind) for kind in (1, 2, 3)]).astype(np.int32)
            self._totals.append(total)
            self._kinds.append(kinds)
            self._backoffs.append((D @ kinds + order.dropped) / np.maximum(total, 1))  # γ, (C,)

    @property
    def order(self) -> int:
        """n, of the longest n-grams."""
        return len(self.orders)

    def start(self, batch_size: int) -> Ints:
        """``numbers`` before any token, (n - 1, B)."""
        return np.full((self.order - 1, batch_size), -1, np.int64)

    def step(self, tokens: Ints, numbers: Ints) -> Ints:
        """``numbers`` after one more token a stream, ``tokens`` (B,)."""
        after = np.empty_like(numbers)
        for k in range(self.order - 1):
            after[k] = tokens if k == 0 else self._find(k, numbers[k - 1], tokens)
        return after

    def read(self, tokens: Ints) -> Ints:
        """``numbers`` after a text (N,) read from its beginning, (n - 1, 1)."""
        numbers = self.start(1)
        for token in tokens[max(0, len(tokens) - self.order + 1) :]:
            numbers = self.step(np.array([token], np.int64), numbers)
        return numbers

    def matched(self, numbers: Ints) -> Ints:
        """The length of the longest context that the training text goes on from, (B,), from 0 to n - 1."""
        longest = np.zeros(numbers.shape[1], np.int64)
        for k, contexts in enumerate(numbers, start=1):
            longest[self._totals[k][contexts] * (contexts >= 0) > 0] = k
        return longest

    def distribution(self, numbers: Ints) -> NDArray[np.float64]:
        """p(w | what was read) of every token, (B, V)."""
        B = numbers.shape[1]
        p = np.full((B, self.vocab_size), 1 / self.vocab_size)
        for k, order in enumerate(self.orders):
            contexts = np.zeros(B, np.int64) if k == 0 else numbers[k - 1]
            seen = np.flatnonzero(self._totals[k][contexts] * (contexts >= 0) > 0)
            contexts = contexts[seen]
            p[seen] *= self._backoffs[k][contexts, None]
            begins = order.offsets[contexts].astype(np.int64)
            lengths = order.offsets[contexts + 1].astype(np.int64) - begins
            rows = np.repeat(seen, lengths)
            # the slices begins[i] … begins[i] + lengths[i] - 1, one behind the other
            entries = np.arange(lengths.sum()) + np.repeat(begins - lengths.cumsum() + lengths, lengths)
            counts = order.counts[entries]
            kept = counts - _discount(self.discounts[k], counts)
            p[rows, order.tokens[entries]] += kept / np.repeat(self._totals[k][contexts], lengths)
        return p

    def probabilities(self, tokens: Ints) -> tuple[NDArray[np.float64], Ints]:
        """P of every token of a text given the ones before it, and the length of the context matched, each (N,)."""
        p, matched = np.empty(len(tokens)), np.empty(len(tokens), np.int64)
        numbers = self.start(1)
        for start in range(0, len(tokens), _CHUNK):
            chunk = tokens[start : start + _CHUNK]
            evidence, numbers = self.evidence(chunk, numbers)
            here = slice(start, start + len(chunk))
            p[here] = interpolate(evidence, self.discounts, self.vocab_size)
            matched[here] = np.max([k * (e.total > 0) for k, e in enumerate(evidence)], axis=0)
        return p, matched

    def evidence(self, tokens: Ints, numbers: Ints) -> tuple[list[Evidence], Ints]:
        """What each order knows of the tokens (N,) of a text.

        Args:
            tokens: ids.
            numbers: what was read before them, (n - 1, 1).

        Returns:
            An ``Evidence`` an order, and ``numbers`` after the last token.
        """
        tokens = np.asarray(tokens, np.int64)
        found, after = [], []
        contexts = np.zeros(len(tokens), np.int64)
        for k, order in enumerate(self.orders):
            ends = self._find(k, contexts, tokens)  # numbers of the n-grams that end at each token
            count = np.where(ends >= 0, order.counts[ends], 0).astype(np.int64)
            seen = contexts >= 0
            found.append(
                Evidence(
                    count,
                    self._totals[k][contexts] * seen,
                    self._kinds[k][:, contexts] * seen,
                    order.dropped[contexts] * seen,
                )
            )
            if k < self.order - 1:
                contexts = np.concatenate([numbers[k], ends[:-1]])
                after.append(ends[-1:])
        return found, np.array(after, np.int64).reshape(-1, 1)

    def _find(self, k: int, contexts: Ints, tokens: Ints) -> Ints:
        """The numbers of the n-grams of order k + 1 that are these contexts and tokens, -1 where there is none."""
        return np.where(contexts >= 0, find(self._keys[k], contexts * self.vocab_size + tokens), -1)


def interpolate(evidence: Sequence[Evidence], discounts: Floats, vocab_size: int) -> NDArray[np.float64]:
    """P of N tokens, (N,), from what each order knows of them and its discounts (n, 3)."""
    p = np.full(len(evidence[0].count), 1 / vocab_size)
    for e, D in zip(evidence, discounts, strict=True):
        p = kept_share(e, D) + backoff_share(e, D) * p
    return p


def kept_share(e: Evidence, D: Floats) -> NDArray[np.float64]:
    """(c(h, w) - D) / c(h), 0 after a context that was never seen, (N,)."""
    return np.where(e.total > 0, (e.count - _discount(D, e.count)) / np.maximum(e.total, 1), 0)


def backoff_share(e: Evidence, D: Floats) -> NDArray[np.float64]:
    """γ(h), 1 after a context that was never seen, (N,)."""
    return np.where(e.total > 0, (D @ e.kinds + e.dropped) / np.maximum(e.total, 1), 1)


def suggested_discounts(counts: Ints) -> NDArray[np.float64]:
    """D for counts of 1, 2, and 3 or more, (3,), by how many n-grams have each count (Chen & Goodman 1999, eq. 26)."""
    n1, n2, n3, n4 = (max(1, int((counts == c).sum())) for c in (1, 2, 3, 4))
    Y = n1 / (n1 + 2 * n2)
    return np.clip([1 - 2 * Y * n2 / n1, 2 - 3 * Y * n3 / n2, 3 - 4 * Y * n4 / n3], LEAST_DISCOUNT, [1, 2, 3])


def _kind(counts: Ints) -> Ints:
    return np.minimum(counts, 3)


def _discount(D: Floats, counts: Ints) -> NDArray[np.float64]:
    return np.concatenate([[0.0], D])[_kind(counts)]


def _keys(order: Order, V: int) -> Ints:
    contexts = np.repeat(np.arange(len(order.dropped)), np.diff(order.offsets))
    return contexts * V + order.tokens


def _per_context(order: Order, values: NDArray[Any]) -> Ints:
    """The sum of a value of every n-gram over those of each context, (C,)."""
    sums = np.concatenate([[0], np.cumsum(values, dtype=np.int64)])
    return np.asarray(sums[order.offsets[1:]] - sums[order.offsets[:-1]])
