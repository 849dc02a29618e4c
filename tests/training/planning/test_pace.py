"""A run by the clock ends in time, however the machine's speed changes on the way; on a pretended clock."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from rnngen.options.training import TrainConfig
from rnngen.runs.plan_record import Stretch
from rnngen.training.planning.budget import Costs
from rnngen.training.planning.pace import Pace
from rnngen.training.planning.threads import ThreadChooser

TRAIN = TrainConfig(valid_every=100, sample_every=250, save_every=1000)
PLANNED = Costs(step=0.02, validation=0.2, sample=0.05, save=0.1, end=1.0)


class Run:
    """A run without anything to compute: the clock moves by what each part really costs at that moment."""

    def __init__(
        self, minutes: float, really: Callable[[float, int], Costs], threads: int = 1, most_steps: int = 10**9
    ) -> None:
        self.now, self.really, self.total = 100.0, really, 60 * minutes
        deadline = self.now + self.total
        chooser = ThreadChooser(threads, threads) if threads > 1 else None
        self.pace = Pace(
            TRAIN,
            PLANNED,
            deadline=deadline,
            total=self.total,
            most_steps=most_steps,
            chooser=chooser,
            clock=lambda: self.now,
            cpu_clock=lambda: self.now * threads,
        )
        steps = PLANNED.steps_within(self.total, TRAIN, most_steps)
        self.stretches = [Stretch(0, steps, threads, "float32")]

    def to_the_end(self) -> float:
        """Share of the planned time that it took."""
        began, step = self.now, 0
        self.pace.start()
        while step < self.stretches[-1].steps:
            new = self.pace.next_stretch(step, self.stretches[-1])
            if new:
                self.stretches.append(new)
            costs = self.really(self.now - began, self.stretches[-1].threads)
            step += 1
            self.pace.begin_step()
            last = step == self.stretches[-1].steps
            self.now += costs.step
            self.pace.stepped(1, 2048)
            for part, every in (("validation", 100), ("sample", 250), ("save", 1000)):
                if step % every == 0 or last:
                    self.now += getattr(costs, part)
                    self.pace.spent(part)  # type: ignore[arg-type]
        self.now += self.really(self.now - began, self.stretches[-1].threads).end
        return (self.now - began) / self.total


def times(factor: float) -> Costs:
    """Steps are slower than planned by this factor. The rest is slower by at most 2: it does not wait for threads."""
    values = {name: min(2, factor) * value for name, value in dataclasses.asdict(PLANNED).items()}
    return Costs(**{**values, "step": factor * PLANNED.step})


@pytest.mark.parametrize("minutes", [0.5, 1, pytest.param(20, marks=pytest.mark.slow)])
def test_a_run_whose_pace_is_as_planned_is_never_planned_again(minutes: float) -> None:
    run = Run(minutes, lambda now, threads: times(1.005 if now % 2 < 1 else 0.995))
    assert run.to_the_end() == pytest.approx(1, abs=0.02)
    assert len(run.stretches) == 1


@pytest.mark.parametrize("minutes", [0.5, pytest.param(5, marks=pytest.mark.slow)])
@pytest.mark.parametrize("factor", [0.3, 0.8, 1.3, 4.0])
def test_a_plan_from_a_wrong_measurement_is_corrected(minutes: float, factor: float) -> None:
    run = Run(minutes, lambda now, threads: times(factor))
    assert run.to_the_end() == pytest.approx(1, abs=0.05)
    assert len(run.stretches) < 8


@pytest.mark.parametrize("minutes", [0.5, 2])
@pytest.mark.parametrize("factor", [0.5, 2.0, 8.0])
@pytest.mark.parametrize("when", [0.2, 0.5, 0.8])
def test_a_run_ends_in_time_though_its_pace_changes_on_the_way(minutes: float, factor: float, when: float) -> None:
    run = Run(minutes, lambda now, threads: times(factor if now > when * 60 * minutes else 1))
    share = run.to_the_end()
    unavoidable = when + (sum(dataclasses.asdict(times(factor)).values()) / 60 / minutes if factor > 1 else 0)
    assert min(0.9, unavoidable) <= share <= max(1.1, unavoidable + 0.1)


@pytest.mark.parametrize("minutes", [0.5, 1, 2, 5])
def test_if_another_process_is_busy_from_the_middle_on_the_run_ends_in_time_with_one_thread(minutes: float) -> None:
    """Speeds as measured on two cores: two threads 1, with a busy process a third of that, one thread two thirds."""

    def really(now: float, threads: int) -> Costs:
        busy = now > 30 * minutes
        return times({(2, False): 1.0, (2, True): 3.1, (1, False): 1.5, (1, True): 1.55}[threads, busy])

    run = Run(minutes, really, threads=2)
    assert run.to_the_end() == pytest.approx(1, abs=0.1)
    assert run.stretches[-1].threads == 1


def test_validations_and_saves_are_planned_with_the_time_that_they_really_take() -> None:
    """Validations ten times as long as planned, and steps exactly as planned."""
    run = Run(2, lambda now, threads: dataclasses.replace(PLANNED, validation=2.0))
    assert run.to_the_end() == pytest.approx(1, abs=0.05)


def test_a_run_out_of_time_ends_with_the_next_step() -> None:
    run = Run(0.1, lambda now, threads: times(1 if now < 3 else 1000))
    run.to_the_end()
    slow = [stretch for stretch in run.stretches if stretch.steps - stretch.step == 1]
    assert len(slow) == 1


def test_there_are_no_more_steps_than_the_maximum_of_the_plan() -> None:
    run = Run(1, lambda now, threads: times(0.5), most_steps=1200)
    assert run.to_the_end() < 0.5
    assert [stretch.steps for stretch in run.stretches] == [1200]


def test_what_others_do_with_a_step_is_in_the_plan_but_does_not_cost_threads() -> None:
    """Whoever watches the run takes as long as the step itself, and now and then a second."""
    now, threads = 0.0, []
    chooser = ThreadChooser(2, 2)
    stretch = Stretch(0, 3000, 2, "float32")
    pace = Pace(
        TRAIN,
        PLANNED,
        deadline=60.0,
        total=60.0,
        most_steps=10**9,
        chooser=chooser,
        clock=lambda: now,
        cpu_clock=lambda: 2 * now,
    )
    pace.start()
    for step in range(800):
        stretch = pace.next_stretch(step, stretch) or stretch
        threads.append(stretch.threads)
        pace.begin_step()
        now += 0.02
        pace.stepped(1, 2048)
        now += 1.0 if step % 100 == 50 else 0.02
    assert set(threads) == {2}
    assert stretch.steps < 1600  # there is time for 60 / 0.04 at most


def test_the_time_in_which_a_process_is_suspended_does_not_count() -> None:
    """Ctrl-Z after 10 of 60 seconds, and fg an hour later."""
    now, cpu, step = 0.0, 0.0, 0
    chooser, stretch = ThreadChooser(2, 2), Stretch(0, PLANNED.steps_within(60, TRAIN, 10**9), 2, "float32")
    pace = Pace(
        TRAIN,
        PLANNED,
        deadline=60.0,
        total=60.0,
        most_steps=10**9,
        chooser=chooser,
        clock=lambda: now,
        cpu_clock=lambda: cpu,
    )
    pace.start()
    while step < stretch.steps:
        stretch = pace.next_stretch(step, stretch) or stretch
        pace.begin_step()
        step += 1
        now, cpu = now + (3600 if step == 500 else 0.02), cpu + 0.04
        pace.stepped(1, 2048)
    assert now == pytest.approx(3660, abs=3)
    assert stretch.threads == 2


def test_a_short_delay_at_the_beginning_does_not_end_the_run() -> None:
    """Half a second for one of the first steps, as when the machine is busy with something else."""
    hiccups = [5, 6]
    run = Run(0.5, lambda now, threads: dataclasses.replace(PLANNED, step=0.02, end=0.0))
    began, step = run.now, 0
    run.pace.start()
    while step < run.stretches[-1].steps:
        if new := run.pace.next_stretch(step, run.stretches[-1]):
            run.stretches.append(new)
        run.pace.begin_step()
        step += 1
        run.now += 1.0 if step in hiccups else 0.02
        run.pace.stepped(1, 2048)
    assert run.now - began == pytest.approx(30 - PLANNED.end, abs=1.5)
    assert min(stretch.steps for stretch in run.stretches) > 0.45 * run.stretches[0].steps


def test_a_plan_that_was_cut_short_is_extended_before_it_ends() -> None:
    """Ten times slower for a fifth of the time, then as planned."""
    run = Run(0.5, lambda now, threads: times(10 if now < 6 else 1))
    assert run.to_the_end() == pytest.approx(1, abs=0.05)
