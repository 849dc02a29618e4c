"""How fast the steps of a run really are, and how long it will still take, from its events.

The speed that was measured before the first step is that of a fraction of a second. Here it is corrected from step to
step, and the parts of a run that are no steps (validations, samples, saves, counting n-grams) count with the time that
they took last. Unlike ``planning/pace.py`` this changes no plan.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Collection

from rnngen.options.training import TrainConfig
from rnngen.runs.plan_record import Stretch
from rnngen.training.events import Event, Finished, Mixed, Replanned, Sampled, Saved, Stepped, Validated
from rnngen.training.planning.budget import Costs
from rnngen.training.planning.pace import SLACK, SLACK_LEFT, was_suspended
from rnngen.training.progress import SAMPLE, SAVE, VALIDATION

FIRST = 1.0  # seconds of measured steps that count as much as the speed that was measured before the first step
MEMORY = 20.0  # seconds after which a step counts 1/e as much as the last one
LAST = 10.0  # seconds: until then a run by the clock has the time until its deadline left, and then that of its steps


class TimeLeft:
    """Follows the events of a run.

    Args:
        train: how often there are validations, samples and saves.
        stretch: the plan to begin with.
        done: number of steps taken before.
        costs: of the parts, as measured before the first step; None: unknown.
        deadline: when the run should be over, by ``clock``; None: when all steps are taken.
        due: what remains to be done after the last step (``training/progress.py``).
        clock, cpu_clock: return seconds, and seconds of processor time of this process.

    Attributes:
        step_seconds: that a step takes at present; NaN: unknown.
        measured: seconds of steps that have been measured.
    """

    def __init__(
        self,
        train: TrainConfig,
        stretch: Stretch,
        done: int = 0,
        *,
        costs: Costs | None = None,
        deadline: float | None = None,
        due: Collection[str] = (VALIDATION,),
        clock: Callable[[], float] = time.perf_counter,
        cpu_clock: Callable[[], float] = time.process_time,
    ) -> None:
        self._train, self._deadline, self._clock, self._cpu_clock = train, deadline, clock, cpu_clock
        self._costs = costs or Costs(step=math.nan)
        self.step_seconds, self.measured = self._costs.step, 0.0
        self._seconds = FIRST if costs else 0.0
        self._steps = self._seconds / costs.step if costs else 0.0
        self._step, self._due = done, set(due)
        self._tokens = self._counted = 0.0
        self._over = False
        self._saving = False  # whether the time since the last event includes handing over a save
        self._replan(stretch)
        self._tick, self._cpu_tick = clock(), cpu_clock()
        self._total = math.inf if deadline is None else deadline - self._tick

    def take(self, event: Event) -> None:
        """Take note of an event, at the time at which it comes."""
        if isinstance(event, Stepped | Validated | Sampled | Mixed):
            seconds = self._since_last()
            if isinstance(event, Stepped):
                self._stepped(event, seconds)
            elif isinstance(event, Mixed):
                self._costs = dataclasses.replace(self._costs, end=0.0)
            else:
                self._did(VALIDATION if isinstance(event, Validated) else SAMPLE, seconds)
        elif isinstance(event, Saved):
            self._due.discard(SAVE)
        elif isinstance(event, Replanned):
            self._replan(event.plan)
        elif isinstance(event, Finished):
            self._over = event.is_over

    def _since_last(self) -> float | None:
        """Seconds since the last event; None: the process was suspended in the meantime."""
        now, cpu_now = self._clock(), self._cpu_clock()
        seconds, cpu_seconds = now - self._tick, cpu_now - self._cpu_tick
        self._tick, self._cpu_tick = now, cpu_now
        if not was_suspended(seconds, cpu_seconds):
            return seconds
        if self._deadline is not None:
            self._deadline += seconds
        return None

    def _stepped(self, event: Stepped, seconds: float | None) -> None:
        self._step = event.step
        saved, self._saving = self._saving, False
        if seconds is not None and saved and self._steps:
            self._costs = dataclasses.replace(self._costs, save=max(0.0, seconds - self.step_seconds))
        elif seconds is not None:
            kept = math.exp(-seconds / MEMORY)
            self._seconds, self._steps = self._seconds * kept + seconds, self._steps * kept + 1
            self._tokens, self._counted = self._tokens * kept + event.tokens, self._counted * kept + 1
            self.step_seconds = max(1e-9, self._seconds / self._steps)
            self.measured += seconds
        last = event.step == self._stretch.steps
        every = self._every
        self._due = {part for part, steps in every.items() if steps and (last or event.step % steps == 0)}
        self._saving = SAVE in self._due

    def _did(self, part: str, seconds: float | None) -> None:
        self._due.discard(part)
        if seconds is not None:
            self._costs = dataclasses.replace(self._costs, **{part: seconds})

    def _replan(self, stretch: Stretch) -> None:
        self._stretch = stretch
        if cycle := stretch.cycle:
            self._train = self._train.changed(valid_every=cycle.valid_every, sample_every=cycle.sample_every)
        train = self._train
        self._every = {VALIDATION: train.valid_every, SAMPLE: train.sample_every, SAVE: train.save_every}

    @property
    def tokens_per_second(self) -> float:
        """At present; 0 before the first step."""
        return self._tokens / self._counted / self.step_seconds if self._counted else 0.0

    def seconds(self) -> float | None:
        """Seconds until the end of the run, unless patience ends it before; None: unknown."""
        if self._over:
            return 0.0
        if math.isnan(self.step_seconds):
            return None
        costs = dataclasses.replace(self._costs, step=self.step_seconds)
        left = costs.seconds(self._train, self._stretch.steps, self._step)
        if self._step:
            left += sum(getattr(costs, part) for part in self._due)
        elif VALIDATION not in self._due:
            left -= costs.validation  # the one before the first step is done
        doing = next((part for part in self._every if part in self._due), "step")
        left -= min(self._clock() - self._tick, getattr(costs, doing))
        until = math.inf if self._deadline is None else self._deadline - self._clock()
        will_grow = left < until - SLACK * self._total - SLACK_LEFT * until  # the plan will be changed to fit
        return max(0.0, until if LAST < until < math.inf and (until < left or will_grow) else left)
