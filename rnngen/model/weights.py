"""The weights of a network by name: counted, copied, and set if names and shapes are its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from rnngen.errors import CheckpointError


class NamedWeights(nn.Module):
    """A module whose parameters are copied and set by name."""

    @property
    def device(self) -> torch.device:
        """The device that holds the parameters."""
        return next(self.parameters()).device

    @property
    def num_parameters(self) -> int:
        """Number of trained parameters."""
        return sum(p.numel() for p in self.parameters())

    def weights(self) -> dict[str, Tensor]:
        """Copies of all parameters by name, on the CPU; tied ones appear once."""
        return {name: p.detach().to("cpu", copy=True).contiguous() for name, p in self.named_parameters()}

    @torch.no_grad()
    def load_weights(self, weights: Mapping[str, Any], where: object = None) -> None:
        """Set all parameters by name.

        Args:
            weights: tensors or NumPy arrays under exactly the names of ``weights()``.
            where: what error messages call the source of the weights.

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
