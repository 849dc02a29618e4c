"""The progress that ``train`` shows before the first step: what is being read, encoded or measured."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rnngen.cli.console import Console
from rnngen.cli.longjob import PLAIN_INTERVAL
from rnngen.corpus.progress import MEASURING
from rnngen.formats import count, duration, visible

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

FIRST_LINE = 1.0  # seconds before the first line if standard error is not a terminal
FORESEEN = 1.0  # seconds of an activity after which its speed says how long it will take
_REFRESH = 0.1
_BAR_COLUMNS = 16


class Preparation:
    """Shows the progress of a run's preparation on standard error; an ``OnProgress``.

    On a terminal it is a bar that disappears when training begins; elsewhere plain lines at intervals, none if the
    preparation is quick or has nothing new to tell.

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
        self._bar: tuple[Progress, TaskID] | None = None
        self._over = threading.Event()
        self._due = 0.0
        self._since = self._moved = (time.perf_counter(), 0)  # when the activity began, and last moved on, and how far

    def __enter__(self) -> Self:
        if not self._shown:
            return self
        if self._console.shows_notes:
            self._bar = self._start_bar()
        else:
            threading.Thread(target=self._speak, daemon=True).start()
        return self

    def _start_bar(self) -> tuple[Progress, TaskID]:
        from rich.progress import BarColumn, Progress, TextColumn
        from rich.table import Column

        text = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis"))
        bar = Progress(BarColumn(_BAR_COLUMNS), text, console=self._console.rich_err(), transient=True)
        bar.start()
        return bar, bar.add_task(visible(self._text), total=None)

    def __call__(self, what: str, done: int, total: int | None, /) -> None:
        """Update the progress."""
        changed, self._what = what != self._what, what
        now = time.perf_counter()
        if changed or done < self._since[1]:
            self._since = (now, done)
        if changed or done != self._moved[1]:
            self._moved = (now, done)
        self._text = f"{what}: {self._numbers(now, done, total)}" if what in UNITS and done else what
        if self._bar is not None and (changed or now >= self._due):
            self._due = now + _REFRESH
            bar, task = self._bar
            known = total if total and what in UNITS else None
            bar.update(task, description=visible(self._text), completed=done, total=known)

    def _numbers(self, now: float, done: int, total: int | None) -> str:
        of = f" of {count(total)}" if total else ""
        one, several = UNITS[self._what]
        numbers = f"{count(done)}{of} {one if (total or done) == 1 else several}"
        (began, first), (then, _) = self._since, self._moved
        if not total or then - began < FORESEEN or done <= first:
            return numbers
        left = (total - done) * (then - began) / (done - first) - (now - then)  # it comes in large pieces
        return f"{numbers}, {duration(left)} left" if left >= 1 else numbers

    def _speak(self) -> None:
        wait, told = FIRST_LINE, ""
        while not self._over.wait(wait):
            if self._text != told:
                told = self._text
                self._console.note(told)
            wait = PLAIN_INTERVAL

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._bar is not None:
            self._bar[0].stop()
        if isinstance(error, KeyboardInterrupt | SystemExit):
            self._console.note(f"Stopped while {self._what}: {self._unchanged}.")


UNITS = {
    "downloading": ("byte", "bytes"),
    "writing": ("byte", "bytes"),
    "reading": ("byte", "bytes"),
    "learning the vocabulary": ("character", "characters"),
    "encoding": ("character", "characters"),
    MEASURING: ("trial", "trials"),
}
"""Activity → the unit of its progress, of one and of several."""
