"""For a table of which a step reads a few rows: RMSprop (Tieleman & Hinton 2012) that leaves the others alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from rnngen.training.optim.optimizer import Optimizer


class RowRMSprop(Optimizer):
    """Moves the rows that a gradient has by it, divided by the root of its mean square; all rows decay.

    What a step costs depends on the rows that were read, not on those that there are, except for the decay. Nothing
    is corrected for the mean square being 0 at first, and it does not change while a row is not read: so the first
    steps of a row are up to 1 / sqrt(1 - beta) learning rates long, and it learns from its first few occurrences.

    Args:
        params: groups with ``params``, tables (R, E), whose gradients are sparse.
        lr: the learning rate.
        weight_decay: fraction of a weight that a step of length 1 subtracts, as in AdamW.
        beta: fraction of the old mean square that is kept.
    """

    def __init__(
        self, params: Iterable[Mapping[str, Any]], lr: float, weight_decay: float = 0.0, beta: float = 0.99
    ) -> None:
        super().__init__(params, lr, weight_decay=weight_decay, beta=beta, eps=1e-8)

    def move(self, group: Mapping[str, Any], parameters: list[Tensor], states: list[dict[str, Tensor]]) -> None:
        """Move these parameters of a group."""
        for table, state in zip(parameters, states, strict=True):
            assert table.grad is not None
            gradient = table.grad.coalesce()
            rows, values = gradient.indices()[0], gradient.values()
            if not state:
                state["mean_square"] = torch.zeros_like(table)
            mean_square = state["mean_square"][rows].lerp_(values.square(), 1 - group["beta"])
            state["mean_square"][rows] = mean_square
            table.mul_(1 - group["lr"] * group["weight_decay"])
            table.index_add_(0, rows, values / mean_square.sqrt_().add_(group["eps"]), alpha=-group["lr"])
