"""The learning rate over a run, also over one whose length changes on the way."""

from __future__ import annotations

import itertools
from typing import Literal

import pytest

from rnngen.options.training import OptimizerConfig
from rnngen.runs.plan_record import Stretch
from rnngen.training.schedule import Schedule, learning_rate_factor


def stretch(step: int, steps: int, threads: int = 1) -> Stretch:
    return Stretch(step, steps, threads, "float32")


def test_the_schedule_rises_stays_and_falls_to_zero() -> None:
    linear = OptimizerConfig(warmup=0.1, decay="linear")
    factors = [learning_rate_factor(s, 1000, linear) for s in range(1000)]
    assert factors[0] == pytest.approx(0.01)
    assert factors[99:500] == [1.0] * 401
    assert factors[-1] == pytest.approx(0, abs=0.003)
    assert all(a >= b for a, b in itertools.pairwise(factors[100:]))
    cosine = OptimizerConfig(warmup=0.0, decay="cosine")
    assert learning_rate_factor(500, 1000, cosine) == pytest.approx(0.5, abs=0.01)
    assert learning_rate_factor(999, 1000, OptimizerConfig(decay="none")) == 1
    assert 0 < learning_rate_factor(0, 1, linear) <= 1  # a run of one step takes it


@pytest.mark.parametrize("decay", ["linear", "cosine", "none"])
def test_a_run_that_is_never_planned_again_has_the_rates_of_its_plan(
    decay: Literal["linear", "cosine", "none"],
) -> None:
    config = OptimizerConfig(decay=decay)
    schedule = Schedule([stretch(0, 97)])
    schedule.begin(stretch(40, 97, threads=2))  # another number of threads is no other plan
    assert [schedule.learning_rate_factor(step, config) for step in range(97)] == [
        learning_rate_factor(step, 97, config) for step in range(97)
    ]


@pytest.mark.parametrize("changes", [[(600, 700)], [(600, 3000)], [(100, 400), (300, 2000), (1500, 1510)], [(5, 6)]])
def test_a_new_plan_stretches_what_is_left_without_a_jump_and_ends_near_zero(changes: list[tuple[int, int]]) -> None:
    config = OptimizerConfig(warmup=0.02, decay="linear")
    schedule = Schedule([stretch(0, 1000)])
    factors: list[float] = []
    while len(factors) < schedule.steps:
        step = len(factors)
        if changes and step == changes[0][0]:
            schedule.begin(stretch(*changes.pop(0)))
        factors.append(schedule.learning_rate_factor(step, config))
    warm = next(i for i, factor in enumerate(factors) if factor == max(factors))
    assert all(a >= b for a, b in itertools.pairwise(factors[warm:]))
    # the first plan falls by 2 / 980 per step; a later one by that, times the steps of the first that each stands for
    ends = [s.steps - s.step for s in schedule.begun]
    steepest = 2 / 980 * max(1, *(1000 / left for left in ends))
    assert all(a - b <= steepest * (1 + 1e-9) for a, b in itertools.pairwise(factors[warm:]))
    assert factors[-1] <= steepest


def test_an_exact_case_by_hand() -> None:
    """1,000 steps, planned again at 600 to end at 700: each step then counts for four."""
    config = OptimizerConfig(warmup=0.0, decay="linear")
    schedule = Schedule([stretch(0, 1000), stretch(600, 700)])
    for step in (600, 625, 650, 699):
        assert schedule.learning_rate_factor(step, config) == learning_rate_factor(600 + 4 * (step - 600), 1000, config)
    assert schedule.learning_rate_factor(599, config) == learning_rate_factor(599, 1000, config)


def test_recorded_stretches_are_due_at_their_step_and_the_last_of_one_step_counts() -> None:
    schedule = Schedule([stretch(0, 100)], [stretch(20, 90), stretch(50, 80), stretch(20, 95)])
    assert [s.step for s in schedule.ahead] == [20, 50]
    assert schedule.due(19) is None
    assert schedule.due(20) == stretch(20, 95)
    assert schedule.due(20) is None
    assert [s.step for s in schedule.ahead] == [50]


@pytest.mark.parametrize("begun", [[], [stretch(3, 10)], [stretch(0, 10), stretch(6, 10), stretch(5, 10)]])
def test_stretches_that_are_out_of_order_are_refused(begun: list[Stretch]) -> None:
    with pytest.raises(ValueError, match="plan"):
        Schedule(begun)
