"""The screens of training say what to type as it is typed, how the loss falls, and how long the run will still take."""

from __future__ import annotations

import io
import math
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rnngen.cli import preparation, progress
from rnngen.cli.console import Console
from rnngen.cli.loss_plot import AXIS, COLUMNS, FRAME, LOW, ROWS, VALID, LossPlot, draw, last_step
from rnngen.cli.preparation import Preparation
from rnngen.cli.progress import LiveScreen, make_screen
from rnngen.corpus.progress import MEASURING
from rnngen.options.network import ModelConfig
from rnngen.options.training import TrainConfig
from rnngen.runs.plan_record import Stretch
from rnngen.training.events import Event, Finished, Replanned, Stepped, Validated
from rnngen.training.time_left import TimeLeft


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def launched(steps: int = 10, *, step: int = 3, notes: tuple[str, ...] = (), bidirectional: bool = False) -> Any:
    schedule = SimpleNamespace(current=Stretch(0, steps, 1, "float32"), steps=steps, cycle=None)
    trainer = SimpleNamespace(best_nll=math.inf, step=step, is_over=False, schedule=schedule)
    trainer.writer = SimpleNamespace(path=Path("run"))
    trainer.config = SimpleNamespace(train=TrainConfig(valid_every=10), model=ModelConfig(bidirectional=bidirectional))
    trainer.progress = SimpleNamespace(due=set())
    return SimpleNamespace(trainer=trainer, plan=None, notes=notes, is_new=False)


@pytest.mark.parametrize("stream", [io.StringIO, Terminal], ids=["pipe", "terminal"])
def test_notes_on_a_plan_name_options_as_they_are_typed(stream: type[io.StringIO]) -> None:
    err = stream()
    with make_screen(launched(notes=("give it more: `minutes=5`",)), Console(None, err), quiet=False):
        pass
    assert "give it more: --minutes 5" in err.getvalue()
    assert "`" not in err.getvalue()


def events(steps: int) -> list[Event]:
    found: list[Event] = []
    for step in range(1, steps + 1):
        found.append(Stepped(step, steps, 1.0 + 3.0 / step, 1.0, 1.0, 0.1, step / 50, 2048))
        found += [Validated(step, 1.5 + 3.0 / step, True)] if step % 10 == 0 else []
    return found


def shown(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, columns: int, lines: int, *, bidirectional: bool = False
) -> str:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("LINES", str(lines))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress, "PLAIN_INTERVAL", 0.0)
    with make_screen(launched(40, step=0, bidirectional=bidirectional), Console(None, stream), quiet=False) as screen:
        for event in events(40):
            screen.show(event)
    return stream.getvalue()


def test_off_a_terminal_every_line_has_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, io.StringIO(), 80, 24).splitlines()[2:]
    assert len(lines) == 40 + 4
    assert all(re.search(r"  \d+ s left$", line) for line in lines), lines
    assert lines[-1] == "step 40  valid 1.5750  best so far  0 s left"


@pytest.mark.parametrize(("columns", "height"), [(80, 24), (120, 45)])
def test_the_live_screen_fits_its_terminal(monkeypatch: pytest.MonkeyPatch, columns: int, height: int) -> None:
    last = shown(monkeypatch, Terminal(), columns, height).rsplit("\x1b[2K", 1)[-1]
    lines = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line).rstrip() for line in last.splitlines()]
    lines = [line for line in lines if line]
    assert max(map(len, lines)) <= columns
    assert len(lines) <= height // 2
    assert any("nats per token" in line and VALID in line for line in lines)
    assert re.match(r"40/40 .* left +epoch 0.8  train \d\.\d+  valid 1.575", lines[-1]), lines[-1]


def bars(told: str) -> list[str]:
    """The bars that a terminal was shown, as text."""
    lines = re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", told))
    return [line.rstrip() for line in lines if re.match(r"\d+/\d+ ", line)]


@pytest.mark.parametrize(("reason", "left"), [("patience", "0:00:00"), ("SIGINT", r"0:0[1-9]:\d\d")])
def test_the_last_bar_has_the_final_values(monkeypatch: pytest.MonkeyPatch, reason: str, left: str) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    now, terminal = [0.0], Terminal()
    clocks: dict[str, Any] = {"clock": lambda: now[0], "cpu_clock": lambda: now[0]}
    with make_screen(launched(40, step=0), Console(None, terminal), quiet=False) as screen:
        assert isinstance(screen, LiveScreen)
        screen.monitor.time_left = TimeLeft(TrainConfig(valid_every=10), Stretch(0, 40, 1, "float32"), **clocks)
        (task,) = screen._progress.tasks
        task._get_time, task.start_time = (lambda: now[0]), 0.0
        for step in range(1, 11):
            now[0] += 10.0
            screen.show(Stepped(step, 40, 2.0, 1.0, 1.0, 0.1, step / 50, 2048))
        screen.show(Replanned(Stretch(10, 30, 1, "float32"), Stretch(0, 40, 1, "float32")))
        now[0] += 25.0
        screen.show(Validated(10, 1.75, True))
        screen.show(Finished(reason, 10, 1.75, 10, Path("run")))
    last = bars(terminal.getvalue())[-1]
    assert re.match(
        rf"10/30 .* 0:02:05 elapsed, {left} left epoch 0.2  train 2.000  valid 1.750 \(best 1.750\)", last
    ), last


