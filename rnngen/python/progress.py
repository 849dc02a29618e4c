"""The progress of training in Python: a bar on a terminal, lines elsewhere, or nothing.

What a notebook shows is in ``notebook.py``.
"""

from __future__ import annotations

import shutil
import sys
import time
from types import TracebackType
from typing import Self, TextIO

from rnngen.evaluation.scores import kind_of_score
from rnngen.formats import clock, visible
from rnngen.plaintext.widths import filled
from rnngen.python.spelling import in_python
from rnngen.training.events import Event, Finished, Replanned, Spiked, Stepped, Warned
from rnngen.training.launched import Launched
from rnngen.training.monitor import Monitor
from rnngen.training.notes import PlanNotes, slowdown_note, spiked_note
from rnngen.training.summary import summary_of
from rnngen.training.trainer import Trainer

BAR = 24  # columns
STOPPING = "stopping: this step ends, and the run is saved; interrupt again to leave at once"


class Progress:
    """Shows nothing: what is left of ``progress="none"``, and the base of what shows something.

    Attributes:
        interval: seconds between two updates.
    """

    interval = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def prepare(self, what: str, done: int, total: int | None, /) -> None:
        """Take note of what is being read, encoded or measured; an ``OnProgress``."""

    def begin(self, launched: Launched) -> None:
        """Take note of what is going to be trained."""

    def show(self, event: Event) -> None:
        """Take in one event."""

    def interrupt(self) -> None:
        """Take note of an interrupt; in a signal handler, where nothing can be written."""

    def finish(self, finished: Finished) -> None:
        """Take note of the end."""


class Shown(Progress):
    """What is shown of a run, whatever shows it: its subclasses draw it.

    Attributes:
        title: what is done, in words.
        monitor: what the events say; None before training.
        notes: what the user should know, a sentence each.
        outcome: how it ended; empty before.
        summary: what to expect of its text; empty before.
    """

    def __init__(self) -> None:
        self.title = ""
        self.monitor: Monitor | None = None
        self.notes: list[str] = []
        self.outcome = self.summary = ""
        self.stopping = False
        self._trainer: Trainer | None = None
        self._plan_notes: PlanNotes | None = None
        self.prefix = ""
        self._due = time.perf_counter() + self.interval

    def draw(self) -> None:
        """Show the present state."""
        raise NotImplementedError

    def prepare(self, what: str, done: int, total: int | None, /) -> None:
        """Take note of what is being read, encoded or measured; an ``OnProgress``."""
        share = f": {done / total:.0%}" if total else ""
        self.title = f"{what}{share}"
        self._draw_if_due()

    def begin(self, launched: Launched) -> None:
        """Take note of what is going to be trained."""
        planned = launched.planned()
        self._trainer = launched.trainer
        self._plan_notes = PlanNotes(launched.trainer.schedule.current)
        self.monitor = Monitor(launched)
        self.prefix = kind_of_score(bidirectional=launched.trainer.config.model.bidirectional).prefix
        self.title = f"training {visible(str(planned.path))}" + (
            f" from step {planned.step:,} on" if planned.step else ""
        )
        self.tell(*planned.notes)

    def tell(self, *notes: str) -> None:
        """Take note of what the user should know, a sentence each."""
        self.notes += notes

    def show(self, event: Event) -> None:
        """Take in one event."""
        if self.monitor is None:
            return
        self.monitor.take(event)
        if isinstance(event, Warned):
            self.tell(event.message)
        elif isinstance(event, Spiked):
            self.tell(spiked_note(event))
        elif isinstance(event, Replanned) and self._plan_notes and (note := self._plan_notes.take(event.plan)):
            self.tell(note)
        elif isinstance(event, Stepped) and (slowdown := self.monitor.slowdown()):
            self.tell(slowdown_note(slowdown, self.monitor.time_left.seconds()))
        self._draw_if_due()

    def _draw_if_due(self) -> None:
        if time.perf_counter() >= self._due:
            self.draw()
            self._due = time.perf_counter() + self.interval

    def interrupt(self) -> None:
        """Take note of an interrupt; the next event shows it."""
        self.stopping, self._due = True, 0.0

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, KeyboardInterrupt) and self.monitor:
            self.outcome = str(error) or "interrupted"
            self.draw()

    def finish(self, finished: Finished) -> None:
        """Show how it ended."""
        why = " (no improvement for a while)" if finished.reason == "patience" else ""
        best = (
            ""
            if finished.best_nll is None
            else (
                f", best validation {finished.best_nll:.4f} {self.prefix}nats per token at step {finished.best_step:,}"
            )
        )
        self.outcome = f"done after step {finished.step:,}{why}{best}"
        if finished.advice:
            self.tell(finished.advice)
        if self._trainer and self.monitor and finished.step > finished.first_step:
            self.summary = summary_of(finished, self._trainer, self.monitor.validations).text
        self.draw()

    def numbers(self) -> list[str]:
        """Steps, losses, speed and time left, the most important first."""
        monitor = self.monitor
        if monitor is None:
            return [self.title]
        parts = [f"{monitor.step:,}/{monitor.steps:,}"]
        if monitor.loss:
            parts.append(f"loss {monitor.loss:.3f}")
        if monitor.valid is not None:
            parts.append(f"valid {monitor.valid:.3f}")
        left = monitor.time_left.seconds()
        if left is not None and not self.outcome:
            parts.append(f"{clock(left)} left")
        if speed := monitor.time_left.tokens_per_second:
            parts.append(f"{speed:,.0f} tokens/s")
        return parts


