"""The mixture (1 - λ)·p_network + λ·p_ngram, with one λ for each length of context that the n-gram model matches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnngen.ngram.counts import Ints, count_ngrams
from rnngen.ngram.fitting import fit_discounts, fit_shares
from rnngen.ngram.interpolated import Floats, NGram


@dataclass(frozen=True)
class Mixture:
    """An n-gram model and its share in a mixture with a network's distribution.

    Attributes:
        ngram: the n-gram model.
        shares: λ by the length of the matched context, (n,).
    """

    ngram: NGram
    shares: NDArray[np.float64]

    def nats(self, tokens: Ints, network_nats: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """-ln p of each token of a text, (N,), under the n-gram model alone and under the mixture.

        Args:
            tokens: ids, (N,).
            network_nats: -ln p under the network alone, (N,).
        """
        p, matched = self.ngram.probabilities(tokens)
        ngram = -np.log(p)
        return ngram, -self._mix(-network_nats.astype(np.float64), -ngram, self.shares[matched])

    def log_probabilities(self, network_log_p: Floats, numbers: Ints) -> NDArray[np.float64]:
        """Ln p of every next token, (B, V).

        Args:
            network_log_p: ln p under the network alone, (B, V).
            numbers: what the n-gram model has read, (n - 1, B).
        """
        shares = self.shares[self.ngram.matched(numbers)]
        return self._mix(network_log_p, np.log(self.ngram.distribution(numbers)), shares[:, None])

    @staticmethod
    def _mix(network: Floats, ngram: Floats, share: Floats) -> NDArray[np.float64]:
        """ln((1 - λ) e^network + λ e^ngram), in logarithms throughout: probabilities below e^-745 underflow."""
        with np.errstate(divide="ignore"):  # a share of 0 or 1
            return np.logaddexp(np.log1p(-share) + network, np.log(share) + ngram)


def fit_mixture(
    train: Ints,
    valid: Ints,
    valid_nats: Floats,
    *,
    order: int,
    vocab_size: int,
    boundary: int | None = None,
    check: Callable[[], object] = lambda: None,
) -> Mixture:
    """Count the training part; fit discounts and shares on the validation part.

    Args:
        train: ids of the training part, (N,).
        valid: ids of the validation part, (M,).
        valid_nats: -ln p of each of those under the network, (M,).
        order: the longest n-grams.
        vocab_size: V.
        boundary: the token between documents; None: there is none.
        check: called between the parts of the work, which an exception from it ends.
    """
    orders = count_ngrams(train, order, vocab_size, check, boundary=boundary)
    ngram = fit_discounts(NGram(orders, boundary=boundary), valid, check)
    p, matched = ngram.probabilities(valid)
    return Mixture(ngram, fit_shares(np.exp(-valid_nats.astype(np.float64)), p, matched, ngram.order))