@pytest.mark.parametrize("stream", [io.StringIO, Terminal], ids=["pipe", "terminal"])
def test_a_plan_that_is_corrected_again_and_again_prints_a_line_at_most(
    monkeypatch: pytest.MonkeyPatch, stream: type[io.StringIO]
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    out = stream()
    with make_screen(launched(100, step=0), Console(None, out), quiet=False) as screen:
        for step, steps in enumerate((90, 110, 80, 160, 120, 140), 1):
            screen.show(Replanned(Stretch(step, steps, 1, "float32"), Stretch(0, 100, 1, "float32")))
    assert out.getvalue().count("replanned") == 1
    assert "step 4: replanned, 160 steps instead of 100" in out.getvalue()
    if stream is Terminal:
        assert bars(out.getvalue())[-1].startswith("0/140 ")  # the bar follows each of them


def test_a_low_terminal_has_only_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    told = shown(monkeypatch, Terminal(), 80, LOW - 1)
    assert "nats per token" not in told
    assert "40/40" in told


def test_losses_of_a_bidirectional_run_are_pseudo_nats(monkeypatch: pytest.MonkeyPatch) -> None:
    assert " pseudo-nats per token: " in shown(monkeypatch, Terminal(), 80, 24, bidirectional=True)
    assert "pseudo" not in shown(monkeypatch, Terminal(), 80, 24)


def test_a_plot_in_ascii_has_no_other_characters() -> None:
    from rich.console import Console as RichConsole

    monitor: Any = SimpleNamespace(step=40, steps=40, validations=[(20, 2.0), (40, 1.5)])
    monitor.losses = SimpleNamespace(points=[(float(x), 1.0 + 3.0 / x) for x in range(1, 41)])
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    RichConsole(file=out, width=80, height=24).print(LossPlot(monitor, 0))
    out.seek(0)
    text = out.read()
    assert text.count("\n") == ROWS + FRAME
    assert text.count(VALID) == 2 + 1 + len([c for c in "nats per token valid" if c == VALID])  # with the legend


def test_losses_are_drawn_where_they_are() -> None:
    valid = [(0.0, 4.0), (50.0, 2.5), (100.0, 1.0)]
    train = [(float(x), 4.0 - 3.0 * x / 100) for x in range(101)]  # a straight line
    drawing = draw(train, valid, 0, 100, 21, 7)
    assert [len(row) for row in drawing] == [21] * 7
    high, low = 4.0 - 3.0 * 0.1, 1.0  # the first tenth of the steps does not count
    for step, nll in valid:
        row = 6 - round((min(nll, high) - low) / (high - low) * 6)
        assert drawing[row][round(step / 100 * 20)] == VALID
    for row, line in enumerate(drawing):  # from the upper left to the lower right
        dots = [x for x, mark in enumerate(line) if mark not in (" ", VALID)]
        assert all(abs((x / 20) * 6 - row) <= 1.5 for x in dots), (row, dots)


def test_the_right_end_of_a_plot_moves_seldom() -> None:
    ends = [last_step(step, 800) for step in range(1, 801)]
    assert all(end >= step for step, end in enumerate(ends, 1))
    assert all(step > end / 2 or end == 800 for step, end in enumerate(ends, 1) if step > 1)
    assert len(set(ends)) <= 11


def test_the_plot_of_a_wide_terminal_is_not_wider_than_is_legible() -> None:
    assert AXIS < COLUMNS <= 120


def test_preparation_tells_off_a_terminal_only_what_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparation, "FIRST_LINE", 0.0)
    monkeypatch.setattr(preparation, "PLAIN_INTERVAL", 0.001)
    err = io.StringIO()
    with Preparation(Console(None, err), "reading a.txt", "nothing", shown=True) as prepared:
        for done in (0, 0, 0, 1, 1, 2, 2):
            prepared(MEASURING, done, None)
            prepared._over.wait(0.02)
    lines = err.getvalue().splitlines()
    assert lines[-3:] == [MEASURING, f"{MEASURING}: 1 trial", f"{MEASURING}: 2 trials"]
    assert len(set(lines)) == len(lines)


def test_preparation_has_a_bar_and_the_time_left_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    clock = iter([0.0, 0.0, 10.0, 15.0])
    monkeypatch.setattr(preparation, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    terminal = Terminal()
    with Preparation(Console(None, terminal), "reading a.txt", "nothing", shown=True) as prepared:
        prepared("reading", 0, 4_000_000)
        prepared("reading", 1_000_000, 4_000_000)
        prepared("reading", 1_000_000, 4_000_000)  # while the next piece is awaited
    told = terminal.getvalue()
    assert "reading: 1M of 4M bytes, 25 s left" in told
    assert "━" in told
    assert "\x1b[?25l" not in told  # a killed command could not show the cursor again
