"""Training that is interrupted in Python: by Ctrl-C, by "interrupt" in a notebook, or by ``on_event``.

The first interrupt ends the step and saves the run, which ``rnngen.resume`` resumes as if it had never stopped.
Then ``TrainingInterrupted`` is raised, so that neither the rest of a script nor the next cells of a notebook run on a
model that is not finished. The second interrupt is an ordinary one, and leaves at once.

Signals reach the main thread only. In any other thread training is interrupted by a ``KeyboardInterrupt`` that
``on_event`` raises.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from rnngen.python.run import Run, open_run
from rnngen.python.spelling import quoted, speaks_python
from rnngen.runs.layout import saved_steps
from rnngen.training.events import Event, Finished
from rnngen.training.launched import Launched, run_to_end

STOPPED = "SIGINT"
"""The reason for which a run ends that is interrupted."""


class TrainingInterrupted(KeyboardInterrupt):
    """Training was interrupted, and the run is saved.

    Attributes:
        path: the run's folder.
        step: the step whose state was saved.
    """

    def __init__(self, path: Path, step: int) -> None:
        self.path, self.step = path, step
        super().__init__(f"the run is saved after step {step:,}. Resume it: rnngen.resume({quoted(str(path))})")

    @property
    @speaks_python
    def run(self) -> Run:
        """The run, to write text with, to score, or to resume.

        Raises:
            CheckpointError: it was interrupted before its first step, so there are no weights yet.
        """
        return open_run(self.path)


TrainingInterrupted.__module__ = "rnngen"  # where users find it


def run_until_interrupted(
    launched: Launched, on_event: Callable[[Event], None], on_interrupt: Callable[[], object]
) -> Finished:
    """Train to the end, or until an interrupt.

    Args:
        launched: the trainer.
        on_event: called with every event.
        on_interrupt: called at the first interrupt by a signal, when the step has yet to end.

    Raises:
        TrainingInterrupted: it was interrupted, and there is a saved state to resume from.
        TrainingError, CheckpointError: see ``run_to_end``.
    """
    try:
        with _stopped_by_signal(launched, on_interrupt):
            finished = run_to_end(launched, on_event)
    except KeyboardInterrupt as interrupt:
        path = launched.trainer.writer.path
        if not (saved := saved_steps(path)):
            raise
        raise TrainingInterrupted(path, int(saved[0].name)) from interrupt
    if finished.reason == STOPPED:
        raise TrainingInterrupted(finished.path, finished.step)
    return finished


@contextlib.contextmanager
def _stopped_by_signal(launched: Launched, on_interrupt: Callable[[], object]) -> Iterator[None]:
    """The first SIGINT stops the trainer; the next ones do what they did before."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):  # ignored, or not Python's
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before)
        launched.trainer.stop(STOPPED)
        on_interrupt()

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
