"""Whether a score that was computed again is the one that was recorded.

On the same processor, with the same versions and number of threads, every number must be identical to the last bit.
Elsewhere sums are rounded in another order, and numbers must agree within a relative difference of 1e-6; perplexities,
which multiply the differences of what they are the exponential of, in their logarithms.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

TOLERANCE = 1e-6

MADE_OF = ("weights", "tokenizer", "corpus")
"""What must be the same for the score to be one of the same model."""
COMPUTED_BY = ("device", "gpu", "cuda", "cudnn", "precision", "threads", "processor", "rnngen", "torch", "numpy")
"""What must be the same for the numbers to be identical."""


class _Absent:
    """Stands for a value that is not there; null is one that is."""

    def __str__(self) -> str:
        return "nothing"


ABSENT = _Absent()


class Compared(NamedTuple):
    """Something recorded, and what it is now.

    Attributes:
        name: its key; of a number within others, with dots.
        recorded, now: both values; ``ABSENT``: there is none.
    """

    name: str
    recorded: Any
    now: Any

    @property
    def is_identical(self) -> bool:
        """Whether it is the same."""
        return bool(self.recorded == self.now)

    @property
    def difference(self) -> float:
        """The relative difference of two numbers; infinity if one is none."""
        if self.is_identical:
            return 0.0
        if not all(isinstance(each, float) and math.isfinite(each) for each in (self.recorded, self.now)):
            return math.inf  # counts, flags and words must be the same
        one, other = float(self.recorded), float(self.now)
        if "perplexity" in self.name and one > 0 and other > 0:
            one, other = math.log(one), math.log(other)
        return abs(one - other) / max(abs(one), abs(other))

    @property
    def agrees(self) -> bool:
        """Whether it is the same but for rounding."""
        return self.difference <= TOLERANCE

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        values = {"recorded": self.recorded, "now": self.now}
        known = {key: value for key, value in values.items() if value is not ABSENT}
        return {"name": self.name, **known, "agrees": self.agrees}


def compared(names: tuple[str, ...], recorded: Mapping[str, Any], now: Mapping[str, Any]) -> list[Compared]:
    """Some values by name, as recorded and as they are; of those that neither has, none."""
    return [
        Compared(name, recorded.get(name, ABSENT), now.get(name, ABSENT))
        for name in names
        if name in recorded or name in now
    ]


def compared_values(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[list[Compared], list[str]]:
    """Every value of a result that was computed again, also one that only one of both has; the keys of what was not.

    Args:
        recorded: a result, as JSON.
        now: the same, computed again.
    """
    known = {key: value for key, value in recorded.items() if key in now and key != "run"}
    before, after = dict(_leaves("", known)), dict(_leaves("", {key: now[key] for key in now if key != "run"}))
    found = [Compared(name, before.get(name, ABSENT), after.get(name, ABSENT)) for name in {**before, **after}]
    return found, [key for key in recorded if key not in now]


def _leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Numbers and words in nested objects and lists, each with its place; not what produced them."""
    if name and value in ({}, []):
        yield name, value
    elif isinstance(value, Mapping):
        for key, inside in value.items():
            if key not in ("provenance", "text"):
                yield from _leaves(f"{name}.{key}" if name else str(key), inside)
    elif isinstance(value, list | tuple):
        for number, inside in enumerate(value):
            yield from _leaves(f"{name}.{number}", inside)
    elif isinstance(value, float) and not math.isfinite(value):
        yield name, None  # as JSON has it
    else:
        yield name, value
