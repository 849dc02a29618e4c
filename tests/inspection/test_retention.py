"""How long units keep what they wrote, against products of gates written out."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rnngen.inspection.gates import LayerTrace
from rnngen.inspection.retention import mean_products, retention


def trace(gate: np.ndarray, name: str = "forget") -> LayerTrace:
    values = gate.astype(np.float32)
    return LayerTrace("", 1, {name: values}, {"h": values})


def test_a_constant_gate_has_the_half_life_of_the_formula() -> None:
    f = np.tile([0.5, 0.9, 0.99, 1.0], (2000, 1))
    found = retention(trace(f), np.zeros(2000, bool))
    assert found is not None
    np.testing.assert_allclose(found.time_constants[:3], [2, 10, 100], rtol=1e-4)
    expected = [math.log(2) / -math.log(each) for each in (0.5, 0.9, 0.99)]
    np.testing.assert_allclose(found.half_lives[:3], expected, rtol=0.01)
    assert found.half_lives[3] == math.inf
    assert found.longest == 1000


def test_mean_products_are_those_of_a_naive_loop_within_documents() -> None:
    rng = np.random.default_rng(0)
    gate, ends = rng.uniform(0.5, 1, size=(60, 3)), np.zeros(60, bool)
    ends[[19, 40]] = True
    gate[ends] = 0
    lags, products = mean_products(gate.astype(np.float32), ends)
    assert lags[0] == 0
    assert lags[-1] == 10  # half of the longest document
    for n, product in zip(lags, products, strict=True):
        starts = [t for t in range(61 - n) if not ends[t : t + n].any()]
        expected = np.mean([gate[t : t + n].prod(axis=0) for t in starts], axis=0)
        np.testing.assert_allclose(product, expected, rtol=1e-5)


def test_one_open_gate_among_many_shut_ones_is_a_long_memory_only_where_it_stays_open() -> None:
    f = np.full((400, 2), 0.99)
    f[::4, 1] = 0.0  # the same mean as of a gate at 0.74, and nothing is kept for four tokens
    found = retention(trace(f), np.zeros(400, bool))
    assert found is not None
    assert found.half_lives[0] == pytest.approx(69, abs=1)
    assert found.half_lives[1] < 3


def test_the_update_gate_of_a_gru_keeps_and_an_rnn_has_none() -> None:
    found = retention(trace(np.full((100, 1), 0.8), "update"), np.zeros(100, bool))
    assert found is not None
    assert (found.gate, found.time_constants[0]) == ("update", pytest.approx(5, rel=1e-4))
    values = np.zeros((100, 1), np.float32)
    assert retention(LayerTrace("", 1, {}, {"h": values}), np.zeros(100, bool)) is None
