"""Models over a run's tokens that are counted, not trained: uniform, unigram, and Kneser-Ney of orders 2 to 6.

A unigram model is that of order 1. All of them interpolate down to the uniform distribution, so that no token has
probability 0 (see ``ngram/interpolated.py``). The training text is counted once; each order is a Kneser-Ney model of
its own, whose highest order has how often n-grams occur.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from rnngen.evaluation.ranking import UNIFORM, UNIGRAM
from rnngen.ngram.counts import Counted, Ints, count_orders
from rnngen.ngram.fitting import fit_discounts
from rnngen.ngram.interpolated import Floats, NGram

ORDERS = 6
"""The highest order."""
COUNTED_TOKENS = 1 << 24
"""Tokens of the training text, from its end, that are counted at most."""
_FITTED_TOKENS = 1 << 16


def name_of(order: int) -> str:
    """What the model of an order is called."""
    return UNIGRAM if order == 1 else f"Kneser-Ney, order {order}"


class CountedModels:
    """The models of orders 1 to ``ORDERS``, or of those that a training text has, which is counted once.

    It is counted when models are first asked for. Counts and discounts are kept, and models made of them in their turn,
    for a model takes several times the memory of its counts.

    Args:
        train: ids of the training text, (N,), of which at most ``COUNTED_TOKENS`` are counted.
        valid: ids that the discounts are fitted on, (M,); if there are none, the counts themselves suggest discounts.
        vocab_size: V.
        boundary: the token between documents; None: there is none.
        has_read: whether the text that they are compared on is in the training text, or parts of it.
        is_own: whether that text is a part of the run's own.
    """

    def __init__(
        self,
        train: Ints,
        valid: Ints,
        *,
        vocab_size: int,
        boundary: int | None,
        has_read: bool = False,
        is_own: bool = True,
    ) -> None:
        self.train, self.vocab_size, self.has_read, self.is_own = train, vocab_size, has_read, is_own
        self._valid, self._boundary = valid[:_FITTED_TOKENS], boundary
        self._counted: Counted | None = None
        self._discounts: dict[int, Floats] = {}

    @property
    def is_fitted(self) -> bool:
        """Whether the discounts are fitted, or follow from the counts."""
        return len(self._valid) > 0

    def each(self, check: Callable[[], object] = lambda: None) -> Iterator[NGram]:
        """The models, the lowest order first.

        Args:
            check: called between the parts of the work, which an exception from it ends; what is done is kept.
        """
        if self._counted is None:
            tokens = self.train[-COUNTED_TOKENS:]
            self._counted = count_orders(tokens, ORDERS, self.vocab_size, check, boundary=self._boundary)
        for order in range(1, len(self._counted.raw) + 1):
            check()
            model = NGram(self._counted.model(order), self._discounts.get(order), self._boundary)
            if order not in self._discounts:
                model = fit_discounts(model, self._valid, check)
                self._discounts[order] = model.discounts
            yield model


def token_models(
    models: CountedModels, text: Ints, check: Callable[[], object] = lambda: None
) -> Iterator[tuple[str, float]]:
    """The names of the models, and the nats of a text under each: -Σ ln p over its tokens.

    Args:
        models: of the training text.
        text: ids of the text, (K,).
        check: see ``CountedModels.each``.
    """
    yield UNIFORM, len(text) * math.log(models.vocab_size)
    for order, model in enumerate(models.each(check), 1):
        yield name_of(order), -float(np.log(model.probabilities(text)[0]).sum())
