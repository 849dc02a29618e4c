"""How long a run is and where its learning rate stands, also where the plan changes on the way.

A run of a given number of steps has one stretch (``rnngen/stretches.py``). A run by the clock gets another one whenever
its pace departs from the plan, and a run that is resumed on a machine that lacks something has another one from there.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable

from rnngen.config import OptimizerConfig
from rnngen.stretches import Stretch


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
        self._changes: list[tuple[int, float, int]] = []  # of the number of steps: step, its place, steps
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
        if not self.begun or stretch.steps != self.steps:
            self._changes.append((stretch.step, self._step_of_first_plan(stretch.step), stretch.steps))
        self.begun.append(stretch)

    def learning_rate_factor(self, step: int, config: OptimizerConfig) -> float:
        """What the learning rates are multiplied by at ``step``, counted from 0.

        A new plan stretches or compresses what is left of the learning-rate schedule to the new end: nothing jumps.
        """
        return learning_rate_factor(self._step_of_first_plan(step), self.begun[0].steps, config)

    def _step_of_first_plan(self, step: int) -> float:
        """The step of the first plan that has the same learning rate."""
        change = bisect.bisect_right(self._changes, step, key=lambda entry: entry[0])
        if change < 2:
            return step
        begin, first, steps = self._changes[change - 1]
        return first + (self.begun[0].steps - first) * (step - begin) / (steps - begin)


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
