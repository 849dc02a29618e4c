"""Verdicts agree with the curves that they are about."""

from __future__ import annotations

import math

import pytest

from rnngen.inspection.verdicts import rate, verdict_on


@pytest.mark.parametrize(
    ("curve", "kind", "factor"),
    [
        ([1, *(0.5**k for k in range(60))], "vanishes", 0.5),
        ([1, *(1.2**k for k in range(60))], "explodes", 1.2),
        ([5] * 60, "carries", 1),
        ([1, *(0.99**k for k in range(60))], "carries", 0.99),
        ([1, *(0.8**k for k in range(8))], "vanishes", 0.8),  # though a fifth is left
        ([1, *(0.95**k for k in range(8))], "carries", 0.95),
        ([1, 0, 0, 0], "vanishes", 0),
        ([1, *(1e-8**k for k in range(60))], "vanishes", 1e-8),
        ([1, 2, math.inf, math.inf], "explodes", math.inf),
        ([1, 1, 2, 4, 0, 0], "vanishes", 2),  # where a document began
    ],
)
def test_what_a_curve_says(curve: list[float], kind: str, factor: float) -> None:
    verdict = verdict_on(curve)
    assert verdict.kind == kind
    assert verdict.factor == pytest.approx(factor, rel=1e-3)


@pytest.mark.parametrize(
    ("curve", "words"),
    [
        ([1, *(0.5**k for k in range(60))], "vanishes with a half-life of 1 step"),
        ([1, *(0.25**k for k in range(60))], "vanishes with a half-life of 0.5 steps"),
        ([4, *(0.99**k for k in range(60))], "carries: 14% of the gradient is left 60 steps back"),
        ([1, 1, 0.5, 0.25, 0, 0], "vanishes with a half-life of 1 step; nothing is left beyond lag 3"),
        ([1, 1, 2, 4, 0, 0], "vanishes: nothing is left beyond lag 3"),
        (
            [1, *(0.5**k for k in range(21)), *(0.5**20 * 0.5 ** (k / 4) for k in range(1, 61))],
            "vanishes with a half-life of 2.29 steps (1 at first, 4 at the end)",
        ),
        (
            [1, *(0.5**k for k in range(21)), *[0.5**20] * 20],
            "vanishes with a half-life of 2 steps (1 at first, hardly falls at the end)",
        ),
    ],
)
def test_half_lives_are_those_from_lag_1_to_the_last(curve: list[float], words: str) -> None:
    """The geometric mean, so that half-life and what is left agree; and those of both ends where they differ."""
    verdict = verdict_on(curve)
    assert verdict.words == words
    left = [each for each in curve[1:] if each]
    assert left[0] * verdict.factor ** (len(left) - 1) == pytest.approx(left[-1])


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (0.5, "halves every step"),
        (2, "doubles every step"),
        (0.9, "halves every 6.58 steps"),
        (2.37, "doubles every 0.803 steps"),
        (0.9999, "halves every 6,931 steps"),
        (1, "stays as it is"),
        (1 + 1e-12, "stays as it is"),
        (0, "is gone at once"),
        (math.inf, "grows beyond all numbers"),
    ],
)
def test_rates_are_half_lives_and_doubling_times(factor: float, words: str) -> None:
    assert rate(factor) == words
