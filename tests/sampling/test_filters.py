"""Every filter against its definition, written out naively, one row and one token at a time."""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Callable
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rnngen.sampling import filters
from rnngen.sampling.filters import ban, draw, min_p, penalize_repetition, top_k, top_p, typical, weights

V = 6
logit_rows = arrays(np.float32, (3, V), elements=st.floats(-80, 80, width=32))
# few values, so that equal ones are common, and zeros, as the filter before may have left
weight_rows = arrays(np.float64, (3, V), elements=st.sampled_from([0.0, 0.0625, 0.125, 0.25, 0.5, 1.0, 3.0])).filter(
    lambda w: bool((w.sum(axis=1) > 0).all())
)
shares = st.floats(0, 1)
quick = settings(deadline=None, max_examples=80)


def ranked(row: list[float], by: Callable[[int], float]) -> list[int]:
    """Token ids, the highest first, of equal ones the lower id first."""
    return sorted(range(len(row)), key=lambda token: (-by(token), token))


def until_share(row: list[float], order: list[int], share: float) -> set[int]:
    """The first tokens of an order, as few as reach a share of the row."""
    kept, sums = [order[0]], [row[order[0]]]
    for token in order[1:]:
        if sums[-1] >= share * math.fsum(row):
            break
        kept.append(token)
        sums.append(sums[-1] + row[token])
    return set(kept)


def assert_kept(before: np.ndarray, after: np.ndarray, kept: Callable[[list[float]], set[int]]) -> None:
    """The weights of the tokens that the definition keeps are as they were, the others 0."""
    for row, found in zip(before.tolist(), after.tolist(), strict=True):
        assert found == [w if token in kept(row) else 0 for token, w in enumerate(row)]


@quick
@given(logit_rows, st.floats(0.05, 20))
def test_weights_are_the_softmax_up_to_a_factor(logits: np.ndarray, temperature: float) -> None:
    for row, found in zip(logits.astype(np.longdouble), weights(logits, temperature), strict=True):
        e = np.exp((row - row.max()) / temperature)
        np.testing.assert_allclose(found / found.sum(), (e / e.sum()).astype(float), rtol=3e-4, atol=1e-9)


@quick
@given(logit_rows, st.one_of(st.just(0.0), st.floats(0, 1e300)))
def test_any_temperature_leaves_something_to_draw(logits: np.ndarray, temperature: float) -> None:
    w = weights(logits, temperature)
    assert np.isfinite(w).all()
    np.testing.assert_array_equal(w.max(axis=1), 1)


def test_temperature_zero_is_greedy_and_the_limit_of_small_ones() -> None:
    rows = np.array([[1.0, 3.0, 3.0, 2.0], [0, -1, -2, -3]])
    np.testing.assert_array_equal(weights(rows, 0), [[0, 1, 0, 0], [1, 0, 0, 0]])
    np.testing.assert_array_equal(weights(rows, 1e-300), [[0, 1, 1, 0], [1, 0, 0, 0]])


@quick
@given(weight_rows, st.integers(0, V + 2))
def test_top_k_keeps_the_k_largest(w: np.ndarray, k: int) -> None:
    assert_kept(w, top_k(w, k), lambda row: set(ranked(row, row.__getitem__)[: k or V]))


@quick
@given(weight_rows, shares)
def test_top_p_keeps_the_fewest_that_reach_p(w: np.ndarray, p: float) -> None:
    def kept(row: list[float]) -> set[int]:
        return set(range(V)) if p == 1 else until_share(row, ranked(row, row.__getitem__), p)

    assert_kept(w, top_p(w, p), kept)


@quick
@given(weight_rows, shares)
def test_min_p_keeps_what_is_not_too_far_below_the_largest(w: np.ndarray, p: float) -> None:
    assert_kept(w, min_p(w, p), lambda row: {token for token in range(V) if row[token] >= p * max(row)})


@quick
@given(weight_rows, shares)
def test_typical_keeps_what_is_nearest_to_the_entropy(w: np.ndarray, mass: float) -> None:
    def kept(row: list[float]) -> set[int]:
        if mass == 1:
            return set(range(V))
        p = [x / sum(row) for x in row]
        entropy = -sum(x * math.log(x) for x in p if x)

        def nearness(token: int) -> float:
            # to 12 digits: which of two equal distances is smaller in the last bit is nobody's definition
            return -round(abs(-math.log(p[token]) - entropy), 12) if p[token] else -math.inf

        return until_share(row, ranked(row, nearness), mass)

    found = typical(w, mass)
    for row, after in zip(w.tolist(), found.tolist(), strict=True):
        distances = {round(abs(-math.log(x / sum(row)) - _entropy(row)), 9) for x in row if x}
        if len(distances) == len({x for x in row if x}):  # no two different weights are equally near
            assert after == [x if token in kept(row) else 0 for token, x in enumerate(row)]


def _entropy(row: list[float]) -> float:
    p = [x / sum(row) for x in row]
    return -sum(x * math.log(x) for x in p if x)


@quick
@given(weight_rows, st.integers(0, V), shares, shares, shares)
def test_all_filters_at_once_leave_something_to_draw(w: np.ndarray, k: int, p: float, m: float, t: float) -> None:
    left = typical(min_p(top_p(top_k(w, k), p), m), t)
    assert ((left == 0) | (left == w)).all()
    assert (left.sum(axis=1) > 0).all()
    for token, row in zip(draw(left, [0.3, 0.6, 0.9]), left, strict=True):
        assert row[token] > 0


