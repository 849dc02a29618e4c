"""What is typed while a command loads or writes waits for its next prompt, and is not shown amid the text."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def without_echo(stdin: Any) -> Iterator[None]:
    """Let the terminal not show what is typed; nothing happens where its settings cannot be changed.

    Args:
        stdin: the standard input of the command.
    """
    try:
        import termios

        descriptor = stdin.fileno()
        before = termios.tcgetattr(descriptor)
    except Exception:  # no terminal, or a system without such settings: each is an error of its own kind
        yield
        return
    silent = [*before[:3], before[3] & ~termios.ECHO, *before[4:]]
    termios.tcsetattr(descriptor, termios.TCSANOW, silent)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSANOW, before)
