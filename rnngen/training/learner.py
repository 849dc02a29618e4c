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

from rnngen.errors import TrainingError
from rnngen.model.device import autocast
from rnngen.model.load import make_network
from rnngen.options.config import RunConfig
from rnngen.training.checkpoint import pack, pack_optimizers, unpack, unpack_optimizers
from rnngen.training.optim.asgd import TriggeredAverage
from rnngen.training.optim.optimizer import Muon, WeightAverage, clip_gradients, make_optimizers
from rnngen.training.regularization import activation_penalty
from rnngen.training.state_checks import Expected, check_tensors


@dataclass(frozen=True)
class StepResult:
    """What a step saw, as scalars on the device, so that a GPU is not waited for before they are read.

    Attributes:
        number: of the step, counted from 1.
        loss: nats a token before the step.
        grad_norm: ‖∇θ‖ before clipping.
    """

    number: int
    loss: Tensor
    grad_norm: Tensor

    def read(self) -> tuple[float, float]:
        """Loss and gradient norm.

        Raises:
            TrainingError: one of them is not finite.
        """
        loss, norm = float(self.loss), float(self.grad_norm)
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise TrainingError(
                f"the {'gradient' if math.isfinite(loss) else 'loss'} is not finite at step {self.number}",
                found=f"loss {loss}, gradient norm {norm}",
            )
        return loss, norm


class Learner:
    """A model with its optimizers, weight average, dropout generator and carried hidden state.

    Args:
        config: decided; its seed draws the start values and dropout.
        vocab_size: V.
    """

    precision: str

    def __init__(self, config: RunConfig, vocab_size: int) -> None:
        self.config = config
        self.device = torch.device(config.train.device)
        generator = torch.Generator().manual_seed(config.train.seed)
        self.model = make_network(config.model, vocab_size, generator).to(self.device)
        self.optimizers = make_optimizers(self.model, config.optimizer)
        averaged = make_network(config.model, vocab_size).to(self.device).requires_grad_(False)
        self.average = (
            TriggeredAverage(self.model, averaged, config.optimizer.nonmono)
            if config.optimizer.optimizer == "asgd"
            else WeightAverage(self.model, averaged, config.optimizer.ema)
        )
        self.dropout = torch.Generator(self.device).manual_seed(config.train.seed)
        self.hidden = self.model.start_state(config.train.batch_size)  # (L, S, B, H)
        self.begin_with(self.model.weights())
        self.use_precision(config.train.precision)

    def use_precision(self, precision: str) -> None:
        """Compute in ``float32`` or ``bf16`` from now on. Weights and everything that is kept are float32 in both."""
        self.precision = precision
        for optimizer in self.optimizers:
            if isinstance(optimizer, Muon):
                optimizer.dtype = torch.bfloat16 if precision == "bf16" else torch.float32

    def begin_with(self, weights: Mapping[str, Any], where: object = None) -> None:
        """Start the model and its average from these weights.

        Raises:
            CheckpointError: they do not fit.
        """
        self.model.load_weights(weights, where)
        self.average.model.load_weights(weights, where)

    def step(self, x: NDArray[np.int64], y: NDArray[np.int64], factor: float, number: int) -> StepResult:
        """Learn from one window.

        Args:
            x: inputs, (T, B).
            y: targets, the inputs one token on, (T, B).
            factor: what every learning rate is multiplied by, from the schedule.
            number: steps taken before this one.

        Raises:
            TrainingError: loss or gradient is not finite; then no weight was touched. (On a GPU this is found when
                the result is read, which is before anything is saved.)
        """
        objective, nll, hidden = self.loss(x, y)
        self.model.zero_grad()
        objective.backward()  # type: ignore[no-untyped-call]
        norm = clip_gradients(self.model.parameters(), self.config.optimizer.clip)
        result = StepResult(number + 1, nll.detach(), norm)
        if not self.runs_ahead:
            result.read()
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = optimizer.defaults["lr"] * factor
            optimizer.step()
        self.average.update(number)
        self.hidden = hidden.detach()  # the state goes on, gradients stop here
        return result

    def loss(self, x: NDArray[np.int64], y: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
        """What is minimised on one window (T, B), the cross-entropy in it (nats a token), and the state after it."""
        inputs, targets = (self._to_device(a) for a in (x, y))
        with autocast(self.device, self.precision):
            prediction = self.model.predict(inputs, targets, self.hidden, self.dropout)
        losses = [
            torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten())
            for logits in (prediction.logits, *prediction.beside)
        ]
        c = self.config.optimizer
        alpha, beta = c.activation_regularization, c.temporal_activation_regularization
        penalty = activation_penalty(prediction.raw, prediction.dropped, alpha, beta)
        return torch.stack(losses).mean() + penalty, losses[0], prediction.state

    @property
    def runs_ahead(self) -> bool:
        """Whether steps are queued on a GPU, which reading a result would wait for."""
        return self.device.type == "cuda"

    def _to_device(self, tokens: NDArray[np.int64]) -> Tensor:
        ids = torch.from_numpy(tokens)
        return ids.pin_memory().to(self.device, non_blocking=True) if self.runs_ahead else ids.to(self.device)

    def tensors(self) -> dict[str, Tensor]:
        """Everything that a step changes, by name, on the CPU."""
        return {
            **pack("weights", dict(self.model.named_parameters())),
            **pack("average", dict(self.average.model.named_parameters())),
            **pack("averaging", self.average.values()),
            **pack_optimizers(self.optimizers),
            "hidden": self.hidden.cpu().contiguous(),
            "dropout": self.dropout.get_state(),
        }

    def restore(
        self, tensors: Mapping[str, Tensor], where: object, *, dropout_too: bool = True, stepped: bool | None = None
    ) -> None:
        """Put back what ``tensors`` gave.

        Args:
            tensors: by name.
            where: they are from, for errors.
            dropout_too: whether the state of dropout's random numbers is from such a device; each kind has its own.
            stepped: whether a step had been taken, so that optimizers have moments; None: whatever the tensors say.

        Raises:
            CheckpointError: a tensor has another name, shape or type than the configuration says; nothing was changed.
            RuntimeError: the state of dropout's random numbers is none.
        """
        weights = {name: Expected.like(p) for name, p in self.model.named_parameters()}
        expected = {
            **{f"{kind}/{name}": like for kind in ("weights", "average") for name, like in weights.items()},
            **{f"averaging/{name}": like for name, like in _any_length(self.average.values()).items()},
            "hidden": Expected(tuple(self.hidden.shape), (torch.float32, torch.bfloat16)),
            "dropout": Expected.like(self.dropout.get_state()) if dropout_too else Expected((None,), (torch.uint8,)),
        }
        check_tensors({name: t for name, t in tensors.items() if not name.startswith("optimizer/")}, expected, where)
        unpack_optimizers(self.optimizers, tensors, where, stepped=stepped)
        self.model.load_weights(unpack("weights", tensors), where)
        self.average.model.load_weights(unpack("average", tensors), where)
        self.average.restore(unpack("averaging", tensors))
        self.hidden = tensors["hidden"].to(self.device)
        if dropout_too:
            self.dropout.set_state(tensors["dropout"])


def _any_length(values: Mapping[str, Tensor]) -> dict[str, Expected]:
    """Tensors like these, which may have become longer."""
    return {name: Expected((None,) * value.ndim, (value.dtype,)) for name, value in values.items()}
