"""How ``rnngen demo`` shows the training of its networks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rnngen.cli.longjob import LongJob
from rnngen.cli.signals import stopped_by_signals

if TYPE_CHECKING:
    from rnngen.cli.console import Console
    from rnngen.runs.run import Run
    from rnngen.training.events import Event


def trained(
    console: Console, folder: Path, text: Path, networks: Mapping[str, Mapping[str, Any]], *, may_fail: bool = False
) -> dict[str, Run]:
    """Train the networks of an experiment, or open them, and show how far that is; see ``train_networks``."""
    from rnngen.demos.networks import train_networks

    with _Shown(console) as shown:
        return train_networks(folder, text, networks, shown.show, stopped_by_signals, may_fail=may_fail)


class _Shown:
    """A bar, or lines, for the training of each network in turn."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._name = ""
        self._job: LongJob | None = None

    def __enter__(self) -> Self:
        return self

    def show(self, name: str, event: Event) -> None:
        """Take in one event of the training of a network."""
        from rnngen.training.events import Stepped

        if not isinstance(event, Stepped):
            return
        if name != self._name:
            self._end()
            self._name = name
            self._job = LongJob(self._console, f"training {name}", event.steps, "steps", shown=True)
        if self._job is not None:
            self._job.advance_to(event.step)

    def _end(self) -> None:
        if self._job is not None:
            self._job.stop()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
