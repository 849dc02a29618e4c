"""Ticks of charts in characters: round, within the axis, and whole for whole quantities."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnngen.cli.plots import plot
from rnngen.plaintext.ticks import MOST, round_ticks


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0, 35, 70], ["0", "20", "40", "60"]),
        ([1, 30, 60], ["10", "20", "30", "40", "50", "60"]),
        ([0, 1], ["0", "1"]),
        ([1, 2, 3], ["1", "2", "3"]),
        ([37.4, 99.9], ["40", "50", "60", "70", "80", "90"]),
        ([0.0, 0.5, 1.0], ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        ([-0.25, 0.25], ["-0.2", "-0.1", "0.0", "0.1", "0.2"]),
        ([0, 25_000], ["0", "5,000", "10,000", "15,000", "20,000", "25,000"]),
        ([1.2083, 5.7], ["2", "3", "4", "5"]),
        ([7, 7], ["7"]),
        ([math.inf, 1.0, 2.0], ["1", "2"]),
        ([0, 5e-9], ["0", "1e-09", "2e-09", "3e-09", "4e-09", "5e-09"]),
        ([], []),
    ],
)
def test_ticks_are_round(values: list[float], labels: list[str]) -> None:
    assert round_ticks(values)[1] == labels


NUMBERS = st.floats(-1e200, 1e200)


@given(st.lists(NUMBERS | st.integers(-(10**9), 10**9), min_size=1))
def test_ticks_are_few_and_lie_within_the_values(values: list[float]) -> None:
    ticks, labels = round_ticks(values)
    low, high = min(values), max(values)
    slack = 1e-6 * (high - low)
    assert 1 <= len(ticks) <= MOST + 1
    assert len(ticks) == len(labels)
    assert all(low - slack <= tick <= high + slack for tick in ticks)
    if all(float(value).is_integer() for value in values):
        assert all(float(tick).is_integer() for tick in ticks)


def test_a_chart_of_tokens_has_whole_tokens_below_it() -> None:
    drawn = plot({"a": [(lag, lag / 7) for lag in range(71)]}, "lag in tokens", "angle").plain.splitlines()
    below = next(line for line in drawn if line.split()[:2] == ["0", "20"])
    assert below.split() == ["0", "20", "40", "60"]
    assert {line.partition("┤")[0].strip() for line in drawn if "┤" in line} == {"0", "2", "4", "6", "8", "10"}
