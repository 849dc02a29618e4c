"""One step of learning, and everything that a step changes.

Truncated back-propagation through time: the loss of a window of T tokens, given the true tokens before each (teacher
forcing), is differentiated back to the start of the window and no further; the hidden state is carried on to the next,
until a stream goes on elsewhere in the text.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnngen.errors import CheckpointError, TrainingError
from rnngen.model.device import autocast
from rnngen.model.load import make_network
from rnngen.options.clipping import threshold_of
from rnngen.options.config import RunConfig
from rnngen.training.checkpoint import pack, unpack
from rnngen.training.optim.clipping import clip_gradients
from rnngen.training.optim.recipe import recipe_named
from rnngen.training.regularization import activation_penalty
from rnngen.training.state_checks import Expected, check_tensors


class NotFiniteError(TrainingError):
    """Loss or gradient of a step is NaN or infinite.

    Attributes:
        number: of the step, counted from 1.
        loss: of the step.
        norm: of its gradient.
    """

    def __init__(self, number: int, loss: float, norm: float) -> None:
        super().__init__(
            f"the {'gradient' if math.isfinite(loss) else 'loss'} is not finite at step {number}",
            found=f"loss {loss}, gradient norm {norm}",
        )
        self.number, self.loss, self.norm = number, loss, norm


@dataclass(frozen=True)
class StepResult:
    """Loss and gradient norm of a step, as scalars on the device, so that a GPU is not waited for until they are read.

    Attributes:
        number: of the step, counted from 1.
        loss: nats per token before the step.
        grad_norm: ‖∇θ‖ before clipping.
        skipped: whether the step was not taken.
    """

    number: int
    loss: Tensor
    grad_norm: Tensor
    skipped: bool = False

    def read(self) -> tuple[float, float]:
        """Loss and gradient norm.

        Raises:
            NotFiniteError: one of them is not finite.
        """
        loss, norm = float(self.loss), float(self.grad_norm)
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise NotFiniteError(self.number, loss, norm)
        return loss, norm


class Learner:
    """A model with its optimizers, weight average, dropout generator and carried hidden state.

    Args:
        config: fully decided; its seed draws the initial weights and dropout.
        vocab_size: V.
        boundary: the token between documents; None: there is none.

    Attributes:
        model: the network that learns.
        recipe: its optimizers and the average of its weights.
        averaged: the network that holds this average: the one to validate and keep.
        hidden: the state carried to the next window, (L, S, B, H).
        precision: ``float32`` or ``bf16``.
    """

    precision: str

    def __init__(self, config: RunConfig, vocab_size: int, boundary: int | None = None) -> None:
        self.config = config
        self.device = torch.device(config.train.device)
        generator = torch.Generator().manual_seed(config.train.seed)
        self.model = make_network(config.model, vocab_size, generator, boundary).to(self.device)
        averaged = make_network(config.model, vocab_size, boundary=boundary).to(self.device).requires_grad_(False)
        self.recipe = recipe_named(config.optimizer.optimizer)(self.model, averaged, config.optimizer)
        self.averaged = self.recipe.average.model
        self.dropout = torch.Generator(self.device).manual_seed(config.train.seed)
        self.hidden = self.model.start_state(config.train.batch_size)
        self.begin_with(self.model.weights())
        self.use_precision(config.train.precision)

    def use_precision(self, precision: str) -> None:
        """Compute in ``float32`` or ``bf16`` from now on. Weights and all state are stored in float32 in both cases."""
        self.precision = precision
        self.recipe.use_precision(precision)

    def begin_with(self, weights: Mapping[str, Any], where: object = None) -> None:
        """Start the model and its average from these weights.

        Raises:
            CheckpointError: they do not fit.
        """
        self.model.load_weights(weights, where)
        self.averaged.load_weights(weights, where)

    def step(
        self,
        x: NDArray[np.int64],
        y: NDArray[np.int64],
        factor: float,
        number: int,
        accepts: Callable[[float], bool] | None = None,
    ) -> StepResult:
        """Learn from one window.

        Args:
            x: inputs, (T, B).
            y: targets, the inputs one token later, (T, B).
            factor: what every learning rate is multiplied by, from the schedule.
            number: of steps taken before this one.
            accepts: called with the loss; if it returns False, neither weights nor hidden state change.

        Raises:
            NotFiniteError: loss or gradient is not finite; then no weight was changed. (On a GPU this is discovered
                when the result is read, which is before anything is saved.)
        """
        objective, nll, hidden = self.loss(x, y)
        self.model.zero_grad()
        objective.backward()  # type: ignore[no-untyped-call]
        norm = clip_gradients(self.model.parameters(), threshold_of(self.config.optimizer.clip))
        result = StepResult(number + 1, nll.detach(), norm)
        if not self.runs_ahead or accepts:
            loss, _ = result.read()
            if accepts and not accepts(loss):
                return dataclasses.replace(result, skipped=True)
        self.recipe.step(number, factor)
        self.hidden = hidden.detach()  # the state is carried on, gradients stop here
        return result

    def begun_anew(self, hidden: Tensor, streams: NDArray[np.bool_]) -> Tensor:
        """The state (L, S, B, H) with that before the first window in the streams that are chosen, (B,)."""
        if not streams.any():
            return hidden
        return torch.where(self._to_device(streams)[:, None], self.model.start_state(len(streams)), hidden)

    def loss(self, x: NDArray[np.int64], y: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
        """The objective on one window (T, B), the cross-entropy in it (nats per token), and the state after it."""
        inputs, targets = (self._to_device(a) for a in (x, y))
        with autocast(self.device, self.precision):
            prediction = self.model.predict(inputs, targets, self.hidden, self.dropout)
        losses = [
            torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten())
            for logits in (prediction.logits, *prediction.auxiliary)
        ]
        c = self.config.optimizer
        alpha, beta = c.activation_regularization, c.temporal_activation_regularization
        penalty = activation_penalty(prediction.raw, prediction.dropped, alpha, beta)
        return torch.stack(losses).mean() + penalty, losses[0], prediction.state

    def plain_loss(self, x: NDArray[np.int64], y: NDArray[np.int64], hidden: Tensor) -> float:
        """The cross-entropy of the weights as they are on a window (T, B), without dropout, in nats per token.

        Args:
            x: inputs, (T, B).
            y: targets, (T, B).
            hidden: the state before the window, (L, S, B, H).
        """
        return float(self.plain_losses(x, y, hidden).mean())

    @torch.no_grad()
    def plain_losses(self, x: NDArray[np.int64], y: NDArray[np.int64], hidden: Tensor) -> Tensor:
        """The same for each token: (T, B)."""
        inputs, targets = (self._to_device(a) for a in (x, y))
        with autocast(self.device, self.precision):
            logits = self.model.predict(inputs, targets, hidden.to(self.device)).logits
        return torch.nn.functional.cross_entropy(
            logits.float().flatten(0, 1), targets.flatten(), reduction="none"
        ).view(targets.shape)

    @property
    def runs_ahead(self) -> bool:
        """Whether steps are queued on a GPU, so that reading a result would wait for it."""
        return self.device.type == "cuda"

    def _to_device(self, array: NDArray[Any]) -> Tensor:
        tensor = torch.from_numpy(array)
        return tensor.pin_memory().to(self.device, non_blocking=True) if self.runs_ahead else tensor.to(self.device)

    def tensors(self) -> dict[str, Tensor]:
        """Copies of everything that a step changes, by name, on the CPU."""
        return {
            **pack("weights", dict(self.model.named_parameters())),
            **self.recipe.tensors(),
            "hidden": self.hidden.to("cpu", copy=True).contiguous(),
            "dropout": self.dropout.get_state(),
        }

    def restore(
        self, tensors: Mapping[str, Tensor], where: object, *, dropout_too: bool = True, stepped: bool = False
    ) -> None:
        """Restore what ``tensors`` returned.

        Args:
            tensors: by name.
            where: they were read from, for errors.
            dropout_too: whether dropout's random state was saved on the same kind of device; each kind has its own.
            stepped: whether a step had been taken, so that there must be optimizer moments; they may be there anyway.

        Raises:
            CheckpointError: as ``check``; nothing was changed.
        """
        self.check(tensors, where, dropout_too=dropout_too, stepped=stepped)
        self.model.load_weights(unpack("weights", tensors), where)
        self.recipe.restore(tensors, where)
        self.hidden = tensors["hidden"].to(self.device)
        if dropout_too:
            self.dropout.set_state(tensors["dropout"])

    def check(self, tensors: Mapping[str, Tensor], where: object, *, dropout_too: bool, stepped: bool) -> None:
        """Compare tensors with what ``tensors`` returns; the arguments are those of ``restore``.

        Raises:
            CheckpointError: a tensor has another name, shape or type than the configuration says, or dropout's random
                state is invalid.
        """
        stepped = stepped or any(name.startswith("optimizer/") for name in tensors)
        expected = {
            **{f"weights/{name}": Expected.like(p) for name, p in self.model.named_parameters()},
            **self.recipe.expected(stepped=stepped),
            "hidden": Expected(tuple(self.hidden.shape), (torch.float32, torch.bfloat16)),
            "dropout": Expected.like(self.dropout.get_state()) if dropout_too else Expected((None,), (torch.uint8,)),
        }
        check_tensors(tensors, expected, where)
        if dropout_too:
            try:
                torch.Generator(self.device).set_state(tensors["dropout"])
            except RuntimeError as error:
                raise CheckpointError("tensor dropout is not the state of a random generator", where=where) from error
