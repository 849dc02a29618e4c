"""How long a run is trained, and how: the plan that holds from each step at which it changed.

The record is ``resume/plan.jsonl`` (see ``layout.py``), one row per change, and rows are only ever added. The numbers
that training goes through depend on the configuration, the text, the seed and this record alone, so a run that is
resumed and follows the record repeats them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnngen.runs.files import MAX_JSON_BYTES, exists, read_file
from rnngen.runs.layout import PLAN, RESUME
from rnngen.untrusted import parse_json

MAX_STEPS = 2**62
MAX_THREADS = 4096
MAX_PEAK = 1000.0


@dataclass(frozen=True)
class Cycle:
    """How a run is trained further than it was planned to be.

    Attributes:
        peak: of a new learning-rate cycle, from a warm-up to the decay at the new end: the highest learning rates, as a
            share of those in the configuration. None: the current cycle is stretched to the new end.
        valid_every: steps between validations from here on.
        sample_every: steps between samples; 0: none.
    """

    peak: float | None
    valid_every: int
    sample_every: int

    @classmethod
    def from_dict(cls, values: object) -> Cycle:
        """Read back what ``Stretch.as_dict`` wrote.

        Raises:
            ValueError: it is not a cycle.
        """
        if not isinstance(values, Mapping) or set(values) != {field.name for field in dataclasses.fields(cls)}:
            raise ValueError(f"not a learning-rate cycle: {values!r}")
        peak = values["peak"]
        number = isinstance(peak, int | float) and not isinstance(peak, bool)
        if peak is not None and not (number and 0 < peak <= MAX_PEAK):
            raise ValueError(f"the peak of a learning-rate cycle is {peak!r}")
        for name, low in (("valid_every", 1), ("sample_every", 0)):
            _check_integer(name, values[name], low, MAX_STEPS)
        return cls(**values)


@dataclass(frozen=True)
class Stretch:
    """The plan of a run from a step on.

    Attributes:
        step: steps taken before it.
        steps: of the whole run, as planned from here on.
        threads: of torch on the processor.
        precision: ``float32`` or ``bf16``.
        trial: whether this number of threads is only being tried, for a few steps.
        cycle: how the run is trained further from here; None: it continues as before.
    """

    step: int
    steps: int
    threads: int
    precision: str
    trial: bool = False
    cycle: Cycle | None = None

    def changed(self, **values: Any) -> Stretch:
        """Another plan within the same learning-rate cycle."""
        return dataclasses.replace(self, **{"cycle": None, **values})

    def as_dict(self) -> dict[str, Any]:
        """A row of the record."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: object) -> Stretch:
        """Read back what ``as_dict`` wrote.

        Raises:
            ValueError: it is not a stretch.
        """
        if not isinstance(values, Mapping):
            raise ValueError(f"not a stretch of a plan: {values!r}")
        values = {"cycle": None, **values}  # which older runs do not have
        if set(values) != {field.name for field in dataclasses.fields(cls)}:
            raise ValueError(f"not a stretch of a plan: {values!r}")
        ranges = {"step": (0, MAX_STEPS), "steps": (1, MAX_STEPS), "threads": (1, MAX_THREADS)}
        for name, (low, high) in ranges.items():
            _check_integer(name, values[name], low, high)
        good = values["precision"] in ("float32", "bf16") and isinstance(values["trial"], bool)
        if not good or values["steps"] <= values["step"]:
            raise ValueError(f"not a stretch of a plan: {values!r}")
        cycle = values["cycle"]
        return cls(**{**values, "cycle": None if cycle is None else Cycle.from_dict(cycle)})


def _check_integer(name: str, value: object, low: int, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{name} of a plan is {value!r}, not a number from {low} to {high}")


def recorded_plan(folder: Path) -> list[Stretch]:
    """The record of a run.

    Raises:
        CheckpointError: its file is a link or the like, or larger than any record.
    """
    if not exists(folder / RESUME, "folder"):
        return []
    return parse_record(read_file(folder / RESUME / PLAN, MAX_JSON_BYTES) or b"")


def parse_record(content: bytes) -> list[Stretch]:
    """All stretches of a record that can be read and are still valid, in the order of their steps.

    A stretch replaces all that were written before it and begin at its step or later.
    """
    stretches: list[Stretch] = []
    for line in content.splitlines():
        try:
            stretch = Stretch.from_dict(parse_json(line))
        except ValueError:  # a line that a killed process did not finish
            continue
        while stretches and stretches[-1].step >= stretch.step:
            stretches.pop()
        stretches.append(stretch)
    return stretches


def latest_cycle(stretches: Sequence[Stretch]) -> Cycle | None:
    """How the run was trained further last; None: it never was, and its configuration describes it."""
    return next((stretch.cycle for stretch in reversed(stretches) if stretch.cycle), None)


def is_over(step: int, steps: int, *, best_step: int | None, patience: int, valid_every: int) -> bool:
    """Whether training is over: all steps were taken, or the last validations brought no improvement.

    Args:
        step: steps taken.
        steps: planned steps.
        best_step: of the lowest validation loss in the current learning-rate cycle; None before its first validation.
        patience: the number of validations without improvement after which training ends; 0: no early stopping.
        valid_every: steps between validations.
    """
    waited = patience * valid_every
    return step >= steps or (waited > 0 and best_step is not None and step - best_step >= waited)
