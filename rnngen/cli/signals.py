"""Training that is stopped by a signal: the first ends the step and saves, the second leaves at once."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rnngen.errors import ExitCode
from rnngen.platforms import stop_signals

if TYPE_CHECKING:
    from rnngen.training.trainer import Trainer


@contextlib.contextmanager
def stopped_by_signals(trainer: Trainer) -> Iterator[None]:
    """The first SIGINT, SIGTERM or the like ends the step and saves; the second leaves at once."""

    def handle(number: int, _frame: object) -> None:
        trainer.stop(signal.Signals(number).name)
        with contextlib.suppress(OSError):  # after a hang-up there is no terminal
            os.write(2, b"\nStopping: this step ends and the run is saved. Interrupt again to leave at once.\n")
        for each in before:
            signal.signal(each, signal.SIG_IGN if each.name == "SIGHUP" else _leave_at_once)  # a hang-up comes twice

    before = {number: signal.getsignal(number) for number in stop_signals()}
    for number in before:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave_at_once(number: int, _frame: object) -> None:
    os._exit(ExitCode.of_signal(number))
