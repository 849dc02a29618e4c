"""What users are told while a run trains: the same sentences on the command line and in Python."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rnngen.cli.console import Console
from rnngen.cli.progress import PlainLines
from rnngen.options.training import TrainConfig
from rnngen.python.progress import Lines
from rnngen.runs.plan_record import Stretch
from rnngen.training.events import Event, Replanned, Spiked, Stepped
from rnngen.training.monitor import Monitor, Slowdown
from rnngen.training.notes import PlanNotes, slowdown_note, spiked_note

PLAN = Stretch(0, 100, 2, "float32")
LONGER, TRIAL = Stretch(10, 220, 2, "float32"), Stretch(20, 220, 1, "float32", 30)
MORE_THREADS = Stretch(30, 220, 4, "float32")
SPIKED = Spiked(40, 5.4321, 2.0, "a.txt, line 3", 30)
SLOWDOWN = Slowdown(2.4, 1234.0, 2960.0, 5.11, 2)


def test_a_jump_of_the_loss_is_told_with_its_place_and_remedy() -> None:
    told = "the loss jumped from 2 to 5.43 at step 40 (it is highest at a.txt, line 3): "
    assert spiked_note(SPIKED) == f"{told}back to the weights of step 30, and on with the text that follows"
    skipped = Spiked(40, 5.4321, 2.0, "a.txt, line 3", None)
    assert spiked_note(skipped) == f"{told}learned nothing from this batch"


def test_a_slow_machine_is_told_of_with_the_time_that_it_takes() -> None:
    assert slowdown_note(SLOWDOWN, 754.0) == (
        "steps are 2.4 times slower than measured before the first one, 1.23k tokens per second instead of "
        "2.96k: other programs keep this machine busy (load 5.1 on 2 processors). About 12 min 34 s left"
    )
    assert "busy" not in slowdown_note(Slowdown(2.4, 1234.0, 2960.0, None, 2), None)


def test_a_new_plan_is_told_with_what_is_new() -> None:
    notes = PlanNotes(PLAN)
    assert notes.take(LONGER) == "step 10: replanned, 220 steps instead of 100"
    assert notes.take(TRIAL) is None
    assert notes.take(MORE_THREADS) == "step 30: 4 threads are faster now"
    both = Stretch(40, 50, 1, "float32")
    assert notes.take(both) == "step 40: 1 thread is faster now; replanned, 50 steps instead of 220"


def test_plans_that_are_corrected_again_and_again_are_told_where_they_differ_from_what_was_told() -> None:
    notes = PlanNotes(PLAN)
    told = [notes.take(Stretch(step, steps, 2, "float32")) for step, steps in enumerate((90, 120, 80, 140, 160, 120))]
    assert told == [None, None, None, None, "step 4: replanned, 160 steps instead of 100", None]
    assert notes.take(Stretch(9, 100, 2, "float32")) == "step 9: replanned, 100 steps instead of 160"


def launched() -> Any:
    model = SimpleNamespace(bidirectional=False)
    trainer = SimpleNamespace(best_nll=9.0, step=0, schedule=SimpleNamespace(current=PLAN, steps=100, cycle=None))
    trainer.writer, trainer.progress = SimpleNamespace(path=Path("run")), SimpleNamespace(due=set())
    trainer.config = SimpleNamespace(train=TrainConfig(), model=model)
    planned = SimpleNamespace(path=Path("run"), step=0, notes=())
    return SimpleNamespace(trainer=trainer, plan=None, notes=(), is_new=True, planned=lambda: planned)


def test_both_front_ends_tell_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Monitor, "slowdown", lambda monitor: SLOWDOWN if monitor.step == 2 else None)
    steps = [Stepped(step, 100, 2.0, 1.0, 1.0, 0.1, 0.5, 64) for step in (1, 2)]
    events: list[Event] = [
        *steps,
        SPIKED,
        Replanned(LONGER, PLAN),
        Replanned(TRIAL, LONGER),
        Replanned(MORE_THREADS, TRIAL),
    ]
    monkeypatch.setattr(sys, "stderr", python := io.StringIO())
    in_python = Lines()
    in_python.begin(launched())
    with PlainLines(launched(), Console(None, typed := io.StringIO())) as on_command_line:
        for event in events:
            in_python.show(event)
            on_command_line.show(event)
    notes = [
        "steps are 2.4 times slower",
        spiked_note(SPIKED),
        "step 10: replanned, 220 steps instead of 100",
        "step 30: 4 threads are faster now",
    ]
    for told in (python.getvalue(), typed.getvalue()):
        assert [told.count(note) for note in notes] == [1] * len(notes)
        assert "threads are faster" in told
        assert "1 thread is" not in told
