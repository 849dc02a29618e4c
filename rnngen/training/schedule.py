"""The learning-rate schedule and the number of steps of a run, also if its plan changes while it is trained.

A run with a given number of steps has one stretch (``runs/plan_record.py``). A run by the clock gets another one
whenever its pace departs from the plan, and so does a run that is resumed on a machine that cannot compute it as
planned. A run that is trained further has a new learning-rate cycle from its end on.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from rnngen.options.training import OptimizerConfig
from rnngen.runs.plan_record import Cycle, Stretch, latest_cycle


@dataclass
class _Decay:
    """One learning-rate cycle: warm-up and decay.

    Attributes:
        begin: the step at which it begins.
        peak: the highest factor.
        steps: number of steps, as first planned.
        changes: of the number of steps: the step, its position in the first plan, and the new number of steps, all
            counted from ``begin``.
    """

    begin: int
    peak: float
    steps: int
    changes: list[tuple[int, float, int]] = field(default_factory=list)

    def position(self, step: int) -> float:
        """The step of the first plan that has the same learning rate, both counted from ``begin``."""
        change = bisect.bisect_right(self.changes, step, key=lambda entry: entry[0])
        if not change:
            return step
        begin, first, steps = self.changes[change - 1]
        return first + (self.steps - first) * (step - begin) / (steps - begin)


class Schedule:
    """The stretches of a run: those that have begun, and recorded ones that lie ahead.

    Args:
        begun: in order; the first begins at step 0.
        ahead: those to follow later; if several begin at the same step, the last one counts.

    Raises:
        ValueError: they are not in order.
    """

    def __init__(self, begun: Iterable[Stretch], ahead: Iterable[Stretch] = ()) -> None:
        self.begun: list[Stretch] = []
        self._decays: list[_Decay] = []
        for stretch in begun:
            self.begin(stretch)
        if not self.begun:
            raise ValueError("a run without a plan")
        self._ahead = {stretch.step: stretch for stretch in ahead}

    @classmethod
    def resumed(cls, begun: Iterable[object], record: Iterable[Stretch], step: int) -> Schedule:
        """The schedule of a run that is resumed.

        Args:
            begun: the stretches in the saved state, as ``Stretch.as_dict`` returned them.
            record: all recorded stretches, also those after the state was saved.
            step: number of steps taken.

        Raises:
            ValueError: the saved stretches are not in order, or are not those of this step.
        """
        stretches = [Stretch.from_dict(stretch) for stretch in begun]
        if stretches and stretches[-1].step > step:
            raise ValueError(f"a plan of step {stretches[-1].step} in the state of step {step}")
        return cls(stretches, [s for s in record if s.step >= step and s != stretches[-1]])

    @property
    def current(self) -> Stretch:
        """The stretch that the run is in."""
        return self.begun[-1]

    @property
    def steps(self) -> int:
        """Number of steps of the whole run, as planned now."""
        return self.current.steps

    @property
    def cycle(self) -> Cycle | None:
        """How the run was last trained further; None: never, and the configuration applies."""
        return latest_cycle(self.begun)

    @property
    def cycle_begin(self) -> int:
        """The first step of the current learning-rate cycle."""
        return self._decays[-1].begin

    def falls_below(self, share: float, step: int, config: OptimizerConfig) -> bool:
        """Whether warm-up is over and the learning rates are below this fraction of those in the configuration."""
        decay = self._decays[-1]
        warm = decay.position(step - decay.begin) >= max(1, round(config.warmup * decay.steps))
        return warm and self.learning_rate_factor(step, config) < share

    @property
    def ahead(self) -> list[Stretch]:
        """Recorded stretches that have not begun, in order."""
        return [self._ahead[step] for step in sorted(self._ahead)]

    def due(self, step: int) -> Stretch | None:
        """The recorded stretch that begins at this step, which is then no longer ahead."""
        return self._ahead.pop(step, None)

    def begin(self, stretch: Stretch) -> None:
        """Continue with this stretch.

        Raises:
            ValueError: the run is past its first step, or would have ended before it.
        """
        if not self.current.step <= stretch.step <= self.steps if self.begun else stretch.step != 0:
            raise ValueError(f"the plan of step {stretch.step} is out of order")
        peak = stretch.cycle.peak if stretch.cycle else None
        if not self.begun or peak is not None:
            peak = 1.0 if peak is None else peak
            self._decays.append(_Decay(stretch.step, peak, stretch.steps - stretch.step))
        elif stretch.steps != self.steps:
            decay = self._decays[-1]
            step = stretch.step - decay.begin
            decay.changes.append((step, decay.position(step), stretch.steps - decay.begin))
        self.begun.append(stretch)

    def learning_rate_factor(self, step: int, config: OptimizerConfig) -> float:
        """What the learning rates are multiplied by at ``step``, counted from 0.

        A new plan stretches or compresses the rest of the learning-rate schedule to the new end, without a jump.
        """
        decay = next(decay for decay in reversed(self._decays) if decay.begin <= step)
        return decay.peak * learning_rate_factor(decay.position(step - decay.begin), decay.steps, config)


def learning_rate_factor(step: float, steps: int, config: OptimizerConfig) -> float:
    """What the learning rates are multiplied by at ``step`` of ``steps`` (counted from 0).

    The factor rises over the first ``warmup`` of all steps. ``linear`` then stays at 1 for half of the rest and falls
    to 0 at the end, ``cosine`` falls throughout, ``none`` stays at 1.
    """
    warmup = max(1, round(config.warmup * steps))
    if step < warmup:
        return (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    if config.decay == "linear":
        return min(1.0, 2 * (1 - progress))
    if config.decay == "cosine":
        return (1 + math.cos(math.pi * progress)) / 2
    return 1.0
