"""Fitting on the validation part: the discounts of every order, and the shares of the mixture.

Each of them enters the probability of a token linearly: p = a + b·x, where x is the parameter and the others are fixed.
So the log-likelihood Σ ln(a + b·x) is concave in x, and its decreasing slope Σ b / (a + b·x) has one zero, which is
found by bisection, without a step size to choose. Discounts are fitted one after the other, from the lowest order up,
in ``SWEEPS`` sweeps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from rnngen.ngram.counts import Ints
from rnngen.ngram.interpolated import MIN_DISCOUNT, Evidence, Floats, NGram, backoff_share, interpolate, kept_share

SWEEPS = 4
MAX_FITTED = 2**18
"""Tokens of the validation part, from its beginning, that the discounts are fitted on."""
FEWEST = 200
"""A context length that occurs less often in the validation part gets the share that is best for all lengths."""


def fit_discounts(ngram: NGram, tokens: Ints, check: Callable[[], object] = lambda: None) -> NGram:
    """The same counts with the discounts that maximise the likelihood of ``tokens`` (N,).

    Args:
        ngram: the counts.
        tokens: ids.
        check: called between the parts of the work, which an exception from it ends.
    """
    if not len(tokens):
        return ngram
    evidence, _ = ngram.evidence(tokens[:MAX_FITTED], ngram.start(1))
    D = ngram.discounts.copy()
    for _ in range(SWEEPS):
        check()
        _sweep(evidence, D, ngram.vocab_size)
    return NGram(ngram.orders, D, ngram.boundary)


def _sweep(evidence: Sequence[Evidence], D: Floats, V: int) -> None:
    """Set each discount in ``D`` (n, 3) to its best value, given the others."""
    # the derivative of the final probability with respect to each order's
    worth = [np.ones(len(evidence[0].count))]
    for e, row in zip(evidence[:0:-1], D[:0:-1], strict=True):
        worth.insert(0, worth[0] * backoff_share(e, row))
    p = interpolate(evidence, D, V)
    below = np.full(len(p), 1 / V)
    for e, row, factor in zip(evidence, D, worth, strict=True):
        for kind in (1, 2, 3):
            slope = e.kinds[kind - 1] * below - (np.minimum(e.count, 3) == kind)
            slope = factor * np.where(e.total > 0, slope / np.maximum(e.total, 1), 0)
            rest = p - slope * row[kind - 1]
            row[kind - 1] = likeliest(rest, slope, MIN_DISCOUNT, kind, otherwise=row[kind - 1])
            p = rest + slope * row[kind - 1]
        below = kept_share(e, row) + backoff_share(e, row) * below


def fit_shares(network: Floats, ngram: Floats, matched: Ints, order: int) -> NDArray[np.float64]:
    """λ for each length of matched context, (n,), that maximises the likelihood of (1 - λ)·network + λ·ngram.

    Args:
        network: the network's probability of each token of a text, (N,).
        ngram: the n-gram model's, (N,).
        matched: the length of the context that it matched, (N,).
        order: n.
    """
    shares = np.full(order, likeliest(network, ngram - network, 0, 1, otherwise=0), np.float64)
    for length in range(order):
        here = matched == length
        if here.sum() >= FEWEST:
            shares[length] = likeliest(network[here], ngram[here] - network[here], 0, 1, otherwise=0)
    return shares


def likeliest(a: Floats, b: Floats, low: float, high: float, *, otherwise: float) -> float:
    """The x in [low, high] that maximises Σ ln(a + b·x); ``otherwise`` if it does not depend on x."""
    some = b != 0
    a, b = a[some], b[some]
    if not len(a):
        return otherwise

    def slope(x: float) -> float:
        return float((b / np.maximum(a + b * x, 1e-300)).sum())

    if slope(low) <= 0:
        return low
    if slope(high) >= 0:
        return high
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) > 0 else (low, middle)
    return (low + high) / 2
