"""How long each unit keeps what it has written: by the gate that multiplies its memory at every token.

The direct path from c^t to c^{t+n} of an LSTM is the product of its forget gates, Π f (Hochreiter & Schmidhuber 1997;
Gers, Schmidhuber & Cummins 2000). Of a GRU it is the product of its update gates, Π z. What a unit wrote is kept for n
tokens if the product is still large; its mean over a text falls to one half after the unit's half-life. Were the gate
the same at every token, 1/(1-f) tokens would be the time in which 1/e is left, roughly: the time constant.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnngen.inspection.equations import DIRECT
from rnngen.inspection.gates import LayerTrace, Values

_LEAST = 1e-30  # of a gate, whose logarithm is taken
_PER_OCTAVE = 8  # lags that are looked at


@dataclass(frozen=True)
class Retention:
    """How long the units of a layer keep what they have written.

    Attributes:
        trace: the layer.
        gate: which keeps.
        time_constants: 1/(1-f) for the mean f of each unit, in tokens, (H,).
        half_lives: tokens after which the mean product of the gates is one half, (H,); infinite where it stays above
            one half for ``longest`` tokens.
        longest: the longest time, in tokens, that was looked at: half of the longest document.
    """

    trace: LayerTrace
    gate: str
    time_constants: NDArray[np.float64]
    half_lives: NDArray[np.float64]
    longest: int


def retention(trace: LayerTrace, ends: NDArray[np.bool_]) -> Retention | None:
    """How long the units of a layer keep what they have written; None for an RNN, which has no gate that keeps.

    Args:
        trace: the layer.
        ends: where documents end, (T,): what lies on both sides of such a token is never compared.
    """
    gate = next((gate for _, gate, _ in DIRECT.values() if gate in trace.gates), None)
    if gate is None:
        return None
    inside = trace.gates[gate][~ends].astype(np.float64)
    lags, products = mean_products(trace.gates[gate], ends)
    return Retention(
        trace,
        gate,
        1 / np.maximum(1 - inside.mean(axis=0), np.finfo(np.float32).eps),
        _half_lives(lags, products),
        int(lags[-1]),
    )


def mean_products(gate: Values, ends: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The mean product of n consecutive values of a gate, for several n from 0.

    Args:
        gate: (T, H).
        ends: where documents end, (T,); products across such tokens are left out.

    Returns:
        The lags n, (N,), and the means, (N, H).
    """
    logs = np.log(np.maximum(gate.astype(np.float64), _LEAST))
    logs[ends] = 0
    sums = np.concatenate([np.zeros((1, gate.shape[1])), logs.cumsum(axis=0)])  # before each token
    document = np.concatenate([[0], ends.cumsum()])
    longest = int(np.bincount(document[:-1][~ends]).max()) if not ends.all() else 0
    lags = _lags(max(1, longest // 2))
    means = [np.ones(gate.shape[1])]
    for lag in lags[1:]:
        whole = document[lag:] == document[:-lag]
        means.append(np.exp(sums[lag:][whole] - sums[:-lag][whole]).mean(axis=0) if whole.any() else means[-1])
    return lags, np.stack(means)


def _lags(longest: int) -> NDArray[np.int64]:
    """0, 1, 2, 3 and so on, with growing gaps, up to the longest."""
    octaves = np.log2(longest)
    geometric = 2 ** np.linspace(0, octaves, round(octaves * _PER_OCTAVE) + 1)
    return np.unique([0, *geometric.round().astype(np.int64), longest])


def _half_lives(lags: NDArray[np.int64], products: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where each column of mean products first falls to one half, between two lags by its logarithm."""
    below = products <= 0.5
    found = np.full(products.shape[1], np.inf)
    for unit in np.flatnonzero(below.any(axis=0)):
        n = int(below[:, unit].argmax())
        before, after = np.log2(np.maximum(products[n - 1 : n + 1, unit], _LEAST))
        found[unit] = lags[n - 1] + (lags[n] - lags[n - 1]) * (before + 1) / (before - after)
    return found
