"""Time left and speed follow what a run really takes, with validations, samples and saves, on a clock of the test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rnngen.options.training import TrainConfig
from rnngen.runs.plan_record import Stretch
from rnngen.training import monitor
from rnngen.training.events import Event, Replanned, Sampled, Saved, Stepped, Validated
from rnngen.training.monitor import MAX_POINTS, LossCurve, Monitor
from rnngen.training.planning.budget import Costs
from rnngen.training.time_left import TimeLeft

TRAIN = TrainConfig(valid_every=10, sample_every=50, save_every=25)


class Run:
    """A run whose parts take the time that they are said to take."""

    def __init__(self, steps: int = 100, *, step: float = 0.1, validation: float = 1.0, save: float = 0.5) -> None:
        self.now = self.cpu = 0.0
        self.steps, self.step, self.validation, self.save = steps, step, validation, save

    def left(self, costs: Costs | None, **how: Any) -> TimeLeft:
        stretch = Stretch(0, self.steps, 1, "float32")
        return TimeLeft(
            TRAIN, stretch, costs=costs, clock=lambda: self.now, cpu_clock=lambda: self.cpu, **{"done": 0, **how}
        )

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.cpu += seconds

    def play(self, take: Callable[[Event], object], until: int, first: int = 0) -> None:
        if not first:
            self.sleep(self.validation)
            take(Validated(0, 5.0, False))
        for step in range(first + 1, until + 1):
            self.sleep(self.step)
            take(Stepped(step, self.steps, 2.0, 1.0, 1.0, 0.1, 0.1, 2048))
            if step % 10 == 0:
                self.sleep(self.validation)
                take(Validated(step, 2.0, True))
            if step % 50 == 0:
                self.sleep(2.0)
                take(Sampled(step, "text"))
            if step % 25 == 0:
                self.sleep(self.save)
                take(Saved(step, Path("run")))


def rest(run: Run, step: int) -> float:
    """What a run takes from a step on, by a plain loop over the steps."""
    total = 0.0
    for each in range(step + 1, run.steps + 1):
        total += run.step + run.validation * (each % 10 == 0) + 2.0 * (each % 50 == 0) + run.save * (each % 25 == 0)
    return total


def test_time_left_is_what_remains_when_everything_goes_as_planned() -> None:
    run = Run()
    left = run.left(Costs(step=0.1, validation=1.0, sample=2.0, save=0.5))
    assert left.seconds() == pytest.approx(1.0 + rest(run, 0))  # with the validation before the first step
    run.play(left.take, 55)
    assert left.seconds() == pytest.approx(rest(run, 55))
    run.sleep(0.06)  # within a step
    assert left.seconds() == pytest.approx(rest(run, 55) - 0.06)


def test_time_left_is_corrected_on_a_machine_that_is_slower_than_measured() -> None:
    run = Run(steps=1000, step=0.6, validation=4.0)
    left = run.left(Costs(step=0.1, validation=1.0, sample=2.0, save=0.5))
    first = left.seconds()
    assert first is not None and first < 300
    run.play(left.take, 200)
    assert left.seconds() == pytest.approx(rest(run, 200), rel=0.02)
    assert left.tokens_per_second == pytest.approx(2048 / 0.6, rel=0.02)
    run.step = 0.2  # the other programs have ended
    run.play(left.take, 500, first=200)
    assert left.seconds() == pytest.approx(rest(run, 500), rel=0.05)


def test_a_validation_that_is_running_counts() -> None:
    run = Run()
    left = run.left(Costs(step=0.1, validation=60.0))
    run.now += 60
    left.take(Validated(0, 5.0, False))
    before = left.seconds()
    for step in range(1, 11):
        run.sleep(0.1)
        left.take(Stepped(step, 100, 2.0, 1.0, 1.0, 0.1, 0.1, 2048))
    assert before is not None
    assert left.seconds() == pytest.approx(before - 1.0)
    run.now += 30
    assert left.seconds() == pytest.approx(before - 31.0)


def test_without_a_measurement_it_is_unknown_until_the_first_step() -> None:
    run = Run()
    left = run.left(None, done=20, due=())
    assert left.seconds() is None
    assert left.tokens_per_second == 0
    run.play(left.take, 30, first=20)
    assert left.seconds() == pytest.approx(70 * 0.1 + 7 * 1.0 + 3 * 0.5)  # a sample has not been seen yet


def test_a_run_by_the_clock_has_the_time_until_its_deadline_and_at_the_end_that_of_its_steps() -> None:
    run = Run(steps=10_000)
    left = run.left(Costs(step=0.1), deadline=300.0)
    run.play(left.take, 500)
    assert left.seconds() == 300.0 - run.now  # the plan will be changed to fit
    run.now = 295.0
    left.take(Replanned(Stretch(500, 600, 1, "float32"), Stretch(0, 10_000, 1, "float32")))
    assert left.seconds() > 10.0  # more than is left by the clock


def test_a_plan_that_ends_long_before_its_deadline_will_be_made_longer() -> None:
    run = Run(steps=100)
    left = run.left(Costs(step=0.1), deadline=300.0)
    run.play(left.take, 50)
    assert left.seconds() == 300.0 - run.now
    near = Run(steps=1000)
    left = near.left(Costs(step=0.1, validation=1.0, sample=2.0, save=0.5), deadline=1.02 * (1.0 + rest(near, 0)))
    near.play(left.take, 500)
    assert left.seconds() == pytest.approx(rest(near, 500), abs=0.2)  # near enough to the deadline, so the plan stays


def test_a_suspended_run_has_lost_no_time() -> None:
    run = Run(steps=1000)
    left = run.left(Costs(step=0.1, validation=1.0, sample=2.0, save=0.5), deadline=1e6)
    run.play(left.take, 99)
    before, per_second = left.seconds(), left.tokens_per_second
    run.now += 3600
    left.take(Stepped(100, 1000, 2.0, 1.0, 1.0, 0.1, 0.1, 2048))
    assert left.tokens_per_second == per_second
    assert left.seconds() == pytest.approx(before - 0.1)


def make_monitor(monkeypatch: pytest.MonkeyPatch, run: Run, load: float | None, tokens: float = 20_480.0) -> Monitor:
    monkeypatch.setattr(monitor, "load_average", lambda: load)
    monkeypatch.setattr(monitor, "processors", lambda: 2)
    schedule = SimpleNamespace(current=Stretch(0, run.steps, 1, "float32"), steps=run.steps, cycle=None)
    trainer = SimpleNamespace(step=0, schedule=schedule, best_nll=float("inf"), config=SimpleNamespace(train=TRAIN))
    trainer.progress = SimpleNamespace(due={"validation"})
    costs = Costs(step=0.1, validation=1.0)
    plan = SimpleNamespace(costs=costs, deadline=None, capped=False, tokens_per_second=tokens)
    launched: Any = SimpleNamespace(trainer=trainer, plan=plan)
    found = Monitor(launched)
    found.time_left = run.left(costs)
    return found


@pytest.mark.parametrize(("load", "told"), [(5.5, 5.5), (1.5, None), (None, None)])
def test_a_slow_machine_is_told_of_once_with_its_load_where_that_is_the_reason(
    monkeypatch: pytest.MonkeyPatch, load: float | None, told: float | None
) -> None:
    run = Run(steps=1000, step=0.3)
    found = make_monitor(monkeypatch, run, load)
    slowdowns = []

    def take(event: Event) -> None:
        found.take(event)
        slowdowns.append(found.slowdown())

    run.play(take, 400)
    (slowdown,) = [each for each in slowdowns if each]
    assert (slowdown.load, slowdown.processors, slowdown.before) == (told, 2, 20_480.0)
    assert 1.5 <= slowdown.factor <= 3.1
    assert found.validations[-1] == (400, 2.0)
    assert found.best == 2.0
    assert found.loss == pytest.approx(2.0)


def test_a_machine_that_is_as_fast_as_measured_is_not_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(steps=1000)
    found = make_monitor(monkeypatch, run, 50.0)
    slowdowns: list[object] = []
    run.play(lambda event: (found.take(event), slowdowns.append(found.slowdown())), 200)
    assert slowdowns.count(None) == len(slowdowns)


@pytest.mark.slow
def test_the_loss_curve_has_a_limited_number_of_points_and_the_mean_of_all_losses() -> None:
    curve = LossCurve()
    steps = 10 * MAX_POINTS
    for step in range(1, steps + 1):
        curve.add(step, float(step))
        assert len(curve.points) <= MAX_POINTS
    assert all(step == loss for step, loss in curve.points)
    assert curve.points[0][0] == (1 + 16) / 2  # groups of 16 steps
    assert [x for x, _ in curve.points] == sorted(x for x, _ in curve.points)
