"""The record of how a run was planned: a stretch from each step at which something changed.

It is kept in ``resume/plan.jsonl`` (see ``run.py``), a row per stretch, and is only ever added to. What is computed
depends on the configuration, the text, the seed and the stretches alone, so whoever follows the record goes through the
same numbers.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MOST_STEPS = 2**62
MOST_THREADS = 4096
MOST_PEAK = 1000.0


@dataclass(frozen=True)
class Cycle:
    """How a run is trained further than it was planned to be.

    Attributes:
        peak: of a new learning-rate cycle, from a warm-up to the decay at the new end: the highest learning rates, as a
            share of those in the configuration; None: the cycle that the run is in is stretched to the new end.
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
        if peak is not None and not (number and 0 < peak <= MOST_PEAK):
            raise ValueError(f"the peak of a learning-rate cycle is {peak!r}")
        for name, least in (("valid_every", 1), ("sample_every", 0)):
            _check_integer(name, values[name], least, MOST_STEPS)
        return cls(**values)


@dataclass(frozen=True)
class Stretch:
    """How a run goes on from a step.

    Attributes:
        step: how many steps were taken before it.
        steps: how many the whole run has, as planned from here on.
        threads: of torch on the processor.
        precision: ``float32`` or ``bf16``.
        trial: whether this number of threads is only being tried, for a few steps.
        cycle: where the run is trained further from here: how; None: it goes on as before.
    """

    step: int
    steps: int
    threads: int
    precision: str
    trial: bool = False
    cycle: Cycle | None = None

    def changed(self, **values: Any) -> Stretch:
        """How to go on otherwise within the same learning-rate cycle."""
        return dataclasses.replace(self, **{"cycle": None, **values})

    def as_dict(self) -> dict[str, Any]:
        """For the record."""
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
        ranges = {"step": (0, MOST_STEPS), "steps": (1, MOST_STEPS), "threads": (1, MOST_THREADS)}
        for name, (least, most) in ranges.items():
            _check_integer(name, values[name], least, most)
        good = values["precision"] in ("float32", "bf16") and isinstance(values["trial"], bool)
        if not good or values["steps"] <= values["step"]:
            raise ValueError(f"not a stretch of a plan: {values!r}")
        cycle = values["cycle"]
        return cls(**{**values, "cycle": None if cycle is None else Cycle.from_dict(cycle)})


def _check_integer(name: str, value: object, least: int, most: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"{name} of a plan is {value!r}, not a number from {least} to {most}")


def parse_record(content: bytes) -> list[Stretch]:
    """All of a record that can be read and still counts, in the order of the steps.

    A stretch takes the place of all that were written before it and begin at its step or later.
    """
    stretches: list[Stretch] = []
    for line in content.splitlines():
        try:
            stretch = Stretch.from_dict(json.loads(line))
        except (ValueError, RecursionError):  # a line that a killed process did not finish
            continue
        stretches = [earlier for earlier in stretches if earlier.step < stretch.step] + [stretch]
    return stretches
