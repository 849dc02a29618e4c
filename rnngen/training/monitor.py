"""What a run looks like while it trains, from its events: its scores, its loss curve, its speed and its time left.

Screens and progress bars show it, each in its own way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from rnngen.model.device import processors
from rnngen.platforms import load_average
from rnngen.runs.binning import Binned
from rnngen.training.events import Event, Replanned, Stepped, Validated
from rnngen.training.launched import Launched
from rnngen.training.time_left import TimeLeft

SMOOTHING = 0.98  # decay of the average of the training loss
MAX_POINTS = 256  # of the curve of the training loss
SLOWER = 1.5  # times slower than measured before the first step that are worth a warning
RECOVERED = 1.2  # times slower than that from which on another warning may follow
SEEN = 5.0  # seconds of steps before it


@dataclass(frozen=True)
class Slowdown:
    """Steps are much slower than they were when they were measured before the first step.

    Attributes:
        factor: how many times slower.
        tokens_per_second: at present.
        before: tokens per second that were measured before the first step.
        load: processes that ran or waited to run in the last minute, where they are more than there are processors;
            None: there are fewer, or the system does not say.
        processors: that this process may use.
    """

    factor: float
    tokens_per_second: float
    before: float
    load: float | None
    processors: int


class LossCurve:
    """The training loss over the steps, as a limited number of averages over as many steps each."""

    def __init__(self) -> None:
        self._binned = Binned(2)

    def add(self, step: int, loss: float) -> None:
        """Add the loss of a step, in nats per token."""
        self._binned.add(step, loss)

    @property
    def points(self) -> list[tuple[float, float]]:
        """Mean step and mean loss of each group of steps, in order."""
        return [(step, loss) for step, loss in self._binned.means(MAX_POINTS)]


class Monitor:
    """Follows the events of a run.

    Attributes:
        step, steps: steps taken, and of the whole run as planned now.
        epoch: how often the training text has been read.
        loss: average of the training loss, weighted towards the last steps, in nats per token.
        valid, best: the last and the lowest validation loss; None: there is none yet.
        losses: curve of the training loss.
        validations: (step, nats per token), in order.
        time_left: how long the run will still take.
    """

    def __init__(self, launched: Launched) -> None:
        trainer, plan = launched.trainer, launched.plan
        self.step, self.steps, self.epoch = trainer.step, trainer.schedule.steps, 0.0
        self.loss, self._weight = 0.0, 0.0
        self.valid: float | None = None
        self.best = trainer.best_nll if math.isfinite(trainer.best_nll) else None
        self.losses = LossCurve()
        self.validations: list[tuple[int, float]] = []
        train, cycle = trainer.config.train, trainer.schedule.cycle
        if cycle:
            train = train.changed(valid_every=cycle.valid_every, sample_every=cycle.sample_every)
        self.time_left = TimeLeft(
            train,
            trainer.schedule.current,
            trainer.step,
            costs=plan.costs if plan else None,
            deadline=plan.deadline if plan and not plan.capped else None,
            due=trainer.progress.due,
        )
        self._planned = (plan.costs.step, plan.tokens_per_second) if plan else (math.nan, math.nan)
        self._told = 1.0  # the factor of the last warning

    def take(self, event: Event) -> None:
        """Take note of an event, at the time at which it comes."""
        self.time_left.take(event)
        if isinstance(event, Stepped):
            self.step, self.steps, self.epoch = event.step, event.steps, event.epoch
            self._weight = SMOOTHING * self._weight + 1 - SMOOTHING
            self.loss += (event.loss - self.loss) * (1 - SMOOTHING) / self._weight
            self.losses.add(event.step, event.loss)
        elif isinstance(event, Validated):
            self.valid = event.nll
            self.best = event.nll if event.best else self.best
            self.validations.append((event.step, event.nll))
        elif isinstance(event, Replanned):
            self.steps = event.plan.steps

    def slowdown(self) -> Slowdown | None:
        """Whether steps have become much slower than they were measured to be, or than when this was last told."""
        factor = self.time_left.step_seconds / self._planned[0]
        if factor < RECOVERED:
            self._told = 1.0
        if self.time_left.measured < SEEN or not factor >= SLOWER * self._told:
            return None
        self._told = factor
        load, available = load_average(), processors()
        busy = load if load is not None and load > available else None
        return Slowdown(factor, self.time_left.tokens_per_second, self._planned[1], busy, available)
