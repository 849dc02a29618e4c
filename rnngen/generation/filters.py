"""From logits to the distribution that the next token is drawn from: pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]


def ban(logits: Array, tokens: Sequence[int]) -> Array:
    """Logits (B, V) under which ``tokens`` cannot be drawn."""
    if not tokens:
        return logits
    banned = logits.copy()
    banned[:, list(tokens)] = -np.inf
    return banned


def softmax(logits: Array, temperature: float = 1.0) -> NDArray[np.float64]:
    """Probabilities (B, V) at a temperature: e^(logits / temperature), scaled to sum to 1.

    Temperature 0 is the limit: all on the largest logit, the first of them if several are equal.
    """
    z = logits.astype(np.float64)
    z -= z.max(axis=1, keepdims=True)
    if temperature == 0:
        p = np.zeros_like(z)
        p[np.arange(len(z)), z.argmax(axis=1)] = 1
        return p
    with np.errstate(over="ignore"):  # -x / tiny is -inf, and e^-inf is 0
        p = np.exp(z / temperature)
    return p / p.sum(axis=1, keepdims=True)  # type: ignore[no-any-return]


def draw(probabilities: NDArray[np.float64], uniforms: NDArray[np.float64]) -> NDArray[np.int64]:
    """One token a row, shape (B,), by inverting the cumulative distribution at ``uniforms`` in [0, 1)."""
    cumulative = probabilities.cumsum(axis=1)
    # scaled to the last sum, so that rounding can never leave a uniform above all of them
    points = uniforms[:, None] * cumulative[:, -1:]
    return (cumulative <= points).sum(axis=1)  # type: ignore[no-any-return]
