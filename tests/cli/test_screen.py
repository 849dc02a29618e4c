"""The screens of training say what to type as it is typed."""

from __future__ import annotations

import io
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rnngen.cli.console import Console
from rnngen.cli.progress import make_screen
from rnngen.runs.plan_record import Stretch


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stream", [io.StringIO, Terminal], ids=["pipe", "terminal"])
def test_notes_on_a_plan_name_options_as_they_are_typed(stream: type[io.StringIO]) -> None:
    schedule = SimpleNamespace(current=Stretch(0, 10, 1, "float32"), steps=10)
    trainer = SimpleNamespace(best_nll=math.inf, step=3, is_over=False, schedule=schedule)
    trainer.writer = SimpleNamespace(path=Path("run"))
    launched: Any = SimpleNamespace(trainer=trainer, plan=None, notes=("give it more: `minutes=5`",))
    err = stream()
    with make_screen(launched, Console(None, err), quiet=False):
        pass
    assert "give it more: --minutes 5" in err.getvalue()
    assert "`" not in err.getvalue()
