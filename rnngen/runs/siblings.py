"""Sibling runs: runs that differ in nothing but their seed, trained one after the other by ``rnngen train --seeds``.

Each is an ordinary run. Its config.json records under ``siblings`` the group that it belongs to and the options that
all were given, so that the group can be gone on with.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from rnngen.runs.layout import safe_file_name

KEY = "siblings"
_GROUP = re.compile(r"[0-9a-f]{12}")


@dataclass(frozen=True)
class Group:
    """What a run records of its siblings and itself.

    Attributes:
        name: of the group, 12 hexadecimal digits; no other group has it.
        options: that were given for all of its runs, as JSON.
    """

    name: str
    options: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """As it is recorded."""
        return {"group": self.name, "options": dict(self.options)}


def group_of(config: Mapping[str, Any]) -> Group | None:
    """The group that a run's config.json records; None: it has no siblings, or the record is damaged."""
    record = config.get(KEY)
    if not isinstance(record, dict):
        return None
    name, options = record.get("group"), record.get("options")
    if not isinstance(name, str) or not _GROUP.fullmatch(name) or not isinstance(options, dict):
        return None
    return Group(name, options)


def sibling_folder(base: Path, seed: int) -> Path:
    """The folder of the sibling with this seed."""
    return base.with_name(f"{base.name}-seed{seed}")


def free_base(parent: Path, stem: str) -> Path:
    """The first of the names ``stem-1``, ``stem-2``, … under a folder that neither a run nor siblings have."""
    taken = {path.name for path in parent.iterdir()} if parent.is_dir() else set()
    names = (f"{safe_file_name(stem)}-{number}" for number in count(1))
    return parent / next(name for name in names if not any(_is_of(each, name) for each in taken))


def _is_of(folder: str, base: str) -> bool:
    return folder == base or re.fullmatch(re.escape(base) + r"-seed[0-9]+", folder) is not None


@dataclass(frozen=True)
class Spread:
    """The scores of several siblings.

    Attributes:
        runs: how many have one.
        mean, low, high: of their scores.
        deviation: the standard deviation, with n - 1.
    """

    runs: int
    mean: float
    deviation: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float | None]) -> Spread | None:
        """The spread of the scores that exist; None: there are fewer than two."""
        there = [value for value in values if value is not None]
        if len(there) < 2:
            return None
        return cls(len(there), statistics.fmean(there), statistics.stdev(there), min(there), max(there))

    def in_words(self, unit: str) -> str:
        """Mean, standard deviation and range."""
        return (
            f"{self.mean:.4f} ± {self.deviation:.4f} {unit}, {self.low:.4f} to {self.high:.4f} "
            f"({self.runs} runs: mean ± standard deviation, range)"
        )
