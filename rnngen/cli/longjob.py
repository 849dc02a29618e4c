"""The progress of a long job: a bar on a terminal, plain lines at intervals elsewhere, nothing if the job is short."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rnngen.cli.console import Console
from rnngen.formats import duration

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn, TaskID

PATIENCE = 2.0  # seconds before anything is shown
_BAR, _TIME = 41, 16  # columns that they take
PLAIN_INTERVAL = 10.0  # seconds between lines if standard error is not a terminal


class LongJob:
    """Shows progress on standard error once a job has taken a while.

    Time is counted from the first report, and again from each report of 0: what comes before, such as reading the
    prompt, says nothing about how long the job takes.

    Args:
        console: of the command.
        what: the activity, as in "writing".
        total: the number of steps; None: unknown.
        unit: the name of a step, as in "tokens".
        shown: whether to show anything.
    """

    def __init__(self, console: Console, what: str, total: int | None, unit: str, *, shown: bool) -> None:
        self._console = console
        self._what, self._total, self._unit, self._shown = what, total, unit, shown
        self._began = self._due = 0.0
        self._done_then: int | None = None  # when the clock was started
        self._announced = 0
        self._bar: tuple[Progress, TaskID] | None = None

    def __enter__(self) -> Self:
        return self

    def advance_to(self, done: int) -> None:
        """Report the number of steps done so far; to be called often."""
        now = time.perf_counter()
        if self._done_then is None or not done:
            self._began, self._due, self._done_then = now, now + PATIENCE, done
        if not self._shown or now < self._due:
            return
        if self._bar is None and not self._console.shows_notes:
            self._console.note(f"{self._what}: {done:,}{self._left(done - self._done_then, done, now - self._began)}")
            self._due = now + PLAIN_INTERVAL
            return
        if self._bar is None:
            self._bar = self._start_bar()
        bar, task = self._bar
        bar.update(task, completed=done)

    def announce(self, steps: int) -> None:
        """Report that some more steps begin: all that were announced before are done."""
        self.advance_to(self._announced)
        self._announced += steps

    def describe(self, what: str) -> None:
        """Say what is done now, with what is known of the result, from the next report on."""
        self._what = what
        if self._bar is not None:
            bar, task = self._bar
            bar.columns = self._columns(bar.console.width)
            bar.update(task, description=what)

    def _left(self, done_since: int, done: int, seconds: float) -> str:
        if self._total is None:
            return f" {self._unit}"
        of = f" of {self._total:,} {self._unit}"
        if done_since <= 0:
            return of
        return f"{of}, {duration((self._total - done) * seconds / done_since)} left"

    def _start_bar(self) -> tuple[Progress, TaskID]:
        from rich.progress import Progress

        err = self._console.rich_err()
        bar = Progress(
            *self._columns(err.width),
            console=err,
            transient=True,
            redirect_stdout=False,  # text on standard output is not affected
        )
        bar.start()
        task = bar.add_task(self._what, total=self._total)
        bar.tasks[0].start_time = bar.get_time() - (time.perf_counter() - self._began)
        return bar, task

    def _columns(self, width: int) -> tuple[str | ProgressColumn, ...]:
        """What is shown beside the description, as far as there is room for it: Rich would cut all of it."""
        from rich.progress import BarColumn, TimeElapsedColumn, TimeRemainingColumn

        known = self._total is not None
        counts: list[str | ProgressColumn] = [
            "{task.completed:,}",
            *(["of {task.total:,}"] if known else []),
            self._unit,
        ]
        elapsed: list[str | ProgressColumn] = [TimeElapsedColumn(), "elapsed"]
        left: list[str | ProgressColumn] = [TimeRemainingColumn(), "left"] if known else []
        share: list[str | ProgressColumn] = ["{task.percentage:.0f}%", *left] if known else counts
        room = width - len(self._what) - 1
        number = len(f"{self._total or 10**9:,}") * (2 if known else 1) + len(self._unit) + (5 if known else 2)
        layouts = (
            (_BAR + number + 2 * _TIME, [BarColumn(), *counts, *elapsed, *left]),
            (number + 2 * _TIME, [*counts, *elapsed, *left]),
            (number + _TIME, [*counts, *(left or elapsed)]),
        )
        return "{task.description}", *next((columns for needed, columns in layouts if needed <= room), share)

    def stop(self) -> None:
        """Remove the bar: the job is done, and only one bar can be shown at a time."""
        if self._bar is not None:
            self._bar[0].stop()
            self._bar = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
