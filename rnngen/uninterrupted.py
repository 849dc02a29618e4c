"""Work that a signal must not cut in two: an import, and a run's folder that is made or given up."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator

from rnngen.platforms import stop_signals


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold back SIGINT, SIGTERM and the like until the work in this context is done; then they do what they do.

    Signals reach Python in the main thread only, so in any other there is nothing to hold back. A signal that is
    ignored, or not handled in Python, is left alone.
    """
    came: list[int] = []
    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: handler for number in stop_signals() if callable(handler := signal.getsignal(number))}
    try:
        for number in before:
            signal.signal(number, lambda number, _frame: came.append(number))
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for each in dict.fromkeys(came):
            signal.raise_signal(each)
