"""What is typed while a session begins or writes is not shown amid the text."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from rnngen.cli.app import run
from rnngen.cli.console import Console
from rnngen.cli.echo import without_echo
from rnngen.errors import RnngenError

needs_terminals = pytest.mark.skipif(sys.platform == "win32", reason="no terminals of this kind")


@needs_terminals
def test_what_is_typed_while_a_model_is_loaded_is_not_shown_and_waits(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import termios

    control, terminal = os.openpty()
    with open(terminal, encoding="utf-8") as stdin, open(control, "rb+", buffering=0) as keys:  # noqa: PTH123 (descriptors)
        before = termios.tcgetattr(terminal)
        read: list[str] = []

        def load(*_run: object, **_options: object) -> None:
            keys.write(b"The cat\n")
            read.append(stdin.readline())
            assert not termios.tcgetattr(terminal)[3] & termios.ECHO
            raise RnngenError("nothing was loaded")

        monkeypatch.setattr("rnngen.sampling.loading.generator_of", load)
        assert run(["sample", str(trained), "--interactive"], Console(io.StringIO(), io.StringIO(), stdin)) == 1
        assert read == ["The cat\n"]
        assert termios.tcgetattr(terminal) == before


@needs_terminals
def test_the_terminal_shows_nothing_that_is_typed_until_the_end_whatever_happens() -> None:
    import termios

    control, terminal = os.openpty()
    with open(terminal, encoding="utf-8") as stdin, open(control, "rb", buffering=0):  # noqa: PTH123 (descriptors)
        before = termios.tcgetattr(terminal)
        with pytest.raises(KeyboardInterrupt), without_echo(stdin):
            assert not termios.tcgetattr(terminal)[3] & termios.ECHO
            assert termios.tcgetattr(terminal)[3] & termios.ISIG  # Ctrl-C still interrupts
            raise KeyboardInterrupt
        assert termios.tcgetattr(terminal) == before


def test_without_a_terminal_nothing_happens() -> None:
    for stdin in (None, io.StringIO()):
        with without_echo(stdin):
            pass
