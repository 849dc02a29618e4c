"""NT-ASGD: stochastic gradient descent, averaged once it no longer gets better (Merity et al. 2018, algorithm 1).

Plain steps θ ← θ - lr·∇θ are taken throughout. The first time that a validation loss is worse than the best one of
those more than n validations ago, averaging begins: what is validated and used is then the mean of all θ since.
(``torch.optim.ASGD``, which the authors switch to, leaves the first of these θ out of its mean.)
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from rnngen.model.network import Network
from rnngen.training.optim.optimizer import WeightAverage


class TriggeredAverage(WeightAverage):
    """The weights themselves until ``nonmono`` validations gave no progress, then their mean from there on.

    Args:
        model: whose weights are averaged.
        averaged: a second model that holds the average.
        nonmono: n.
    """

    def __init__(self, model: Network, averaged: Network, nonmono: int) -> None:
        super().__init__(model, averaged, 0.0)
        self.nonmono = nonmono
        self.losses: list[float] = []  # of the validations before averaging began
        self.count: int | None = None  # of weights averaged; None: averaging has not begun

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after a step."""
        if self.count is None:
            super().update(step)
            return
        self.count += 1
        torch._foreach_lerp_(self._to, self._from, 1 / self.count)

    def validated(self, nll: float) -> None:
        """Begin to average after this validation loss, if it is time."""
        if self.count is not None:
            return
        earlier = self.losses[: -self.nonmono]
        if earlier and nll > min(earlier):
            self.count = 0
        self.losses.append(nll)

    def values(self) -> dict[str, Tensor]:
        """What ``validated`` and ``update`` change beside the averaged weights, for a saved state."""
        return {
            "losses": torch.tensor(self.losses, dtype=torch.float64),
            "count": torch.tensor(-1 if self.count is None else self.count),
        }

    def restore(self, values: Mapping[str, Tensor]) -> None:
        """Put back what ``values`` gave."""
        self.losses = values["losses"].tolist()
        count = int(values["count"])
        self.count = None if count < 0 else count
