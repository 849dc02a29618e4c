"""What training shows in Python: on a terminal, in a notebook, and where there is neither."""

from __future__ import annotations

import dataclasses
import io
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import rnngen
from rnngen.python.progress import BAR, Bar, Lines, bar
from rnngen.training.events import Event, Finished, Planned, Sampled, Stepped
from rnngen.training.launched import Launched
from tests.conftest import FAST

OPTIONS: dict[str, Any] = {**FAST, "steps": 12, "valid_every": 5}


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def states(written: str) -> list[str]:
    """What one line showed, one after the other."""
    return [part.strip() for part in written.replace("\n", "\r").split("\r") if part.strip()]


def test_a_terminal_shows_a_bar_that_fits(
    corpus: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(Bar, "interval", 0.0)
    for columns in (100, 30):
        monkeypatch.setenv("COLUMNS", str(columns))
        rnngen.train(corpus, out=f"run-{columns}", **OPTIONS)
    seen = states(terminal.getvalue())
    of_bar = [state for state in seen if "/12" in state]
    wide, narrow = of_bar[: len(of_bar) // 2], of_bar[len(of_bar) // 2 :]
    assert any("loss" in state and "valid" in state and " left" in state for state in wide)
    assert wide[-1].startswith(f"12/12  {'━' * BAR}")
    assert max(map(len, narrow)) < 30
    assert any("training run-100" in state for state in seen)
    assert any(state.startswith("done after step 12, best validation ") for state in seen)
    assert capsys.readouterr().out == ""


def test_off_a_terminal_a_line_is_written_at_intervals_and_none_of_a_short_run(
    corpus: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rnngen.train(corpus, out="silent", progress="none", **OPTIONS)
    assert capsys.readouterr() == ("", "")
    rnngen.train(corpus, out="short", **OPTIONS)
    out, err = capsys.readouterr()
    assert out == ""
    assert all(line.startswith("note: ") for line in err.splitlines())
    monkeypatch.setattr(Lines, "interval", 0.0)
    rnngen.train(corpus, out="long", **OPTIONS)
    out, err = capsys.readouterr()
    assert out == ""
    assert "\r" not in err
    assert sum(line.startswith("training long  ") and " left" in line for line in err.splitlines()) >= 12


def test_off_a_terminal_a_note_is_written_when_it_comes(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    planned, said = Launched.planned, []

    def noted(launched: Launched) -> Planned:
        return dataclasses.replace(planned(launched), notes=("it is short; see rnngen train --help",))

    def on_event(event: Event) -> None:
        if isinstance(event, Stepped) and event.step == 1:
            said.append(capsys.readouterr().err)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Launched, "planned", noted)
        patch.setattr(Finished, "advice", "raise `clip=1`")
        rnngen.train(corpus, on_event=on_event, **OPTIONS)
    assert said == ["note: it is short; see help(rnngen.train)\n"]
    assert capsys.readouterr().err == "note: raise `clip=1`\n"


def test_a_bar_off_a_terminal_if_it_is_asked_for(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rnngen.train(corpus, progress="bar", **OPTIONS)
    assert "12/12" in capsys.readouterr().err


class Handle:
    """A display in a notebook."""

    shown: list[str]

    def __init__(self, panel: Any) -> None:
        self.shown = [panel._repr_html_()]

    def update(self, panel: Any) -> None:
        self.shown.append(panel._repr_html_())


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> list[Handle]:
    """The outputs that a notebook would show."""
    handles: list[Handle] = []

    def display(panel: Any, display_id: bool) -> Handle:
        assert display_id
        handles.append(Handle(panel))
        return handles[-1]

    shell = SimpleNamespace(kernel=object())
    fake = SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", fake)  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=display))  # type: ignore[arg-type]
    monkeypatch.setattr("rnngen.python.notebook.Panel.interval", 0.0)
    return handles


def test_a_notebook_shows_one_output_that_is_updated(
    corpus: Path, notebook: list[Handle], capsys: pytest.CaptureFixture[str]
) -> None:
    rnngen.train(corpus, out="run", **{**OPTIONS, "sample_every": 6})
    (handle,) = notebook
    assert len(handle.shown) > 12
    assert 'value="12" max="12"' in handle.shown[-1]
    assert "<svg" in handle.shown[-1]
    assert "done after step 12" in handle.shown[-1]
    assert "step 12:" in handle.shown[-1]
    assert capsys.readouterr() == ("", "")


def test_what_a_model_writes_cannot_break_out_of_the_output(corpus: Path, notebook: list[Handle]) -> None:
    def on_event(event: Event) -> None:
        if isinstance(event, Stepped) and event.step == 3:
            panel.show(Sampled(3, "</pre><script>alert(1)</script>"))
            raise KeyboardInterrupt

    from rnngen.python import display

    panel = display.make_progress("auto")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("rnngen.python.training.make_progress", lambda _: panel)
        rnngen.train(corpus, out="<b>run", on_event=on_event, **OPTIONS)
    last = notebook[-1].shown[-1]
    assert "&lt;script&gt;" in last
    assert "<script" not in last
    assert "<b>run" not in last
    assert "the run is saved after step 3" in last


def test_a_bar_has_only_characters_that_can_be_written() -> None:
    assert bar(5, "ascii") == "#####" + "." * (BAR - 5)
    assert bar(BAR, "utf-8") == "━" * BAR
    assert bar(0, "no such encoding") == "." * BAR
