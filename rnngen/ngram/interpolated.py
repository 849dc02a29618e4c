"""Modified Kneser-Ney: every order is discounted and interpolated with the one below, down to the uniform distribution.

With c(h, w) the count of token w after context h (k-1 tokens at order k), c(h) its sum over w, h' the context less
its first token, and three discounts D per order, for counts of 1, 2, and 3 or more (Chen & Goodman 1999, section 3):

    p(w | h) = (c(h, w) - D(c(h, w))) / c(h) + γ(h) p(w | h')
    γ(h) = Σ_w D(c(h, w)) / c(h)

A context that was never seen has p(w | h) = p(w | h'); below the order of single tokens p is 1/V. All discounts
are above 0, so γ is, and no token ever has probability 0. An n-gram left out of the counts (``counts.py``, rule 2)
was seen once and is discounted by 1, so only the number of such n-grams is needed.

The state of the model is ``numbers``, (n - 1, B): row k-1 holds the number of the k-gram that ends at each stream's
last token, or -1 if the training text does not contain it. Reading a token costs one look-up per order. After a
boundary between documents only the first row is not -1, and a text begins as if it stood after one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnngen.ngram.counts import Ints, Order, find

Floats = NDArray[np.floating[Any]]

MIN_DISCOUNT = 0.01
_CHUNK = 2**17  # tokens scored at a time


@dataclass(frozen=True)
class Evidence:
    """The counts of one order for N tokens, each after its context.

    Attributes:
        count: c(h, w), (N,).
        total: c(h), (N,); 0 where the context was never seen.
        kinds: how many tokens follow h with a count of 1, 2, and 3 or more, (3, N).
        dropped: how many were dropped from the counts, (N,).
    """

    count: Ints
    total: Ints
    kinds: Ints
    dropped: Ints


class NGram:
    """A distribution over the next token, from counts and discounts.

    Args:
        orders: counts, of single tokens first.
        discounts: D of each order for counts of 1, 2, and 3 or more, (n, 3); by default those that the
            counts themselves suggest.
        boundary: the token after every document, beyond which no context reaches; None: there are no documents.
    """

    def __init__(self, orders: Sequence[Order], discounts: Floats | None = None, boundary: int | None = None) -> None:
        self.orders, self.boundary = list(orders), boundary
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
        numbers = np.full((self.order - 1, batch_size), -1, np.int64)
        if self.boundary is not None:
            numbers[:1] = self.boundary
        return numbers

    def step(self, tokens: Ints, numbers: Ints) -> Ints:
        """``numbers`` after one more token per stream, ``tokens`` (B,)."""
        after = np.empty_like(numbers)
        for k in range(self.order - 1):
            after[k] = tokens if k == 0 else self._contexts(self._find(k, numbers[k - 1], tokens), tokens)
        return after

    def read(self, tokens: Ints) -> Ints:
        """``numbers`` after a text (N,) read from its beginning, (n - 1, 1)."""
        numbers = self.start(1)
        for token in tokens[max(0, len(tokens) - self.order + 1) :]:
            numbers = self.step(np.array([token], np.int64), numbers)
        return numbers

    def matched(self, numbers: Ints) -> Ints:
        """The length of the longest context that has a continuation in the training text, (B,), from 0 to n - 1."""
        longest = np.zeros(numbers.shape[1], np.int64)
        for k, contexts in enumerate(numbers, start=1):
            longest[self._totals[k][contexts] * (contexts >= 0) > 0] = k
        return longest

    def distribution(self, numbers: Ints) -> NDArray[np.float64]:
        """p(w | the tokens read so far) of every token, (B, V)."""
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
            # the slices begins[i] … begins[i] + lengths[i] - 1, concatenated
            entries = np.arange(lengths.sum()) + np.repeat(begins - lengths.cumsum() + lengths, lengths)
            counts = order.counts[entries]
            kept = counts - _discount(self.discounts[k], counts)
            p[rows, order.tokens[entries]] += kept / np.repeat(self._totals[k][contexts], lengths)
        return p

    def probabilities(self, tokens: Ints) -> tuple[NDArray[np.float64], Ints]:
        """P of every token of a text given the ones before it, and the length of the matched context, each (N,)."""
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
        """The evidence of each order for the tokens (N,) of a text.

        Args:
            tokens: ids.
            numbers: the state before them, (n - 1, 1).

        Returns:
            One ``Evidence`` per order, and ``numbers`` after the last token.
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
                ends = self._contexts(ends, tokens) if k else ends
                contexts = np.concatenate([numbers[k], ends[:-1]])
                after.append(ends[-1:])
        return found, np.array(after, np.int64).reshape(-1, 1)

    def _contexts(self, ends: Ints, tokens: Ints) -> Ints:
        """The numbers of n-grams of several tokens as contexts of the next token; -1 for those a boundary ends."""
        return ends if self.boundary is None else np.where(tokens == self.boundary, -1, ends)

    def _find(self, k: int, contexts: Ints, tokens: Ints) -> Ints:
        """The numbers of the n-grams of order k + 1 that consist of these contexts and tokens; -1: none."""
        return np.where(contexts >= 0, find(self._keys[k], contexts * self.vocab_size + tokens), -1)


def interpolate(evidence: Sequence[Evidence], discounts: Floats, vocab_size: int) -> NDArray[np.float64]:
    """P of N tokens, (N,), from each order's evidence and discounts (n, 3)."""
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
    """D for counts of 1, 2 and 3 or more, (3,), from how many n-grams have each count (Chen & Goodman 1999, eq. 26)."""
    n1, n2, n3, n4 = (max(1, int((counts == c).sum())) for c in (1, 2, 3, 4))
    Y = n1 / (n1 + 2 * n2)
    return np.clip([1 - 2 * Y * n2 / n1, 2 - 3 * Y * n3 / n2, 3 - 4 * Y * n4 / n3], MIN_DISCOUNT, [1, 2, 3])


def _kind(counts: Ints) -> Ints:
    return np.minimum(counts, 3)


def _discount(D: Floats, counts: Ints) -> NDArray[np.float64]:
    return np.concatenate([[0.0], D])[_kind(counts)]


def _keys(order: Order, V: int) -> Ints:
    contexts = np.repeat(np.arange(len(order.dropped)), np.diff(order.offsets))
    return contexts * V + order.tokens


def _per_context(order: Order, values: NDArray[Any]) -> Ints:
    """The sum over the n-grams of each context of a value per n-gram, (C,)."""
    sums = np.concatenate([[0], np.cumsum(values, dtype=np.int64)])
    return np.asarray(sums[order.offsets[1:]] - sums[order.offsets[:-1]])
