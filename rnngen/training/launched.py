"""A trainer that is ready, and running it to its end."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from rnngen.training.events import Event, Finished
from rnngen.training.planning.plan import Plan
from rnngen.training.trainer import Trainer


@dataclass(frozen=True)
class Launched:
    """A trainer that is ready.

    Attributes:
        trainer: to be run.
        plan: as just made; None for a run that follows the plan it has.
        notes: what a user should know before the first step, a sentence each.
        is_new: whether it is a run that begins, not one that is resumed.
    """

    trainer: Trainer
    plan: Plan | None
    notes: tuple[str, ...] = ()
    is_new: bool = False


def run_to_end(launched: Launched, on_event: Callable[[Event], None] | None = None) -> Finished:
    """Train, call ``on_event`` with every event, and release the run.

    Raises:
        TrainingError, CheckpointError: see ``Trainer.events``.
    """
    finished: Finished | None = None
    try:
        with contextlib.closing(launched.trainer.events()) as events:
            for event in events:
                if on_event:
                    on_event(event)
                if isinstance(event, Finished):
                    finished = event
    finally:
        launched.trainer.writer.close()
    assert finished is not None
    return finished
