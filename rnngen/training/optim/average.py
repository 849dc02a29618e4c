"""The average of the weights, which is validated and kept instead of the weights themselves."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from rnngen.model.language_model import Network

EVERY, AT_FIRST = 4, 100
"""After 100 steps the weights of every fourth are added: those in between are much the same, and adding takes time."""


class WeightAverage:
    """An exponential moving average of a network's weights (Polyak & Juditsky 1992).

    Args:
        model: the network whose weights are averaged.
        averaged: a second network, which holds the average.
        decay: fraction of the old average that is kept per step; less in the first steps. 0: the average is always
            equal to the weights.

    Attributes:
        model: the network that holds the average.
        begin: the step from which on weights are averaged; a run that is trained further has another one.
    """

    def __init__(self, model: Network, averaged: Network, decay: float) -> None:
        self.model = averaged
        self._from: list[Tensor] = list(model.parameters())
        self._to: list[Tensor] = list(averaged.parameters())
        self._decay, self.begin = decay, 0

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Add the weights after ``step`` (counted from 0) to the average, if it is their turn."""
        count = step - self.begin
        every = EVERY if self._decay and count >= AT_FIRST else 1
        if (count + 1) % every == 0:
            decay = min(self._decay, (1 + count) / (10 + count)) if self._decay else 0.0
            torch._foreach_lerp_(self._to, self._from, 1 - decay**every)

    def validated(self, nll: float) -> None:
        """Take note of a validation loss; this average does not depend on it."""

    def values(self) -> dict[str, Tensor]:
        """The rest of the average's state, besides the averaged weights; this one has none."""
        return {}

    def restore(self, values: Mapping[str, Tensor]) -> None:
        """Restore the state that ``values`` returned."""
