"""The progress that ``train`` shows before the first step: what is being read, encoded or measured."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rnngen.cli.console import Console
from rnngen.cli.formats import count, visible
from rnngen.cli.longjob import PLAIN_INTERVAL

if TYPE_CHECKING:
    from rich.status import Status

FIRST_LINE = 1.0  # seconds before the first line if standard error is not a terminal
_REFRESH = 0.1


class Preparation:
    """Shows the progress of a run's preparation on standard error; an ``OnProgress``.

    On a terminal it is a line that disappears when training begins; elsewhere plain lines at intervals, none if the
    preparation is quick.

    Args:
        console: of the command.
        what: the first activity, as in "reading corpus.txt".
        unchanged: the consequence of an interruption, as in "no run was begun".
        shown: whether to show anything.
    """

    def __init__(self, console: Console, what: str, unchanged: str, *, shown: bool) -> None:
        self._console = console
        self._what = self._text = what
        self._unchanged, self._shown = unchanged, shown
        self._status: Status | None = None
        self._over = threading.Event()
        self._due = 0.0

    def __enter__(self) -> Self:
        if not self._shown:
            return self
        if self._console.shows_notes:
            self._status = self._console.rich_err().status(visible(self._text))
            self._status.start()
        else:
            threading.Thread(target=self._speak, daemon=True).start()
        return self

    def __call__(self, what: str, done: int, total: int | None, /) -> None:
        """Update the progress."""
        changed, self._what = what != self._what, what
        of = f" of {count(total)}" if total else ""
        self._text = f"{what}: {count(done)}{of} {UNITS[what]}" if what in UNITS and done else what
        if self._status is not None and (changed or time.perf_counter() >= self._due):
            self._due = time.perf_counter() + _REFRESH
            self._status.update(visible(self._text))

    def _speak(self) -> None:
        wait = FIRST_LINE
        while not self._over.wait(wait):
            self._console.note(self._text)
            wait = PLAIN_INTERVAL

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._status is not None:
            self._status.stop()
        if isinstance(error, KeyboardInterrupt | SystemExit):
            self._console.note(f"Stopped while {self._what}: {self._unchanged}.")


UNITS = {
    "downloading": "bytes",
    "writing": "bytes",
    "reading": "bytes",
    "learning the vocabulary": "characters",
    "encoding": "characters",
}
"""Activity → the unit of its progress."""
