"""From logits to the next token: pure functions, in the order in which sampling applies them.

Logits (B, V) pass ``penalize_repetition`` and ``ban``. ``weights`` makes probabilities of them, up to a factor,
at a temperature; ``top_k``, ``top_p``, ``min_p`` and ``typical`` set to zero what may not be drawn, each judging by
what the one before has left; ``draw`` divides by the sum and draws. Of equal tokens the lower id goes first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnngen.engine.probabilities import Array

Weights = Array

TEMPERATURES = 1e-30, 1e30  # beyond them nothing changes any more, and z / temperature could overflow


def penalize_repetition(logits: Array, seen: NDArray[np.bool_], penalty: float) -> Array:
    """Logits of tokens that were seen, divided by ``penalty`` if positive, multiplied if negative.

    Source: CTRL (Keskar et al. 2019, arXiv 1909.05858, section 4.1), with the multiplication of later practice for
    negative logits, without which a penalty would favour them.

    Args:
        logits: (B, V).
        seen: which tokens are repetitions, (B, V).
        penalty: 1 changes nothing, more punishes, less rewards.
    """
    return np.where(seen, np.where(logits > 0, logits / penalty, logits * penalty), logits)


def ban(logits: Array, tokens: Sequence[int]) -> Array:
    """Logits (B, V) under which ``tokens`` cannot be drawn."""
    if not len(tokens):
        return logits
    banned = logits.copy()
    banned[:, list(tokens)] = -np.inf
    return banned


def weights(logits: Array, temperature: float = 1.0) -> Weights:
    """Probabilities (B, V) times a factor: e^(logits / temperature), the largest of a row 1.

    Temperature 0 is the limit: all on the largest logit, the first of them if several are equal. They are of the
    logits' type: float32 is exact to a ten-millionth, and e^z of it several times as fast.
    """
    if temperature == 0:
        greedy = np.zeros_like(logits)
        greedy[np.arange(len(logits)), logits.argmax(axis=1)] = 1
        return greedy
    w: Weights = logits - logits.max(1, keepdims=True)
    if temperature != 1:
        w /= min(max(temperature, TEMPERATURES[0]), TEMPERATURES[1])
    return np.exp(w, w)


def top_k(w: Weights, k: int) -> Weights:
    """The k largest weights of a row; 0 or k ≥ V: all."""
    if not 0 < k < w.shape[1]:
        return w
    return _keep_largest(w, np.partition(w, -k, axis=1)[:, -k], np.full(len(w), k))


def top_p(w: Weights, p: float) -> Weights:
    """The fewest largest weights whose share of the row reaches p, at least one (nucleus; Holtzman et al. 2019)."""
    if p >= 1:
        return w
    falling = np.sort(w, axis=1)[:, ::-1]
    n = _fewest(falling, p)
    return _keep_largest(w, falling[np.arange(len(w)), n - 1], n)


def min_p(w: Weights, p: float) -> Weights:
    """Weights of at least p times the row's largest (Nguyen et al. 2024)."""
    return w if p <= 0 else np.where(w >= p * w.max(axis=1, keepdims=True), w, 0)


def typical(w: Weights, mass: float) -> Weights:
    """The tokens whose surprisal is nearest to the entropy, up to a share of ``mass`` (Meister et al. 2022)."""
    if mass >= 1:
        return w
    p = np.divide(w, w.sum(axis=1, keepdims=True, dtype=np.float64), dtype=np.float64)
    log_p = np.log(p, out=np.zeros_like(p), where=p > 0)
    entropy = -(p * log_p).sum(axis=1, keepdims=True)
    return _keep_mass(w, np.where(p > 0, -np.abs(-log_p - entropy), -np.inf), mass)


def _fewest(ordered: Weights, mass: float) -> NDArray[np.integer[Any]]:
    """How many of each row, from its beginning, have this share of it, at least one, (B,)."""
    sums = ordered.cumsum(axis=1, dtype=np.float64)
    return 1 + (sums < mass * sums[:, -1:]).sum(axis=1)  # type: ignore[no-any-return]


def _keep_largest(w: Weights, least: Weights, n: NDArray[np.integer[Any]]) -> Weights:
    """The n[b] largest weights of each row b, the smallest of which is least[b]; of equal ones those of lower ids."""
    above, equal = w > least[:, None], w == least[:, None]
    room = n - above.sum(axis=1)
    return np.where(above | (equal & (equal.cumsum(axis=1) <= room[:, None])), w, 0)


def _keep_mass(w: Weights, rank: Weights, mass: float) -> Weights:
    """The tokens of highest rank, as few as have this share of the row's weight, at least one."""
    order = np.argsort(-rank, axis=1, kind="stable")
    n = _fewest(np.take_along_axis(w, order, axis=1), mass)
    places = np.empty_like(order)
    np.put_along_axis(places, order, np.arange(w.shape[1])[None], axis=1)
    return np.where(places < n[:, None], w, 0)


def draw(w: Weights, uniforms: Sequence[float]) -> list[int]:
    """One token a row, by inverting the cumulative distribution at ``uniforms`` in [0, 1).

    Raises:
        FloatingPointError: a row's weights are not finite, or all zero.
    """
    sums = np.add.accumulate(w, 1, np.float64)
    # scaled to the last sum, so that rounding can never leave a uniform above all of them
    if len(w) == 1:
        last = sums.item(-1)
        if not 0 < last < math.inf:
            raise FloatingPointError(_NOTHING)
        return [int(sums[0].searchsorted(uniforms[0] * last, "right"))]
    totals = sums[:, -1:]
    if not (totals.min() > 0 and totals.max() < math.inf):
        raise FloatingPointError(_NOTHING)
    drawn: list[int] = (sums > np.array(uniforms)[:, None] * totals).argmax(axis=1).tolist()  # the first that is above
    return drawn


_NOTHING = "weights that are not finite, or all zero"
