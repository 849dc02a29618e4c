"""The clock of a run: how long its parts really take, and when that requires another plan.

Before the first step ``minutes`` is turned into a number of steps, from a measurement of a fraction of a second. Here
the actual pace is monitored. If it leads to another end than the one that was planned, the number of steps is planned
again, so that the run ends in time with its learning rate at its lowest; and if other processes slow torch's threads
down, fewer of them are used. A run with a given number of steps has no such clock, nor has a resumed run: they compute
what they would have computed at any other time.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import torch

from rnngen.options.training import TrainConfig
from rnngen.platforms import idle_seconds
from rnngen.runs.plan_record import Stretch
from rnngen.training.planning.budget import Costs
from rnngen.training.planning.plan import Plan
from rnngen.training.planning.rules import DEFAULT_MINUTES
from rnngen.training.planning.threads import ThreadChooser

SLACK = 0.015  # fraction of the total time; a smaller deviation does not justify another plan
SLACK_LEFT = 0.1  # fraction of the time that is left, in addition: the pace of a few seconds is no more precise
MAX_CUT = 2.0  # the rest is cut by at most this factor while there is time for another plan: it may be a short delay
MAX_SLOWER = 2.0  # what follows the last step slows down with the steps, but does not wait for threads as they do
WINDOW = 0.05  # fraction of the total time over which the pace is measured, and the minimum between two plans
SHORTEST_WINDOW, LONGEST_WINDOW = 0.5, 10.0  # seconds
SUSPENDED = 0.02  # if the process ran for less than this fraction of a step of IDLE seconds, it was stopped (Ctrl-Z)
IDLE = 5.0  # seconds


def make_pace(plan: Plan, given: Mapping[str, Any], done: int = 0) -> Pace | None:
    """The clock of a run whose number of steps follows from the available time; None for others.

    Args:
        plan: for the steps that are left.
        given: the options that the user gave, by flat name.
        done: number of steps taken before.
    """
    if plan.deadline is None:
        return None
    train, most = plan.config.train, torch.get_num_threads()
    chooser = None
    if train.device == "cpu" and most > 1 and not given.get("threads"):
        chooser = ThreadChooser(most, train.threads or most, idle_seconds)
    return Pace(
        train,
        plan.costs,
        deadline=plan.deadline,
        total=60 * given.get("minutes", DEFAULT_MINUTES),
        most_steps=done + plan.most_steps,
        chooser=chooser,
    )


def was_suspended(seconds: float, cpu_seconds: float) -> bool:
    """Whether this process was stopped (Ctrl-Z) for most of a time, of which it used ``cpu_seconds``."""
    return seconds > IDLE and cpu_seconds < SUSPENDED * seconds


class Pace:
    """Monitors the time that a run takes.

    Args:
        train: how often there are validations, samples and saves.
        costs: how long the parts of the run are expected to take.
        deadline: when the run should be over, by ``clock``.
        total: seconds that the whole command may take.
        most_steps: maximum number of steps, however much time there is.
        chooser: chooses the number of threads; None: it is fixed.
        clock, cpu_clock: return seconds, and seconds of processor time of all threads of this process together.
    """

    def __init__(
        self,
        train: TrainConfig,
        costs: Costs,
        *,
        deadline: float,
        total: float,
        most_steps: int,
        chooser: ThreadChooser | None = None,
        clock: Callable[[], float] = time.perf_counter,
        cpu_clock: Callable[[], float] = time.process_time,
    ) -> None:
        self._train, self._costs, self._deadline, self._most_steps = train, costs, deadline, most_steps
        self._planned_costs = costs
        self._total, self._window = total, min(LONGEST_WINDOW, max(SHORTEST_WINDOW, WINDOW * total))
        self._chooser, self._clock, self._cpu_clock = chooser, clock, cpu_clock
        self._recent: deque[tuple[int, float]] = deque()  # steps and seconds, outside of trials
        self._steps, self._seconds = 0, 0.0  # of these
        self._planned = self._tick = clock()
        self._begun: tuple[float, float] | None = None  # by both clocks, when the steps being computed now began

    def start(self) -> None:
        """Start the clock."""
        self._planned = self._tick = self._clock()

    def begin_step(self) -> None:
        """Take note that the computation of a step begins: time since the last one was spent otherwise."""
        self._begun = self._begun or (self._clock(), self._cpu_clock())

    def stepped(self, steps: int, tokens: int) -> None:
        """Take note that steps have been computed: all that began since the last call.

        What was done between them (a row of a log, a line on the screen) is counted as theirs in the plan, but not in
        the choice of threads.

        Args:
            steps: number of steps.
            tokens: number of tokens that they read.
        """
        if not steps or self._begun is None:
            return
        (began, cpu_began), self._begun = self._begun, None
        now, cpu_now = self._clock(), self._cpu_clock()
        seconds, self._tick = now - self._tick, now
        if was_suspended(now - began, cpu_now - cpu_began):
            self._deadline += now - began  # a suspended run should not be over when it continues
            return
        if self._chooser:
            tried = self._chooser.trying
            self._chooser.observe(tokens, now - began)
            if tried or self._chooser.trying:  # the earlier pace does not apply any more
                self._recent.clear()
                self._steps, self._seconds = 0, 0.0
                return
        self._recent.append((steps, seconds))
        self._steps, self._seconds = self._steps + steps, self._seconds + seconds
        while len(self._recent) > 1 and self._seconds - self._recent[0][1] >= self._window:
            gone = self._recent.popleft()
            self._steps, self._seconds = self._steps - gone[0], self._seconds - gone[1]

    def spent(self, part: str) -> None:
        """Take note that a validation, sample or save took the time since the last call of this or of ``stepped``."""
        now = self._clock()
        self._costs = dataclasses.replace(self._costs, **{part: now - self._tick})
        self._tick = now

    def next_stretch(self, step: int, current: Stretch) -> Stretch | None:
        """The plan from ``step`` on; None: it does not change."""
        threads, trial = current.threads, False
        if self._chooser:
            threads, trial = self._chooser.threads, self._chooser.trying
        steps = self._plan(step, current.steps)
        stretch = current.changed(step=step, steps=steps, threads=threads, trial=trial)
        return None if stretch == current.changed(step=step) else stretch

    def _plan(self, step: int, steps: int) -> int:
        """The number of steps of the whole run, as planned now."""
        if not self._steps:  # while numbers of threads are tried, there are no recent ones
            return steps
        now = self._clock()
        step_seconds = self._seconds / self._steps
        slower = min(MAX_SLOWER, step_seconds / self._planned_costs.step)
        self._costs = dataclasses.replace(self._costs, step=step_seconds, end=slower * self._planned_costs.end)
        rest = self._costs.seconds(self._train, steps, step)
        # a short rest leaves less time to measure, and a rough measurement is better than none
        window = min(self._window, rest / 2)
        if self._seconds < window or now - self._planned < window:
            return steps
        left = self._deadline - now
        if abs(rest - left) <= SLACK * self._total + SLACK_LEFT * max(0.0, left):
            return steps
        self._planned = now
        new = self._costs.steps_within(left, self._train, self._most_steps, step)
        if left - self._planned_costs.end > 4 * self._window:
            new = max(new, step + math.ceil((steps - step) / MAX_CUT))
        return new
