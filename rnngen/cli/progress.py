"""What training shows: a live screen on a terminal, plain lines at intervals elsewhere, or nothing.

What is shown is worked out by ``training/monitor.py``.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from rich.console import Console as RichConsole
from rich.console import RenderableType
from rich.panel import Panel
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from rnngen.cli.console import Console
from rnngen.cli.longjob import PLAIN_INTERVAL
from rnngen.cli.loss_plot import LossPlot
from rnngen.cli.plan_lines import opening_lines
from rnngen.cli.spelling import on_command_line
from rnngen.evaluation.scores import kind_of_score
from rnngen.formats import clock, count, duration, visible
from rnngen.plaintext.widths import folded
from rnngen.training.events import Event, Finished, Replanned, Sampled, Spiked, Stepped, Validated, Warned
from rnngen.training.launch import Launched
from rnngen.training.monitor import Monitor
from rnngen.training.notes import PlanNotes, slowdown_note, spiked_note

BAR_COLUMNS = 32  # width of the bar and the time left with its word, without the numbers of steps
ELAPSED_COLUMNS = 17  # width of the time elapsed with its word, which is left out on a narrow screen
WIDE = 110
SAMPLE_COLUMNS, PANEL_COLUMNS = 80, 4  # width of the panel with a sample, of which its frame takes so many


class Screen:
    """What training shows of its events: this class warnings only, its subclasses more."""

    def __init__(self, launched: Launched, console: Console) -> None:
        self.launched, self.console = launched, console
        self.monitor = Monitor(launched)
        self.plan_notes = PlanNotes(launched.trainer.schedule.current)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def show(self, event: Event) -> None:
        """Take in one event."""
        self.monitor.take(event)
        if isinstance(event, Warned):
            self.warn(f"warning: {event.message}")
        elif isinstance(event, Spiked):
            self.warn(f"warning: {spiked_note(event)}")

    def warn(self, text: str) -> None:
        """Show a warning."""
        self.console.note(text)

    def warn_if_slow(self) -> None:
        """Show a warning if the machine has become much slower than the plan assumes."""
        if slowdown := self.monitor.slowdown():
            self.warn(f"warning: {slowdown_note(slowdown, self.monitor.time_left.seconds())}")

    def title(self) -> str:
        """What is being trained, and where it is saved."""
        trainer, path = self.launched.trainer, self.launched.trainer.writer.path
        if self.launched.is_new:
            return f"Training into {path}"
        what = "Training {path} further" if self.launched.plan else "Resuming {path}"
        return f"{what.format(path=path)} from step {trainer.step:,} on"


class PlainLines(Screen):
    """The plan, and then a line at intervals and at every validation."""

    def __enter__(self) -> Self:
        self.console.note(self.title())
        for line in opening_lines(self.launched):
            self.console.note(f"  {line}")
        self._next = time.perf_counter() + PLAIN_INTERVAL
        return self

    def show(self, event: Event) -> None:
        """Take in one event."""
        monitor = self.monitor
        super().show(event)
        if isinstance(event, Stepped):
            self.warn_if_slow()
            if time.perf_counter() >= self._next:
                self._next = time.perf_counter() + PLAIN_INTERVAL
                self.console.note(
                    f"step {event.step}/{event.steps}  epoch {event.epoch:.2f}  train {monitor.loss:.4f}  "
                    f"{count(monitor.time_left.tokens_per_second)} tokens/s{self._left()}"
                )
        elif isinstance(event, Validated):
            best = "  best so far" if event.best else ""
            self.console.note(f"step {event.step}  valid {event.nll:.4f}{best}{self._left()}")
        elif isinstance(event, Replanned) and (line := self.plan_notes.take(event.plan)):
            self.console.note(f"{line}{self._left()}")

    def _left(self) -> str:
        seconds = self.monitor.time_left.seconds()
        return "" if seconds is None else f"  {duration(seconds)} left"


class ElapsedColumn(ProgressColumn):
    """The time since the beginning, which Rich's own column ends with the last step: validation and more follow it."""

    def render(self, task: Task) -> Text:
        """As Rich shows times."""
        return Text(clock(task.elapsed or 0.0), style="progress.elapsed")


