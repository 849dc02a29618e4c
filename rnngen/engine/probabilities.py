"""From logits to ln p: log-softmax, and the error for logits that are not finite."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnngen.errors import RnngenError

Array = NDArray[np.floating[Any]]


def nats_of(logits: Array, tokens: Sequence[int]) -> NDArray[np.float64]:
    """-ln p of one token per row, (B,), under softmax(logits), (B, V)."""
    z = logits - largest(logits)
    picked = z[np.arange(len(tokens)), tokens]
    nats: NDArray[np.float64] = np.log(np.exp(z, z).sum(axis=1, dtype=np.float64)) - picked
    return nats


def largest(z: Array) -> Array:
    """The largest value of each row, (B, 1), by ``argmax``, which is several times as fast as ``max``."""
    values: Array = z[np.arange(len(z)), z.argmax(axis=1)][:, None]
    return values


def log_softmax(logits: Array) -> NDArray[np.float64]:
    """Ln p of every token, (B, V).

    Raises:
        RnngenError: the logits are not finite.
    """
    z = np.subtract(logits, largest(logits), dtype=np.float64)
    if not np.isfinite(z).all():
        raise not_finite()
    log_p: NDArray[np.float64] = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    return log_p


def normalized(log_p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ln p of alternatives, (N,), scaled so that their probabilities sum to 1."""
    shares: NDArray[np.float64] = log_p - np.logaddexp.reduce(log_p)
    return shares


class LogitsError(RnngenError):
    """Logits are not finite, though the weights are: others are refused when they are read."""


def not_finite() -> LogitsError:
    """The error for logits that are not finite."""
    return LogitsError("the model's logits are not finite", hint="Its state overflows with these weights.")
