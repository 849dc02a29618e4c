"""One step of learning, and everything that a step changes.

Truncated back-propagation through time: the loss of a window of T tokens, given the true tokens before each (teacher
forcing), is differentiated back to the window's beginning and no further; the hidden state is carried on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnngen.config import RunConfig
from rnngen.errors import TrainingError
from rnngen.evaluation.perplexity import autocast
from rnngen.model.language_model import RecurrentLM
from rnngen.training.checkpoint import pack, pack_optimizer, unpack, unpack_optimizer
from rnngen.training.optimizer import WeightAverage, clip_gradients, make_optimizer


@dataclass(frozen=True)
class StepResult:
    """What a step saw: ``loss`` in nats a token before it, ``grad_norm`` before clipping."""

    loss: float
    grad_norm: float


class Learner:
    """A model with its optimizer, weight average, dropout generator and carried hidden state.

    Args:
        config: decided; its seed draws the start values and dropout.
        vocab_size: V.
    """

    def __init__(self, config: RunConfig, vocab_size: int) -> None:
        self.config = config
        self.device = torch.device(config.train.device)
        generator = torch.Generator().manual_seed(config.train.seed)
        self.model = RecurrentLM(config.model, vocab_size, generator).to(self.device)
        self.optimizer = make_optimizer(self.model, config.optimizer)
        averaged = RecurrentLM(config.model, vocab_size).to(self.device).requires_grad_(False)
        self.average = WeightAverage(self.model, averaged, config.optimizer.ema)
        self.dropout = torch.Generator(self.device).manual_seed(config.train.seed)
        self.hidden = self.model.start_state(config.train.batch_size)  # (L, S, B, H)
        self.begin_with(self.model.weights())

    def begin_with(self, weights: Mapping[str, Any], where: object = None) -> None:
        """Start the model and its average from these weights.

        Raises:
            CheckpointError: they do not fit.
        """
        self.model.load_weights(weights, where)
        self.average.model.load_weights(weights, where)

    def step(self, x: NDArray[np.int64], y: NDArray[np.int64], learning_rate: float, number: int) -> StepResult:
        """Learn from one window.

        Args:
            x: inputs, (T, B).
            y: targets, the inputs one token on, (T, B).
            learning_rate: of this step.
            number: steps taken before this one.

        Raises:
            TrainingError: loss or gradient is not finite; then no weight was touched.
        """
        inputs, targets = (torch.from_numpy(a).to(self.device) for a in (x, y))
        with autocast(self.device, self.config.train.precision):
            logits, hidden = self.model(inputs, self.hidden, self.dropout)
        loss = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten())
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nats = loss.item()
        norm = clip_gradients(self.model.parameters(), self.config.optimizer.clip)
        if not (math.isfinite(nats) and math.isfinite(norm)):
            raise TrainingError(
                f"the {'gradient' if math.isfinite(nats) else 'loss'} is not finite at step {number + 1}",
                found=f"loss {nats}, gradient norm {norm}",
                hint="The weights were not touched, and what was saved is intact. "
                "Try a lower --learning-rate, or --precision float32.",
            )
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.optimizer.step()
        self.average.update(number)
        self.hidden = hidden.detach()  # the state goes on, gradients stop here
        return StepResult(nats, norm)

    def tensors(self) -> dict[str, Tensor]:
        """Everything that a step changes, by name, on the CPU."""
        return {
            **pack("weights", dict(self.model.named_parameters())),
            **pack("average", dict(self.average.model.named_parameters())),
            **pack_optimizer(self.optimizer),
            "hidden": self.hidden.cpu().contiguous(),
            "dropout": self.dropout.get_state(),
        }

    def restore(self, tensors: Mapping[str, Tensor], where: object) -> None:
        """Put back what ``tensors`` gave.

        Raises:
            CheckpointError, KeyError, ValueError, RuntimeError: they do not fit.
        """
        self.model.load_weights(unpack("weights", tensors), where)
        self.average.model.load_weights(unpack("average", tensors), where)
        unpack_optimizer(self.optimizer, tensors)
        self.hidden = tensors["hidden"].to(self.device).view_as(self.hidden)
        self.dropout.set_state(tensors["dropout"])