class TimeLeftColumn(ProgressColumn):
    """The time left, as the pace of the run is measured.

    Args:
        monitor: measures it.
    """

    def __init__(self, monitor: Monitor) -> None:
        super().__init__()
        self._monitor = monitor

    def render(self, task: Task) -> Text:
        """As Rich shows times."""
        left = self._monitor.time_left.seconds()
        return Text("-:--:--" if left is None else clock(left), style="progress.remaining")


class PlottedProgress(Progress):
    """A progress bar below a plot of the losses.

    Args:
        plot: of the losses.
        columns: of the bar.
        console: to show it on.
    """

    def __init__(self, plot: LossPlot, *columns: ProgressColumn, console: RichConsole) -> None:
        self._plot = plot
        super().__init__(*columns, console=console, refresh_per_second=4)

    def get_renderables(self) -> Iterable[RenderableType]:
        """The plot, and the bar."""
        yield self._plot
        yield self.make_tasks_table(self.tasks)


class LiveScreen(Screen):
    """A loss curve and a progress bar that stay at the bottom; plan and samples scroll by above them."""

    def __enter__(self) -> Self:
        self._console = self.console.rich_err()
        self._console.print(Text(visible(self.title()), style="bold"))
        for line in opening_lines(self.launched):
            self._console.print(Text(visible(on_command_line(f"  {line}"))))
        elapsed = [ElapsedColumn(), TextColumn("elapsed,")] if self._wide else []
        done, bidirectional = self.launched.trainer.step, self.launched.trainer.config.model.bidirectional
        self._progress = PlottedProgress(
            LossPlot(self.monitor, done, kind_of_score(bidirectional=bidirectional).prefix),
            TextColumn("{task.completed}/{task.total}"),
            BarColumn(bar_width=12),
            *elapsed,
            TimeLeftColumn(self.monitor),
            TextColumn("left"),
            TextColumn("{task.description}"),
            console=self._console,
        )
        self._task = self._progress.add_task("", total=self.monitor.steps, completed=done)
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, event: Event) -> None:
        """Take in one event."""
        super().show(event)
        if isinstance(event, Stepped):
            self.warn_if_slow()
            self._progress.update(self._task, completed=event.step, description=self._numbers())
        elif isinstance(event, Validated | Finished):
            self._progress.update(self._task, description=self._numbers())
        elif isinstance(event, Replanned):
            self._progress.update(self._task, total=event.plan.steps, refresh=True)
            if line := self.plan_notes.take(event.plan):
                self._progress.console.print(Text(line, style="dim"))
        elif isinstance(event, Sampled):
            text = Text(folded(visible(event.text.strip("\n")), SAMPLE_COLUMNS - PANEL_COLUMNS))
            filled = ": words filled in, ⟦right⟧ or ⟦filled in|original⟧" if "⟦" in event.text else ""
            self._progress.console.print(
                Panel(
                    text,
                    title=f"step {event.step}{filled}",
                    title_align="left",
                    border_style="dim",
                    width=SAMPLE_COLUMNS,
                )
            )

    def warn(self, text: str) -> None:
        """Show a warning above the bar."""
        self._progress.console.print(Text(visible(on_command_line(text))))

    @property
    def _wide(self) -> bool:
        return self._console.width >= WIDE

    def _numbers(self) -> str:
        monitor = self.monitor
        epoch, train = f"epoch {monitor.epoch:.1f}", f"  train {monitor.loss:.3f}"
        valid = "" if monitor.valid is None else f"  valid {monitor.valid:.3f}"
        best = "" if monitor.best is None else f" (best {monitor.best:.3f})"
        rate = f"  {count(monitor.time_left.tokens_per_second)} tok/s"
        # Rich would cut off the times to fit a longer line
        taken = BAR_COLUMNS + ELAPSED_COLUMNS * self._wide + 2 * len(str(self.monitor.steps))
        left = self._console.width - taken
        lines = (
            epoch + train + valid + best + rate,
            epoch + train + valid + best,
            epoch + train + valid,
            epoch + (valid or train),
        )
        return next((line for line in lines if len(line) <= left), epoch)


def make_screen(launched: Launched, console: Console, *, quiet: bool) -> Screen:
    """The screen that fits standard error."""
    if quiet or launched.trainer.is_over:
        return Screen(launched, console)
    return (LiveScreen if console.shows_notes else PlainLines)(launched, console)
