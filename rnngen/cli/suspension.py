"""Suspending a command with Ctrl-Z while a progress bar hides the cursor: the shell gets it back."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from types import FrameType
from typing import Protocol

_SHOW_CURSOR, _HIDE_CURSOR = b"\x1b[?25h\n", b"\x1b[?25l"


class _Terminal(Protocol):
    def fileno(self) -> int: ...


@contextlib.contextmanager
def cursor_while_suspended(terminal: _Terminal) -> Iterator[None]:
    """Show the cursor while the process is suspended, and hide it again when it continues.

    Args:
        terminal: a stream that writes to it.
    """
    number = getattr(signal, "SIGTSTP", None)  # Windows has no such signal
    if number is None or signal.getsignal(number) is not signal.SIG_DFL:
        yield
        return

    def suspend(_number: int, _frame: FrameType | None) -> None:
        _write(terminal, _SHOW_CURSOR)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)  # returns when the process continues
        signal.signal(number, suspend)
        _write(terminal, _HIDE_CURSOR)

    signal.signal(number, suspend)
    try:
        yield
    finally:
        signal.signal(number, signal.SIG_DFL)


def _write(terminal: _Terminal, sequence: bytes) -> None:
    with contextlib.suppress(OSError, AttributeError):  # it is no file, or has hung up
        os.write(terminal.fileno(), sequence)  # not through its buffer, which the interrupted code may be writing to
