"""A trainer that is ready, and running it to its end."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain

from rnngen.training.events import Event, Finished, Planned
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

    def planned(self) -> Planned:
        """The plan as an event."""
        trainer, plan = self.trainer, self.plan
        config, corpus, now = trainer.config, trainer.corpus, trainer.schedule.current
        V, steps = corpus.tokenizer.vocab_size, trainer.schedule.steps
        return Planned(
            path=trainer.writer.path,
            step=trainer.step,
            steps=steps,
            model=config.model.describe(),
            parameters=config.model.num_parameters(V),
            vocab_size=V,
            train_tokens=len(corpus.train.tokens),
            valid_tokens=len(corpus.valid.tokens),
            test_tokens=len(corpus.test.tokens),
            batch_size=config.train.batch_size,
            bptt=config.train.bptt,
            device=config.train.device,
            precision=now.precision,
            threads=now.threads,
            epochs=(steps - trainer.step) / trainer.streams.steps_per_epoch,
            tokens_per_second=plan.tokens_per_second if plan else None,
            seconds=plan.seconds if plan else None,
            notes=(*(plan.notes if plan else ()), *self.notes),
        )


def run_to_end(launched: Launched, on_event: Callable[[Event], None] | None = None) -> Finished:
    """Train, call ``on_event`` with every event, the first being the plan, and release the run.

    What ``on_event`` raises ends training, like ``Trainer.stop``: the step ends, the run is saved, and the exception is
    raised.

    Raises:
        TrainingError, CheckpointError: see ``Trainer.events``.
    """
    finished: Finished | None = None
    trainer = launched.trainer
    try:
        with contextlib.closing(trainer.events()) as events:
            try:
                for event in chain([launched.planned()], events):
                    if isinstance(event, Finished):
                        finished = event
                    if on_event:
                        on_event(event)
            except BaseException:
                trainer.stop("interrupted")
                for _ in events:  # none, if it was the trainer that failed
                    pass
                raise
    finally:
        trainer.writer.close()
    assert finished is not None
    return finished
