from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rnngen.generation.filters import ban, draw, softmax

logit_rows = arrays(np.float32, (3, 6), elements=st.floats(-80, 80, width=32))


@settings(deadline=None, max_examples=60)
@given(logit_rows, st.floats(0.05, 20))
def test_softmax_equals_its_definition(logits: np.ndarray, temperature: float) -> None:
    p = softmax(logits, temperature)
    for row, probabilities in zip(logits.astype(np.longdouble), p, strict=True):
        e = np.exp((row - row.max()) / temperature)
        np.testing.assert_allclose(probabilities, (e / e.sum()).astype(float), rtol=1e-9, atol=1e-300)


@settings(deadline=None, max_examples=60)
@given(logit_rows, st.one_of(st.just(0.0), st.floats(0, 1e300)))
def test_any_temperature_gives_a_distribution(logits: np.ndarray, temperature: float) -> None:
    p = softmax(logits, temperature)
    assert np.isfinite(p).all()
    np.testing.assert_allclose(p.sum(axis=1), 1)


def test_temperature_zero_is_greedy() -> None:
    np.testing.assert_array_equal(softmax(np.array([[1.0, 3.0, 3.0, 2.0]]), 0), [[0, 1, 0, 0]])


@settings(deadline=None, max_examples=60)
@given(logit_rows, st.sets(st.integers(0, 5), min_size=1, max_size=5), st.floats(0, 0.9999999999999999))
def test_a_banned_token_is_never_drawn(logits: np.ndarray, banned: set[int], u: float) -> None:
    tokens = draw(softmax(ban(logits, sorted(banned))), np.full(3, u))
    assert not banned & set(tokens.tolist())


@pytest.mark.parametrize("u", [0.0, np.nextafter(1, 0)])
def test_the_ends_of_the_unit_interval_draw_a_possible_token(u: float) -> None:
    p = np.array([[0.0, 0.25, 0.75, 0.0]])
    assert draw(p, np.array([u]))[0] == (1 if u == 0 else 2)


def test_200_000_draws_have_the_frequencies_of_the_distribution() -> None:
    p = np.array([0.5, 0.25, 0.125, 0.0625, 0.0575, 0.005, 0.0])
    n = 200_000
    uniforms = np.random.default_rng(0).random(n)
    counts = np.bincount(
        np.concatenate([draw(np.tile(p, (1000, 1)), u) for u in uniforms.reshape(-1, 1000)]), minlength=7
    )
    assert counts[-1] == 0
    chi_squared = float((((counts - n * p) ** 2)[:-1] / (n * p[:-1])).sum())
    assert chi_squared < 20.5  # 5 degrees of freedom: exceeded once in 1000 seeds