class Lines(Shown):
    """Notes when they come, and a line at intervals; none if training is short."""

    interval = 10.0

    def tell(self, *notes: str) -> None:
        """Write notes, a line each."""
        for note in notes:
            write(sys.stderr, f"note: {visible(in_python(note))}\n")

    def draw(self) -> None:
        """Write a line."""
        if not self.outcome:
            write(sys.stderr, "  ".join([*([self.title] if self.monitor else []), *self.numbers()]) + "\n")

    def finish(self, finished: Finished) -> None:
        """Say what the gradients suggest, and nothing more: the result is returned."""
        if finished.advice:
            self.tell(finished.advice)


class Bar(Shown):
    """A line that is written again and again, and stays when training is over."""

    interval = 0.1

    def __init__(self) -> None:
        super().__init__()
        self._width = 0  # of what was written last

    def begin(self, launched: Launched) -> None:
        """Write a title above the bar."""
        super().begin(launched)
        self._above(self.title)

    def draw(self) -> None:
        """Write the line again."""
        columns = max(20, shutil.get_terminal_size().columns - 1)
        for note in self.notes:
            for line in filled(f"note: {visible(in_python(note))}", columns, rest="  ").split("\n"):
                self._above(line)
        self.notes.clear()
        parts = [STOPPING] if self.stopping and not self.outcome else self.numbers()
        if self.monitor:
            full = round(BAR * min(1.0, self.monitor.step / max(1, self.monitor.steps)))
            parts.insert(1, bar(full, getattr(sys.stderr, "encoding", None)))
        while len("  ".join(parts)) > columns and len(parts) > 1:
            parts.pop(1 if self.monitor and len(parts) == 2 else -1)
        self._write("  ".join(parts)[:columns])

    def _write(self, line: str) -> None:
        write(sys.stderr, f"\r{line.ljust(self._width)}")
        self._width = len(line)

    def _above(self, line: str) -> None:
        self._write(line)
        write(sys.stderr, "\n")
        self._width = 0

    def finish(self, finished: Finished) -> None:
        """Say how it ended."""
        super().finish(finished)
        columns = max(20, shutil.get_terminal_size().columns - 1)
        said = [filled(visible(text), columns) for text in (self.outcome, self.summary) if text]
        write(sys.stderr, "".join(f"\n{text}" for text in said) + "\n")
        self._width = 0

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        if self._width:
            write(sys.stderr, "\n")


def bar(full: int, encoding: str | None) -> str:
    """A bar of which some columns are full, in characters that the encoding has."""
    try:
        "━─".encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return "#" * full + "." * (BAR - full)
    return "━" * full + "─" * (BAR - full)


def write(stream: TextIO | None, text: str) -> None:
    """Write if that is possible: progress that cannot be shown does not end the training."""
    if stream is None:
        return
    try:
        stream.write(text)
        stream.flush()
    except (OSError, ValueError):
        pass
