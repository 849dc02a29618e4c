"""Every step of a run's training: loss and gradient norm before and after clipping, from metrics.jsonl.

A long run has more steps than a chart has columns: then each column stands for as many, with their lowest, median and
highest values, so that no step is hidden that stands out.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnngen.options.clipping import threshold_of
from rnngen.runs.failure import Failure, failure_of
from rnngen.runs.metrics import rows_of
from rnngen.runs.run import Run

Values = NDArray[np.float64]


class Jump(NamedTuple):
    """A jump of the loss that training undid.

    Attributes:
        step: of the loss.
        back_to: the step whose weights were restored; None: the batch was skipped.
    """

    step: int
    back_to: int | None


class Range(NamedTuple):
    """The values of a number of steps: the lowest, the median and the highest."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Values) -> Range:
        """The range of values, of which there is at least one."""
        return cls(float(values.min()), float(np.median(values)), float(values.max()))


@dataclass(frozen=True)
class Bin:
    """Neighbouring steps.

    Attributes:
        first, last: step numbers.
        loss: nats per token.
        norm: ‖∇θ‖ before clipping.
        after: the same after clipping.
        clipped: how many of them were clipped.
        steps: how many there are.
    """

    first: int
    last: int
    loss: Range
    norm: Range
    after: Range
    clipped: int
    steps: int


@dataclass(frozen=True)
class Steps:
    """The steps of a run.

    Attributes:
        run: its folder.
        numbers: of the steps, from 1, (N,).
        losses: nats per token, (N,).
        norms: ‖∇θ‖ before clipping, (N,).
        clip: the threshold; infinite if there is none.
        jumps: of the loss, that training undid.
        failure: how training failed; None: it did not.
    """

    run: Path
    numbers: Values
    losses: Values
    norms: Values
    clip: float
    jumps: tuple[Jump, ...]
    failure: Failure | None

    @property
    def after(self) -> Values:
        """‖∇θ‖ after clipping, (N,)."""
        return np.minimum(self.norms, self.clip)

    @property
    def clipped(self) -> int:
        """How many steps were clipped."""
        return int((self.norms > self.clip).sum())

    @property
    def last(self) -> int:
        """The last step, also if it failed."""
        taken = int(self.numbers[-1]) if len(self.numbers) else 0
        return max(taken, self.failure.step if self.failure else 0)

    def bins(self, columns: int, last: int | None = None) -> list[Bin | None]:
        """The steps in columns of equal width.

        Args:
            columns: how many; not more than there are steps.
            last: the step at which the last one ends: the run's last by default.

        Returns:
            One entry per column; None where the run has no step.
        """
        last = last or self.last
        edges = np.linspace(1, last + 1, min(columns, max(last, 1)) + 1).round()
        places = np.searchsorted(self.numbers, edges)
        return [self._bin(slice(a, b)) if b > a else None for a, b in pairwise(places.tolist())]

    def _bin(self, part: slice) -> Bin:
        norms = self.norms[part]
        return Bin(
            int(self.numbers[part][0]),
            int(self.numbers[part][-1]),
            Range.of(self.losses[part]),
            Range.of(norms),
            Range.of(self.after[part]),
            int((norms > self.clip).sum()),
            len(norms),
        )


def read_steps(run: Run) -> Steps:
    """The steps of a run, those after the last save included.

    Raises:
        CheckpointError: metrics.jsonl is damaged, or has more rows than any run.
    """
    numbers, losses, norms = array("d"), array("d"), array("d")
    jumps: list[Jump] = []
    for row in rows_of(run):
        if "train_nll" in row and "grad_norm" in row and row["step"] > (numbers[-1] if numbers else 0):
            numbers.append(row["step"])
            losses.append(row["train_nll"])
            norms.append(row["grad_norm"])
        elif "jump" in row:
            jumps.append(Jump(int(row["step"]), int(row["back_to"]) if "back_to" in row else None))
    clip, failure = clip_of(run.config), failure_of(run)
    return Steps(run.path, np.array(numbers), np.array(losses), np.array(norms), clip, tuple(jumps), failure)


def clip_of(config: Mapping[str, Any]) -> float:
    """The norm above which the gradients of a run are clipped, by its config.json; infinite if that says none."""
    optimizer = config.get("optimizer")
    clip = optimizer.get("clip") if isinstance(optimizer, dict) else None
    return threshold_of(float(clip) if isinstance(clip, int | float) and clip > 0 else 0.0)


def largest(steps: Steps, count: int) -> Sequence[int]:
    """The places of the largest norms among the steps, the largest first."""
    places: list[int] = np.argsort(-steps.norms, kind="stable")[:count].tolist()
    return places