@quick
@given(logit_rows, arrays(np.bool_, (3, V)), st.floats(0.1, 10))
def test_repetition_is_penalized_as_ctrl_does(logits: np.ndarray, seen: np.ndarray, penalty: float) -> None:
    found = penalize_repetition(logits, seen, penalty)
    for b in range(3):
        for v in range(V):
            z = float(logits[b, v])
            expected = z if not seen[b, v] else z / penalty if z > 0 else z * penalty
            assert found[b, v] == pytest.approx(expected, rel=1e-6)


@quick
@given(logit_rows, st.sets(st.integers(0, 5), min_size=1, max_size=5), st.floats(0, 0.9999999999999999))
def test_a_banned_token_is_never_drawn(logits: np.ndarray, banned: set[int], u: float) -> None:
    tokens = draw(weights(ban(logits, sorted(banned))), [u] * 3)
    assert not banned & set(tokens)


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("u", [0.0, np.nextafter(1, 0)])
def test_the_ends_of_the_unit_interval_draw_a_possible_token(u: float, rows: int) -> None:
    w = np.array([[0.0, 0.25, 0.75, 0.0]] * rows)
    assert draw(w, [u] * rows) == [1 if u == 0 else 2] * rows


@quick
@given(weight_rows, st.lists(st.floats(0, 0.9999999999999999), min_size=3, max_size=3))
def test_a_row_is_drawn_from_alone_as_among_others(w: np.ndarray, uniforms: list[float]) -> None:
    together = draw(w, uniforms)
    assert together == [draw(w[b : b + 1], uniforms[b : b + 1])[0] for b in range(3)]


@pytest.mark.parametrize("tokens", [513, 544, 2000, 10_000])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_many_tokens_are_drawn_by_the_cumulative_distribution_too(tokens: int, dtype: type) -> None:
    rng = np.random.default_rng(tokens)
    w = (rng.integers(0, 1024, (40, tokens)) / 1024).astype(dtype)  # all sums are exact
    w[rng.random(w.shape) < 0.7] = 0
    w[:3, 1:], w[3:6, :-1] = 0, 0
    w[:3, 0], w[3:6, -1] = 1, 1
    uniforms = rng.random(40)
    uniforms[::3], uniforms[1::3] = 0, np.nextafter(1, 0)
    expected = [bisect([*accumulate(row.tolist())], u * row.sum()) for row, u in zip(w, uniforms, strict=True)]
    assert draw(w, uniforms.tolist()) == expected


@pytest.mark.parametrize("u", [0.0, 0.3, np.nextafter(1, 0)])
def test_of_many_tokens_one_without_weight_is_never_drawn_whatever_is_rounded(u: float) -> None:
    rng = np.random.default_rng(5)
    w = np.zeros((500, 640))
    w[:, :30], w[:, 615:635] = rng.random((500, 30)), rng.random((500, 20))
    tokens = draw(w, [u] * 500)
    assert (w[np.arange(500), tokens] > 0).all()


def test_of_many_tokens_one_without_weight_is_never_drawn_where_a_block_begins() -> None:
    w = np.zeros((2, 640))
    w[:, 0], w[:, 1], w[:, 33] = 1, 3 * 2.0**-52, 1
    u = round(math.fsum(w[0, :2]) / math.fsum(w[0]) * 2**53) / 2**53
    assert draw(w, [u, u]) == draw(w[:1], [u]) * 2
    rng = np.random.default_rng(1)
    for _ in range(20):
        w = rng.random((400, 640))
        w[:, ::32] = 0
        sums = w.cumsum(axis=1)
        borders = np.ceil(sums[:, 320] / sums[:, -1] * 2**53) / 2**53
        assert (w[np.arange(400), draw(w, borders.tolist())] > 0).all()


@pytest.mark.parametrize("bad", [math.nan, math.inf, 0.0])
@pytest.mark.parametrize("rows", [1, 2])
def test_many_weights_that_are_no_distribution_are_refused(bad: float, rows: int) -> None:
    w = np.ones((rows, 1000))
    w[-1] = bad
    with pytest.raises(FloatingPointError):
        draw(w, [0.5] * rows)


@pytest.mark.parametrize("bad", [math.nan, math.inf, 0.0])
@pytest.mark.parametrize("rows", [1, 2])
def test_weights_that_are_no_distribution_are_refused(bad: float, rows: int) -> None:
    w = np.array([[1.0, 2.0]] * (rows - 1) + [[bad, bad]])
    with pytest.raises(FloatingPointError):
        draw(w, [0.5] * rows)


def test_200_000_draws_have_the_frequencies_of_the_distribution() -> None:
    p = np.array([0.5, 0.25, 0.125, 0.0625, 0.0575, 0.005, 0.0])
    n = 200_000
    uniforms = np.random.default_rng(0).random(n)
    drawn = [draw(np.tile(p, (1000, 1)), u.tolist()) for u in uniforms.reshape(-1, 1000)]
    counts = np.bincount(np.concatenate(drawn), minlength=7)
    assert counts[-1] == 0
    chi_squared = float((((counts - n * p) ** 2)[:-1] / (n * p[:-1])).sum())
    assert chi_squared < 20.5  # 5 degrees of freedom: exceeded once in 1000 seeds


def test_the_documented_order_is_the_order_of_the_functions() -> None:
    names = ["penalize_repetition", "ban", "weights", "top_k", "top_p", "min_p", "typical", "draw"]
    places = [getattr(filters, name).__code__.co_firstlineno for name in names]
    assert places == sorted(places)
