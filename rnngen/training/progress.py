"""How far a run has come: its steps, its best scores, and what remains to be done after its last step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rnngen.options.training import TrainConfig
from rnngen.runs.plan_record import is_over
from rnngen.training.schedule import Schedule

VALIDATION, SAMPLE, SAVE = "validation", "sample", "save"


@dataclass
class Progress:
    """Steps taken, and validation losses in nats per token.

    Attributes:
        step: number of steps taken.
        best_nll: the lowest validation loss.
        best_step: the step at which it was measured.
        cycle_nll: the lowest validation loss in this learning-rate cycle.
        cycle_step: the step at which it was measured, or the first of the cycle.
        due: what remains to be done after this step: ``validation``, ``sample``, ``save``.
    """

    step: int = 0
    best_nll: float = math.inf
    best_step: int = 0
    cycle_nll: float = math.inf
    cycle_step: int = 0
    due: set[str] = field(default_factory=lambda: {VALIDATION})

    def begin_cycle(self, step: int) -> None:
        """Count patience from this step on, whatever was reached before."""
        self.cycle_nll, self.cycle_step = math.inf, step

    def forget_scores(self) -> None:
        """Measure the weights as they are now first, as if nothing had been measured before."""
        self.best_nll, self.best_step = math.inf, self.step
        self.begin_cycle(self.step)
        self.due.add(VALIDATION)

    def validated(self, nll: float, *, trained: bool, eligible: bool = True) -> bool:
        """Take note of a validation loss.

        Args:
            nll: nats per token.
            trained: whether the weights at step 0 are trained; random ones are never the best.
            eligible: whether these weights can be the best at all.

        Returns:
            Whether it is the lowest so far.
        """
        if self.step:
            self.cycle_nll, self.cycle_step = min((self.cycle_nll, self.cycle_step), (nll, self.step))
        if nll >= self.best_nll or not (self.step or trained) or not eligible:
            return False
        self.best_nll, self.best_step = nll, self.step
        return True

    def stepped(self, train: TrainConfig, schedule: Schedule, *, save: bool) -> None:
        """Count a step, and decide what is due after it.

        Args:
            train: how often to validate, to show samples and to save.
            schedule: number of steps, and the first two where a run is trained further.
            save: whether to save in any case.
        """
        self.step += 1
        last, cycle = self.step == schedule.steps, schedule.cycle
        sample_every = cycle.sample_every if cycle else train.sample_every
        every = {VALIDATION: _valid_every(train, schedule), SAMPLE: sample_every, SAVE: train.save_every}
        self.due = {part for part, steps in every.items() if steps and (last or self.step % steps == 0)}
        if save:
            self.due.add(SAVE)

    def is_over(self, train: TrainConfig, schedule: Schedule) -> bool:
        """Whether all steps have been taken, or there were too many validations without improvement."""
        return is_over(
            self.step,
            schedule.steps,
            best_step=self.cycle_step if math.isfinite(self.cycle_nll) else None,
            patience=train.patience,
            valid_every=_valid_every(train, schedule),
        )

    def values(self) -> dict[str, Any]:
        """For a saved state."""
        return {
            "step": self.step,
            "best_nll": _or_none(self.best_nll),
            "best_step": self.best_step,
            "due": sorted(self.due),
            "progress": [_or_none(self.cycle_nll), self.cycle_step],
        }

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Progress:
        """Read what ``values`` returned; older runs lack the last two."""
        best_nll, best_step = values["best_nll"], int(values["best_step"])
        cycle_nll, cycle_step = values.get("progress", (best_nll, best_step))
        due = {VALIDATION, SAMPLE, SAVE} & set(values.get("due", ()))
        return cls(
            step=int(values["step"]),
            best_nll=_number(best_nll),
            best_step=best_step,
            cycle_nll=_number(cycle_nll),
            cycle_step=int(cycle_step),
            due=due | ({SAVE} if due else set()),
        )


def _valid_every(train: TrainConfig, schedule: Schedule) -> int:
    return schedule.cycle.valid_every if schedule.cycle else train.valid_every


def _or_none(nll: float) -> float | None:
    return nll if math.isfinite(nll) else None


def _number(nll: float | None) -> float:
    return math.inf if nll is None else float(nll)
