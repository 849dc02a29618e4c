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
from rnngen.ngram.counts import Ints, count_orders
from rnngen.ngram.fitting import fit_discounts
from rnngen.ngram.interpolated import NGram

ORDERS = 6
"""The highest order."""
COUNTED_TOKENS = 1 << 24
"""Tokens of the training text, from its end, that are counted at most."""
_FITTED_TOKENS = 1 << 16


def name_of(order: int) -> str:
    """What the model of an order is called."""
    return UNIGRAM if order == 1 else f"Kneser-Ney, order {order}"


def token_models(
    train: Ints,
    valid: Ints,
    text: Ints,
    *,
    vocab_size: int,
    boundary: int | None,
    check: Callable[[], object] = lambda: None,
) -> Iterator[tuple[str, float]]:
    """The names of the models, and the nats of a text under each: -Σ ln p over its tokens.

    Args:
        train: ids of the training text, (N,), of which at most ``COUNTED_TOKENS`` are counted.
        valid: ids that the discounts are fitted on, (M,); if there are none, the counts themselves suggest discounts.
        text: ids of the text, (K,).
        vocab_size: V.
        boundary: the token between documents; None: there is none.
        check: called between the parts of the work, which an exception from it ends.
    """
    yield UNIFORM, len(text) * math.log(vocab_size)
    models = counted_models(train, valid, vocab_size=vocab_size, boundary=boundary, check=check)
    for order, model in enumerate(models, 1):
        yield name_of(order), -float(np.log(model.probabilities(text)[0]).sum())


def counted_models(
    train: Ints, valid: Ints, *, vocab_size: int, boundary: int | None, check: Callable[[], object] = lambda: None
) -> Iterator[NGram]:
    """The models of orders 1 to ``ORDERS``, or of those that the training text has. See ``token_models``."""
    counted = count_orders(train[-COUNTED_TOKENS:], ORDERS, vocab_size, check, boundary=boundary)
    for order in range(1, len(counted.raw) + 1):
        check()
        yield fit_discounts(NGram(counted.model(order), boundary=boundary), valid[:_FITTED_TOKENS], check)
