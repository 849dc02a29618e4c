"""What is typed while a session writes is not shown amid the text."""

from __future__ import annotations

import io
import os
import sys

import pytest

from rnngen.cli.echo import without_echo


@pytest.mark.skipif(sys.platform == "win32", reason="no terminals of this kind")
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
