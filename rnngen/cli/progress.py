"""What training shows: a live screen on a terminal, plain lines at intervals elsewhere, or nothing."""

from __future__ import annotations

import math
import time
from types import TracebackType
from typing import Self

from rich.panel import Panel
from rich.progress import BarColumn, Progress, Task, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from rnngen.cli.console import Console
from rnngen.cli.formats import count, visible
from rnngen.cli.longjob import PLAIN_INTERVAL
from rnngen.cli.plan_lines import opening_lines, replanned_lines
from rnngen.cli.spelling import on_command_line
from rnngen.cli.widths import folded
from rnngen.training.events import Event, Replanned, Sampled, Spiked, Stepped, Validated, Warned
from rnngen.training.launch import Launched

RATE_INTERVAL = 0.2  # seconds over which tokens per second are measured
BAR_COLUMNS = 32  # width of the bar and the time left with its word, without the numbers of steps
ELAPSED_COLUMNS = 17  # width of the time elapsed with its word, which is left out on a narrow screen
WIDE = 110
SAMPLE_COLUMNS, PANEL_COLUMNS = 80, 4  # width of the panel with a sample, of which its frame takes so many
_SMOOTHING = 0.98


def spiked_line(spiked: Spiked) -> str:
    """A jump of the loss, and what was done about it."""
    remedy = "learned nothing from this batch"
    if spiked.back_to is not None:
        remedy = f"back to the weights of step {spiked.back_to:,}, and on with the text that follows"
    return (
        f"warning: the loss jumped from {spiked.expected:.3g} to {spiked.loss:.3g} at step {spiked.step:,} "
        f"(it is highest at {spiked.place}): {remedy}"
    )


class Screen:
    """What training shows of its events: this class warnings only, its subclasses more."""

    def __init__(self, launched: Launched, console: Console) -> None:
        self.launched, self.console = launched, console
        self.loss = 0.0
        self._weight = 0.0
        self.valid: float | None = None
        best = launched.trainer.best_nll
        self.best: float | None = best if math.isfinite(best) else None
        self.tokens_per_second = 0.0
        self.plan = launched.trainer.schedule.current
        self._start_clock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def show(self, event: Event) -> None:
        """Take in one event."""
        if isinstance(event, Warned):
            self.warn(f"warning: {event.message}")
        elif isinstance(event, Spiked):
            self.warn(spiked_line(event))
            self._start_clock()
        elif isinstance(event, Replanned):
            self.plan = self.plan if event.plan.trial else event.plan
        elif isinstance(event, Stepped):
            self._weight = _SMOOTHING * self._weight + 1 - _SMOOTHING
            self.loss += (event.loss - self.loss) * (1 - _SMOOTHING) / self._weight
            self._tokens += event.tokens
            seconds = time.perf_counter() - self._tick
            if seconds > RATE_INTERVAL or self.tokens_per_second == 0:  # steps on a GPU are reported in bursts
                rate = self._tokens / seconds
                first = self.tokens_per_second == 0
                self.tokens_per_second = rate if first else 0.8 * self.tokens_per_second + 0.2 * rate
                self._start_clock()
        elif isinstance(event, Validated):
            self.valid = event.nll
            self.best = event.nll if event.best else self.best
            self._start_clock()
        else:
            self._start_clock()

    def warn(self, text: str) -> None:
        """Show a warning."""
        self.console.note(text)

    def _start_clock(self) -> None:
        """Measure speed from now on: time that is not spent training does not count."""
        self._tick, self._tokens = time.perf_counter(), 0

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
        before = self.plan
        super().show(event)
        if isinstance(event, Stepped) and time.perf_counter() >= self._next:
            self._next = time.perf_counter() + PLAIN_INTERVAL
            self.console.note(
                f"step {event.step}/{event.steps}  epoch {event.epoch:.2f}  train {self.loss:.4f}  "
                f"{count(self.tokens_per_second)} tokens/s"
            )
        elif isinstance(event, Validated):
            self.console.note(f"step {event.step}  valid {event.nll:.4f}{'  best so far' if event.best else ''}")
        elif isinstance(event, Replanned):
            for line in replanned_lines(event.plan, before):
                self.console.note(line)


class TimeLeft(TimeRemainingColumn):
    """The time left: until the deadline of a run by the clock, by the pace of other runs.

    Args:
        deadline: by ``time.perf_counter()``; None: it has none.
    """

    def __init__(self, deadline: float | None) -> None:
        super().__init__()
        self._deadline = deadline

    def render(self, task: Task) -> Text:
        """As Rich shows times."""
        if self._deadline is None:
            return super().render(task)
        minutes, seconds = divmod(max(0, round(self._deadline - time.perf_counter())), 60)
        return Text(f"{minutes // 60}:{minutes % 60:02}:{seconds:02}", style="progress.remaining")


class LiveScreen(Screen):
    """A progress bar that stays at the bottom; plan and samples scroll by above it."""

    def __enter__(self) -> Self:
        self._console = self.console.rich_err()
        self._console.print(Text(visible(self.title()), style="bold"))
        for line in opening_lines(self.launched):
            self._console.print(Text(visible(on_command_line(f"  {line}"))))
        elapsed = [TimeElapsedColumn(), TextColumn("elapsed,")] if self._wide else []
        plan = self.launched.plan
        left = TimeLeft(plan.deadline if plan and not plan.capped else None)
        self._progress = Progress(
            TextColumn("{task.completed}/{task.total}"),
            BarColumn(bar_width=12),
            *elapsed,
            left,
            TextColumn("left"),
            TextColumn("{task.description}"),
            console=self._console,
            refresh_per_second=4,
        )
        trainer = self.launched.trainer
        self._task = self._progress.add_task("", total=self.plan.steps, completed=trainer.step)
        self._epoch = 0.0
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, event: Event) -> None:
        """Take in one event."""
        before = self.plan
        super().show(event)
        if isinstance(event, Stepped):
            self._epoch = event.epoch
            self._progress.update(self._task, completed=event.step, description=self._numbers())
        elif isinstance(event, Validated):
            self._progress.update(self._task, description=self._numbers())
        elif isinstance(event, Replanned):
            self._progress.update(self._task, total=event.plan.steps, refresh=True)
            for line in replanned_lines(event.plan, before):
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
        epoch, train = f"epoch {self._epoch:.1f}", f"  train {self.loss:.3f}"
        valid = "" if self.valid is None else f"  valid {self.valid:.3f}"
        best = "" if self.best is None else f" (best {self.best:.3f})"
        rate = f"  {count(self.tokens_per_second)} tok/s"
        # Rich would cut off the times to fit a longer line
        taken = BAR_COLUMNS + ELAPSED_COLUMNS * self._wide + 2 * len(str(self.plan.steps))
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
