"""NT-ASGD: stochastic gradient descent, averaged once validation stops improving (Merity et al. 2018, algorithm 1).

Plain steps θ ← θ - lr·∇θ are taken throughout. Averaging begins the first time that a validation loss is worse than
the best of those more than n validations ago: from then on the mean of all θ since is validated and kept.
(``torch.optim.ASGD``, to which the authors switch, leaves the first of these θ out of its mean.)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from rnngen.model.language_model import Network
from rnngen.options.training import OptimizerConfig
from rnngen.training.optim.average import WeightAverage
from rnngen.training.optim.optimizer import Optimizer
from rnngen.training.optim.recipe import Recipe


class GradientDescent(Optimizer):
    """θ ← θ - lr·(∇θ + weight_decay·θ)."""

    def move(self, group: Mapping[str, Any], parameters: list[Tensor], states: list[dict[str, Tensor]]) -> None:
        """Move these parameters of a group; nothing is stored."""
        for p in parameters:
            assert p.grad is not None
            p.add_(p.grad.add(p, alpha=group["weight_decay"]), alpha=-group["lr"])


class TriggeredAverage(WeightAverage):
    """The weights themselves until ``nonmono`` validations have brought no improvement, then their mean from there on.

    Args:
        model: the network whose weights are averaged.
        averaged: a second network, which holds the average.
        nonmono: n.
    """

    def __init__(self, model: Network, averaged: Network, nonmono: int) -> None:
        super().__init__(model, averaged, 0.0)
        self.nonmono = nonmono
        self.losses: list[float] = []  # of the validations before averaging began
        self.count: int | None = None  # of weights averaged; None: averaging has not begun

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Add the weights after a step to the average."""
        if self.count is None:
            super().update(step)
            return
        self.count += 1
        torch._foreach_lerp_(self._to, self._from, 1 / self.count)

    def validated(self, nll: float) -> None:
        """Begin averaging after this validation loss, if it is time."""
        if self.count is not None:
            return
        earlier = self.losses[: -self.nonmono]
        if earlier and nll > min(earlier):
            self.count = 0
        self.losses.append(nll)

    def values(self) -> dict[str, Tensor]:
        """The state of the trigger and of the mean, besides the averaged weights."""
        return {
            "losses": torch.tensor(self.losses, dtype=torch.float64),
            "count": torch.tensor(-1 if self.count is None else self.count),
        }

    def restore(self, values: Mapping[str, Tensor]) -> None:
        """Restore the state that ``values`` returned."""
        self.losses = values["losses"].tolist()
        count = int(values["count"])
        self.count = None if count < 0 else count


class TriggeredASGD(Recipe):
    """Plain gradient descent for all parameters, with an average that validation triggers.

    ``weight_decay`` times the weight is added to its gradient after clipping, as in Merity et al. (2018), so its scale
    is not that of a decoupled weight decay. The trigger counts epochs by validations.
    """

    learning_rates = ("learning_rate",)
    planned_rates = ()
    plans_weight_decay = False
    learns_ngrams = False
    validates_every_epoch = True
    moments = ((),)

    @staticmethod
    def make_optimizers(model: Network, config: OptimizerConfig) -> list[Optimizer]:
        """One optimizer for everything."""
        groups = [{"params": list(model.parameters())}]
        return [GradientDescent(groups, lr=config.learning_rate, weight_decay=config.weight_decay)]

    @staticmethod
    def make_average(model: Network, averaged: Network, config: OptimizerConfig) -> WeightAverage:
        """The mean of the weights from the trigger on."""
        return TriggeredAverage(model, averaged, config.nonmono)


RECIPE = TriggeredASGD
