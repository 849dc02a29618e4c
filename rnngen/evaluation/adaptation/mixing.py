"""A linear mixture of several models, from the probability that each gives to the tokens of a text.

p = Σ_m w_m p_m, with one set of weights w for each class of places, fitted by expectation maximisation. Places are
classed by what is known before the token is: how long a context occurred earlier in the text, and whether only one
token followed it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]

FEWEST = 200
"""A class of fewer tokens gets the weights that are best for all of them."""
_ROUNDS = 60


def fit_weights(probabilities: Floats, classes: Ints, number: int) -> NDArray[np.float64]:
    """The weights that make a text most likely, (C, M), which sum to 1 over M.

    Args:
        probabilities: of each token under each model, (M, N).
        classes: of each token, (N,).
        number: C, of the classes.
    """
    overall = _fit(probabilities)
    weights = np.tile(overall, (number, 1))
    for c in range(number):
        here = classes == c
        if here.sum() >= FEWEST:
            weights[c] = _fit(probabilities[:, here])
    return weights


def _fit(p: Floats) -> NDArray[np.float64]:
    """The weights of one class, (M,), from probabilities (M, N)."""
    weights = np.full(len(p), 1 / len(p))
    if not p.shape[1]:
        return weights
    for _ in range(_ROUNDS):
        parts = weights[:, None] * p
        weights = np.asarray((parts / np.maximum(parts.sum(0), 1e-300)).mean(1))
        weights = weights / weights.sum()
    return weights


def mixed(probabilities: Floats, classes: Ints, weights: Floats) -> NDArray[np.float64]:
    """The probability of each token, (N,), under the mixture; see ``fit_weights``."""
    return np.asarray(np.einsum("mn,nm->n", probabilities, weights[classes]))


def classes_of(matched: Ints, alone: NDArray[np.bool_]) -> Ints:
    """The class of each token, (N,), from what ``growing.GrowingNGram`` says of its context."""
    return 2 * matched + alone


def number_of_classes(order: int) -> int:
    """How many classes there are with contexts of fewer than ``order`` tokens."""
    return 2 * order
