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


@dataclass(frozen=True)
class Stretch:
    """How a run goes on from a step.

    Attributes:
        step: how many steps were taken before it.
        steps: how many the whole run has, as planned from here on.
        threads: of torch on the processor.
        precision: ``float32`` or ``bf16``.
        trial: whether this number of threads is only being tried, for a few steps.
    """

    step: int
    steps: int
    threads: int
    precision: str
    trial: bool = False

    def as_dict(self) -> dict[str, Any]:
        """For the record."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: object) -> Stretch:
        """Read back what ``as_dict`` wrote.

        Raises:
            ValueError: it is not a stretch.
        """
        if not isinstance(values, Mapping) or set(values) != {field.name for field in dataclasses.fields(cls)}:
            raise ValueError(f"not a stretch of a plan: {values!r}")
        ranges = {"step": (0, MOST_STEPS), "steps": (1, MOST_STEPS), "threads": (1, MOST_THREADS)}
        for name, (least, most) in ranges.items():
            value = values[name]
            if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
                raise ValueError(f"{name} of a plan is {value!r}, not a number from {least} to {most}")
        good = values["precision"] in ("float32", "bf16") and isinstance(values["trial"], bool)
        if not good or values["steps"] <= values["step"]:
            raise ValueError(f"not a stretch of a plan: {values!r}")
        return cls(**values)


def parse_record(content: bytes) -> list[Stretch]:
    """All of a record that can be read, in the order in which it was written."""
    stretches = []
    for line in content.splitlines():
        try:
            stretches.append(Stretch.from_dict(json.loads(line)))
        except (ValueError, RecursionError):  # a line that a killed process did not finish
            continue
    return stretches
