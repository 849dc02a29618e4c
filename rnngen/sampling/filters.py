"""From logits to the next token: pure functions, in the order in which sampling applies them.

Logits (B, V) pass through ``penalize_repetition`` and ``ban``. ``weights`` turns them into probabilities, up to a
factor, at a temperature; ``top_k``, ``top_p``, ``min_p`` and ``typical`` set tokens that may not be drawn to zero, each
given what the filter before it has left; ``draw`` divides by the sum and draws. Ties are broken by the lower id.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnngen.engine.probabilities import Array, largest

Weights = Array

TEMPERATURES = 1e-30, 1e30  # beyond these nothing changes, and z / temperature could overflow


def penalize_repetition(logits: Array, seen: NDArray[np.bool_], penalty: float) -> Array:
    """Logits of seen tokens are divided by ``penalty`` if positive, multiplied if negative.

    Source: CTRL (Keskar et al. 2019, arXiv 1909.05858, section 4.1), with the multiplication of later practice for
    negative logits, without which a penalty would favour them.

    Args:
        logits: (B, V).
        seen: which tokens are repetitions, (B, V).
        penalty: 1 changes nothing; more discourages repetition, less encourages it.
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
    """Probabilities (B, V) up to a factor: e^(logits / temperature), the largest of each row 1.

    Temperature 0 is the limit: all weight on the largest logit, on the first of several equal ones. A row whose largest
    logit is not finite has no weight. The weights have the logits' type: float32 is exact to a ten-millionth, and its
    exponential several times as fast.
    """
    if temperature == 0:
        greedy = np.zeros_like(logits)
        greedy[np.arange(len(logits)), logits.argmax(axis=1)] = np.isfinite(largest(logits)[:, 0])
        return greedy
    w: Weights = logits - largest(logits)
    if temperature != 1:
        w /= min(max(temperature, TEMPERATURES[0]), TEMPERATURES[1])
    return np.exp(w, w)


def top_k(w: Weights, k: int) -> Weights:
    """Keep the k largest weights of each row; 0 or k ≥ V: all."""
    if not 0 < k < w.shape[1]:
        return w
    return _keep_largest(w, np.partition(w, -k, axis=1)[:, -k], np.full(len(w), k))


def top_p(w: Weights, p: float) -> Weights:
    """Keep the smallest set of largest weights whose share reaches p: nucleus sampling (Holtzman et al. 2019)."""
    if p >= 1:
        return w
    falling = np.sort(w, axis=1)[:, ::-1]
    n = _fewest(falling, p)
    return _keep_largest(w, falling[np.arange(len(w)), n - 1], n)


def min_p(w: Weights, p: float) -> Weights:
    """Keep weights of at least p times the row's largest (Nguyen et al. 2024)."""
    return w if p <= 0 else np.where(w >= p * largest(w), w, 0)


def typical(w: Weights, mass: float) -> Weights:
    """Keep the tokens whose surprisal is closest to the entropy, with share ``mass`` (Meister et al. 2022)."""
    if mass >= 1:
        return w
    p = np.divide(w, w.sum(axis=1, keepdims=True, dtype=np.float64), dtype=np.float64)
    log_p = np.log(p, out=np.zeros_like(p), where=p > 0)
    entropy = -(p * log_p).sum(axis=1, keepdims=True)
    return _keep_mass(w, np.where(p > 0, -np.abs(-log_p - entropy), -np.inf), mass)


def _fewest(ordered: Weights, mass: float) -> NDArray[np.integer[Any]]:
    """The number of leading weights of each row that have this share of it, at least one, (B,)."""
    sums = ordered.cumsum(axis=1, dtype=np.float64)
    return 1 + (sums < mass * sums[:, -1:]).sum(axis=1)  # type: ignore[no-any-return]


def _keep_largest(w: Weights, least: Weights, n: NDArray[np.integer[Any]]) -> Weights:
    """Keep the n[b] largest weights of each row b, the smallest of which is least[b]; of ties the lower ids."""
    above, equal = w > least[:, None], w == least[:, None]
    ties = n - above.sum(axis=1)  # how many of the equal ones are kept
    return np.where(above | (equal & (equal.cumsum(axis=1) <= ties[:, None])), w, 0)


def _keep_mass(w: Weights, rank: Weights, mass: float) -> Weights:
    """Keep the smallest set of highest-ranked tokens with this share of the row's weight, at least one."""
    order = np.argsort(-rank, axis=1, kind="stable")
    n = _fewest(np.take_along_axis(w, order, axis=1), mass)
    position = np.empty_like(order)
    np.put_along_axis(position, order, np.arange(w.shape[1])[None], axis=1)
    return np.where(position < n[:, None], w, 0)


def draw(w: Weights, uniforms: Sequence[float]) -> list[int]:
    """Draw one token per row, by inverting the cumulative distribution at ``uniforms`` in [0, 1).

    Raises:
        FloatingPointError: a row's weights are not finite, or all zero.
    """
    if len(w) > 1 and w.shape[1] > _FEW:
        return _draw_by_blocks(w, np.array(uniforms))
    sums = np.add.accumulate(w, 1, np.float64)
    # scaled by the last sum, so that rounding cannot leave a uniform above all sums
    if len(w) == 1:
        last = sums.item(-1)
        if not 0 < last < math.inf:
            raise FloatingPointError(_NOTHING)
        return [int(sums[0].searchsorted(uniforms[0] * last, "right"))]
    drawn: list[int] = _first_above(sums, np.array(uniforms) * _totals(sums)).tolist()
    return drawn


def _draw_by_blocks(w: Weights, uniforms: NDArray[np.float64]) -> list[int]:
    """Draw likewise, by cumulative sums of blocks of columns and then within one block per row.

    This is faster for many columns: each addition of a cumulative sum has to wait for the one before, those of a plain
    sum do not.
    """
    B, V = w.shape
    rows = np.arange(B)
    starts = np.arange(0, V, _BLOCK)
    blocks = np.add.reduceat(w, starts, 1, np.float64)
    sums = np.add.accumulate(blocks, 1)
    wanted = uniforms * _totals(sums)
    block = _first_above(sums, wanted)
    wanted -= np.where(block > 0, sums[rows, block - 1], 0)  # 0 or more, as the block before is not above it
    tokens = starts[block][:, None] + np.arange(_BLOCK)
    inside = np.where(tokens < V, w[rows[:, None], np.minimum(tokens, V - 1)], 0).cumsum(axis=1, dtype=np.float64)
    # these sums round differently, and none may be left above
    wanted = np.minimum(wanted, np.nextafter(inside[:, -1], 0))
    return tokens[rows, _first_above(inside, wanted)].tolist()  # type: ignore[no-any-return]


def _totals(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """The last of the cumulative sums of each row, (B,).

    Raises:
        FloatingPointError: one is not finite, or 0.
    """
    totals = sums[:, -1]
    if not (totals.min() > 0 and totals.max() < math.inf):
        raise FloatingPointError(_NOTHING)
    return totals


def _first_above(sums: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.intp]:
    """Where the cumulative sums of each row first exceed its value, (B,)."""
    return (sums > values[:, None]).argmax(axis=1)  # type: ignore[no-any-return]


_NOTHING = "weights that are not finite, or all zero"
_FEW = 512  # columns whose cumulative sum takes no longer than blocks
_BLOCK = 32  # columns
