"""How long a run is and where its learning rate stands, also where the plan changes on the way.

A run is cut into stretches. Each begins at a step and says how many steps the whole run has, as planned from there on,
and with how many threads and in which precision they are computed. A run of a given number of steps has one stretch; a
run by the clock gets another one whenever its pace departs from the plan. What is computed depends on the
configuration, the text, the seed and the stretches alone, so whoever follows the record goes through the same numbers.
"""

from __future__ import annotations

import bisect
import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rnngen.config import OptimizerConfig

MOST_THREADS = 4096
_MOST_STEPS = 2**62


@dataclass(frozen=True)
class Stretch:
    """How a run goes on from a step.

    Attributes:
        step: how many were taken before it.
        steps: of the whole run, as planned now.
        threads: of torch on the processor.
        precision: ``float32`` or ``bf16``.
    """

    step: int
    steps: int
    threads: int
    precision: str

    def as_dict(self) -> dict[str, Any]:
        """For the record."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Stretch:
        """Read back what ``as_dict`` wrote.

        Raises:
            ValueError: it is not a stretch.
        """
        if not isinstance(values, Mapping) or set(values) != {field.name for field in dataclasses.fields(cls)}:
            raise ValueError(f"not a stretch of a plan: {values!r}")
        ranges = {"step": (0, _MOST_STEPS), "steps": (1, _MOST_STEPS), "threads": (1, MOST_THREADS)}
        for name, (least, most) in ranges.items():
            value = values[name]
            if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
                raise ValueError(f"{name} of a plan is {value!r}, not a number from {least} to {most}")
        if values["precision"] not in ("float32", "bf16") or values["steps"] <= values["step"]:
            raise ValueError(f"not a stretch of a plan: {values!r}")
        return cls(**values)


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
        self._turns: list[tuple[int, float, int]] = []  # where the number of steps changed: step, its place, steps
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
            self._turns.append((stretch.step, self._place(stretch.step), stretch.steps))
        self.begun.append(stretch)

    def learning_rate_factor(self, step: int, config: OptimizerConfig) -> float:
        """What the learning rates are multiplied by at ``step``, counted from 0.

        A new plan stretches or compresses what is left of the learning-rate schedule to the new end: nothing jumps.
        """
        return learning_rate_factor(self._place(step), self.begun[0].steps, config)

    def _place(self, step: int) -> float:
        """The step of the first plan that has the same learning rate."""
        turn = bisect.bisect_right(self._turns, step, key=lambda turn: turn[0])
        if turn < 2:
            return step
        begin, place, steps = self._turns[turn - 1]
        return place + (self.begun[0].steps - place) * (step - begin) / (steps - begin)


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
