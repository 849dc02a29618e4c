"""How long a run is and where its learning rate stands, also where the plan changes on the way.

A run of a given number of steps has one stretch (``runs/plan_record.py``). A run by the clock gets another one whenever
its pace departs from the plan, and a run that is resumed on a machine that lacks something has another one from there.
A run that is trained further has a new learning-rate cycle from its end on.
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
    """One rise and fall of the learning rate.

    Attributes:
        begin: the step at which it begins.
        peak: its highest point.
        steps: how many it has, as planned first.
        changes: of the number of steps: the step, its place in the first plan, and the new number; all from ``begin``.
    """

    begin: int
    peak: float
    steps: int
    changes: list[tuple[int, float, int]] = field(default_factory=list)

    def place(self, step: int) -> float:
        """The step of the first plan that has the same learning rate, both counted from ``begin``."""
        change = bisect.bisect_right(self.changes, step, key=lambda entry: entry[0])
        if not change:
            return step
        begin, first, steps = self.changes[change - 1]
        return first + (self.steps - first) * (step - begin) / (steps - begin)


class Schedule:
    """The stretches of a run: those that have begun, and those on record that lie ahead.

    Args:
        begun: in order; the first begins at step 0.
        ahead: those to follow later; of several that begin at one step the last counts.

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

    @property
    def current(self) -> Stretch:
        """The one that has begun last."""
        return self.begun[-1]

    @property
    def steps(self) -> int:
        """Of the whole run, as planned now."""
        return self.current.steps

    @property
    def cycle(self) -> Cycle | None:
        """How the run was trained further last; None: it never was, and the configuration describes it."""
        return latest_cycle(self.begun)

    @property
    def cycle_begin(self) -> int:
        """The step at which the learning-rate cycle began that the run is in."""
        return self._decays[-1].begin

    def falls_below(self, share: float, step: int, config: OptimizerConfig) -> bool:
        """Whether the learning rates are past their warm-up and below this share of those in the configuration."""
        decay = self._decays[-1]
        warm = decay.place(step - decay.begin) >= max(1, round(config.warmup * decay.steps))
        return warm and self.learning_rate_factor(step, config) < share

    @property
    def ahead(self) -> list[Stretch]:
        """Those on record that have not begun, in order."""
        return [self._ahead[step] for step in sorted(self._ahead)]

    def due(self, step: int) -> Stretch | None:
        """The stretch that begins at this step, according to the record."""
        return self._ahead.pop(step, None)

    def begin(self, stretch: Stretch) -> None:
        """Go on by this one.

        Raises:
            ValueError: the run is past its beginning.
        """
        if stretch.step < self.current.step if self.begun else stretch.step != 0:
            raise ValueError(f"the plan of step {stretch.step} is out of order")
        peak = stretch.cycle.peak if stretch.cycle else None
        if not self.begun or peak is not None:
            peak = 1.0 if peak is None else peak
            self._decays.append(_Decay(stretch.step, peak, stretch.steps - stretch.step))
        elif stretch.steps != self.steps:
            decay = self._decays[-1]
            step = stretch.step - decay.begin
            decay.changes.append((step, decay.place(step), stretch.steps - decay.begin))
        self.begun.append(stretch)

    def learning_rate_factor(self, step: int, config: OptimizerConfig) -> float:
        """What the learning rates are multiplied by at ``step``, counted from 0.

        A new plan stretches or compresses what is left of the learning-rate schedule to the new end: nothing jumps.
        """
        decay = next(decay for decay in reversed(self._decays) if decay.begin <= step)
        return decay.peak * learning_rate_factor(decay.place(step - decay.begin), decay.steps, config)


def learning_rate_factor(step: float, steps: int, config: OptimizerConfig) -> float:
    """What the learning rates are multiplied by at ``step`` of ``steps`` (counted from 0).

    Rises over the first ``warmup`` of all steps; ``linear`` then stays at 1 for the first half and falls to 0
    at the end, ``cosine`` falls all the way, ``none`` stays.
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
