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
COMPUTED_BY = ("device", "precision", "threads", "processor", "rnngen", "torch", "numpy")
"""What must be the same for the numbers to be identical."""


class Compared(NamedTuple):
    """Something recorded, and what it is now.

    Attributes:
        name: its key; of a number within others, with dots.
        recorded, now: both values.
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
        return {"name": self.name, "recorded": self.recorded, "now": self.now, "agrees": self.agrees}


def compared(names: tuple[str, ...], recorded: Mapping[str, Any], now: Mapping[str, Any]) -> list[Compared]:
    """Some values by name, as recorded and as they are."""
    return [Compared(name, recorded.get(name), now.get(name)) for name in names]


def compared_numbers(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[list[Compared], list[str]]:
    """Every number of a result that was computed again, and the keys of what was not.

    Args:
        recorded: a result, as JSON.
        now: the same, computed again.
    """
    again = dict(_leaves("", now))
    found = [Compared(name, value, again[name]) for name, value in _leaves("", recorded) if name in again]
    absent = [key for key in recorded if key not in now]
    return [each for each in found if each.name != "run"], absent


def _leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Numbers and words in nested objects and lists, each with its place; not what produced them."""
    if isinstance(value, Mapping):
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
