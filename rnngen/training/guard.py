"""The guard against divergence: it notices that the loss jumps, finds out why, and keeps the last good state.

A jump of the loss proves little: the text may just have become harder, and some jumps are over after a few steps. If
one lasts, the weights are tried, without dropout, on a window of text that they could predict before. Only if they
cannot any more have they gone astray. The same test is made at every regular save, and what passes it becomes the good
state that training can go back to.

On the CPU all of it is a function of the losses and the step numbers, and it is part of a saved state, so a resumed run
decides as an uninterrupted one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from rnngen.corpus.streams import Streams
from rnngen.training.learner import Learner

MARGIN = 1.0  # nats per token; 0.8 was the largest rise in networks that learned well at four times the usual rates
WORSE_THAN_GUESSING = 1.0  # nats per token above a uniform guess, or above the first loss: no network that learns is
JUMP = 6.0  # mean absolute deviations above the mean
LASTING = 5  # steps: plain gradient descent at high rates jumps as well, and is back after a few
RECOVERED = 50  # steps without going back, after which earlier times are forgotten
TRIED = 8  # streams of a window that are read to try the weights: enough to see nats, and a fraction of a step's time
WILD = 3.0  # times the loss of a guess: it is not waited whether that lasts
RECENT = 0.05  # weight of a new loss in mean and deviation: those of about the last 20 steps

GOOD = "good/"  # before the names of tensors in a saved state


@dataclass(frozen=True)
class Losses:
    """The training losses of the last steps, in nats per token.

    Attributes:
        first: of the first step; None before it.
        mean: exponential moving average.
        deviation: mean absolute deviation from it.
    """

    first: float | None = None
    mean: float = 0.0
    deviation: float = 0.0

    @property
    def jump(self) -> float:
        """The distance from the mean from which on a loss is far above it."""
        return max(MARGIN, JUMP * self.deviation)

    def after(self, loss: float) -> Losses:
        """With one more loss; one that is far above the others counts as little more than a jump."""
        if self.first is None:
            return Losses(loss, loss)
        distance = min(loss - self.mean, 2 * self.jump)
        return Losses(
            self.first, self.mean + RECENT * distance, self.deviation + RECENT * (abs(distance) - self.deviation)
        )

    def values(self) -> list[float | None]:
        """For a saved state."""
        return [self.first, self.mean, self.deviation]


class Jump(NamedTuple):
    """A loss that is so high that the weights should be tried.

    Attributes:
        expected: the loss that was to be expected, in nats per token.
        lasts: whether it has been high for a while, or is so high that it need not last.
    """

    expected: float
    lasts: bool


@dataclass(frozen=True)
class GoodState:
    """A state that training can go back to.

    Attributes:
        step: steps taken before it.
        tensors: see ``Learner.tensors``.
        loss: of its weights on the window that follows, without dropout, in nats per token.
        losses: of the steps before it.
    """

    step: int
    tensors: Mapping[str, Tensor] = field(repr=False)
    loss: float
    losses: Losses


class Guard:
    """Watches the losses of a run.

    Args:
        learner: of the run.
        streams: the windows that it reads.
        vocab_size: V.

    Attributes:
        spikes: how often the weights have gone astray, without ``RECOVERED`` good steps in between.
    """

    def __init__(self, learner: Learner, streams: Streams, vocab_size: int) -> None:
        self._learner, self._streams = learner, streams
        self._uniform = math.log(vocab_size)
        self._losses = Losses()
        self._good: GoodState | None = None
        self._high = 0  # how many losses in a row have been jumps
        self._back = 0  # the step at which training went back last
        self.spikes = 0

    @property
    def good(self) -> GoodState:
        """The last state whose weights were found to be good."""
        assert self._good is not None
        return self._good

    @property
    def has_begun(self) -> bool:
        """Whether there is a good state."""
        return self._good is not None

    def begin(self, step: int) -> None:
        """Take the state at this step, whatever it is, for good: training begins, or goes on with another text."""
        self._losses, self._high = Losses(), 0
        self.keep(step)

    def keep(self, step: int) -> Mapping[str, Tensor]:
        """Make the state after ``step`` steps the one to go back to, and return its tensors."""
        tensors = self._learner.tensors()
        self._good = GoodState(step, tensors, self._loss_after(step, tensors), self._losses)
        return tensors

    def watch(self, loss: float) -> Jump | None:
        """Take note of the loss of a step; None: it is no jump."""
        before, self._losses = self._losses, self._losses.after(loss)
        high = before.first is not None and (loss > before.mean + before.jump or self._losses.mean > self.limit)
        self._high = self._high + 1 if high else 0
        return Jump(before.mean, self._high >= LASTING or loss > WILD * self.limit) if high else None

    def strayed(self) -> float | None:
        """The loss of the weights on what they knew at the good state, if they have lost it; None if they have not."""
        known, limit = self.good.loss, self.limit
        highest = known + MARGIN if known > limit else min(known + MARGIN, limit)
        loss = self._loss_after(self.good.step, self.good.tensors)
        return None if loss <= highest else loss  # NaN is not

    def count(self, step: int) -> int:
        """Count that the weights have gone astray at this step, and return how often they have."""
        self.spikes = 1 if step - self._back > RECOVERED else self.spikes + 1
        self._back = step
        return self.spikes

    def go_back(self) -> None:
        """Restore the good state, except the number of steps taken."""
        now = self._learner.tensors()
        fresh = {name: torch.zeros_like(tensor) for name, tensor in now.items() if name.startswith("optimizer/")}
        copies = {name: tensor.clone() for name, tensor in self.good.tensors.items()}  # training changes them in place
        self._learner.restore({**fresh, **copies}, "the last good state")  # at step 0 there are no moments: they are 0
        self._losses, self._high = self.good.losses, 0

    def values(self) -> dict[str, Any]:
        """For a saved state, together with ``tensors``."""
        good = self.good
        return {
            "good_step": good.step,
            "good_loss": good.loss,
            "good_losses": good.losses.values(),
            "losses": self._losses.values(),
            "high": self._high,
            "back": self._back,
            "spikes": self.spikes,
        }

    def tensors(self, step: int) -> dict[str, Tensor]:
        """The tensors of the good state, for a state that is saved after ``step`` steps; none if it is that state."""
        if self.good.step == step:
            return {}
        return {GOOD + name: tensor for name, tensor in self.good.tensors.items()}

    def restore(
        self, values: Mapping[str, Any], tensors: Mapping[str, Tensor], where: object, *, same_device: bool
    ) -> None:
        """Restore what ``values`` and ``tensors`` returned.

        Args:
            values: see ``values``; ``state_checks.py`` has checked them.
            tensors: of the good state, by the names of ``Learner.tensors``.
            where: they were read from, for errors.
            same_device: see ``LiveRun``.

        Raises:
            CheckpointError: a tensor does not fit the configuration.
        """
        step = values["good_step"]
        self._learner.check(tensors, where, dropout_too=same_device, stepped=step > 0)
        copies = {name: tensor.clone() for name, tensor in tensors.items()}
        if not same_device:  # each kind has its own random state
            copies["dropout"] = self._learner.dropout.get_state()
        self._good = GoodState(step, copies, values["good_loss"], Losses(*values["good_losses"]))
        self._losses, self._high = Losses(*values["losses"]), values["high"]
        self.spikes, self._back = values["spikes"], values["back"]

    @property
    def limit(self) -> float:
        """A loss that no network stays above while it learns."""
        return max(self._uniform, self._losses.first or 0.0) + WORSE_THAN_GUESSING

    def _loss_after(self, step: int, tensors: Mapping[str, Tensor]) -> float:
        """The loss of the weights as they are on the window after ``step``, from the hidden state of these tensors."""
        hidden = self._learner.begun_anew(tensors["hidden"].to(self._learner.device), self._streams.moves(step))
        some = slice(None, None, math.ceil(hidden.shape[2] / TRIED))  # of those that have just moved, and of others
        x, y = (np.ascontiguousarray(tokens[:, some]) for tokens in self._streams.window(step))
        return self._learner.plain_loss(x, y, hidden[:, :, some].contiguous())
