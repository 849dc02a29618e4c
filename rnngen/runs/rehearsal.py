"""A run folder opened as for writing, in which nothing is changed: to find out what resuming the run would do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from rnngen.runs.files import read_lines
from rnngen.runs.layout import check_layout
from rnngen.runs.plan_record import Stretch
from rnngen.runs.writer import RunWriter


class Rehearsal(RunWriter):
    """Has all methods of a ``RunWriter`` that are called before the first step, and locks, writes and removes nothing.

    Args:
        path: the folder of a run.

    Raises:
        CheckpointError: one of its files or folders is a link or the like (see ``check_layout``).
    """

    def __init__(self, path: Path) -> None:
        check_layout(path)
        self.path = path
        self._kept: Mapping[str, int] = {}

    def close(self) -> None:
        """Nothing is held."""

    def cut_logs(self, lengths: Mapping[str, int]) -> None:
        """Read the logs from now on as if they had been cut."""
        self._kept = lengths

    def log_lines(self, log: str) -> Iterator[bytes]:
        """The lines that a log would hold."""
        return read_lines(self.path / log, self._kept.get(log))

    def append(self, log: str, text: str) -> None:
        """Leave the logs as they are."""

    def record_plan(self, stretches: Iterable[Stretch]) -> None:
        """Leave the record of plans as it is."""
