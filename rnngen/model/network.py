"""What the networks have in common: parameters by name, and the prediction of a window's targets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from rnngen.errors import CheckpointError
from rnngen.options.network import ModelConfig


class Prediction(NamedTuple):
    """What a network makes of a window.

    Attributes:
        logits: of the targets, (T, B, V).
        raw: the output under the softmax, (T, B, H), or of both directions side by side, (T, B, 2·H).
        dropped: the same with dropout.
        state: what is carried to the next window, (L, S, B, H).
        beside: other logits of the same targets, (T, B, V) each: what is learned from is the mean of all losses.
    """

    logits: Tensor
    raw: Tensor
    dropped: Tensor
    state: Tensor
    beside: tuple[Tensor, ...] = ()


class Network(nn.Module, ABC):
    """A recurrent language model of tokens.

    Attributes:
        config: sizes, cell, dropout.
        vocab_size: V.
    """

    def __init__(self, config: ModelConfig, vocab_size: int) -> None:
        super().__init__()
        self.config, self.vocab_size = config, vocab_size

    @abstractmethod
    def start_state(self, batch_size: int) -> Tensor:
        """What is carried to the first window: all zero, (L, S, B, H)."""

    @abstractmethod
    def predict(
        self, inputs: Tensor, targets: Tensor, state: Tensor, dropout: torch.Generator | None = None
    ) -> Prediction:
        """Predict the targets of a window, none from itself.

        Args:
            inputs: ids, (T, B).
            targets: the inputs one token on, (T, B).
            state: what was carried here, (L, S, B, H).
            dropout: draws what is left out; without it nothing is.
        """

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return next(self.parameters()).device

    @property
    def num_parameters(self) -> int:
        """How many numbers are learned."""
        return sum(p.numel() for p in self.parameters())

    def weights(self) -> dict[str, Tensor]:
        """Copies of all parameters by name, on the CPU, tied ones once."""
        return {name: p.detach().to("cpu", copy=True).contiguous() for name, p in self.named_parameters()}

    @torch.no_grad()
    def load_weights(self, weights: Mapping[str, Any], where: object = None) -> None:
        """Take over all parameters by name.

        Args:
            weights: tensors or NumPy arrays, exactly the names of ``weights()``.
            where: what to call their source in errors.

        Raises:
            CheckpointError: a name is missing or unknown, or a shape differs.
        """
        parameters = dict(self.named_parameters())
        if odd := sorted(parameters.keys() ^ weights.keys()):
            missing = odd[0] in parameters
            raise CheckpointError(
                f"{'lacks' if missing else 'has an unknown'} tensor {odd[0]}",
                where=where,
                hint="config.json and the weights do not belong together.",
            )
        for name, parameter in parameters.items():
            given = torch.as_tensor(weights[name])
            if given.shape != parameter.shape:
                raise CheckpointError(
                    f"tensor {name} has another shape than config.json says",
                    where=where,
                    expected=tuple(parameter.shape),
                    found=tuple(given.shape),
                )
            parameter.copy_(given)
