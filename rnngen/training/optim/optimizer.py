"""The base class of what moves some of the parameters by their gradients, and AdamW.

``torch.optim.Optimizer`` would serve, but the first use of it imports torch's compiler, which is never used here and
takes about as long as importing torch itself. Its functional part, which computes the steps, is used.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import torch
from torch import Tensor
from torch.optim.adamw import adamw


class Optimizer(ABC):
    """Moves parameters by their gradients.

    Args:
        params: groups of parameters: each its ``params``, and the values in which it differs from the others.
        lr: the learning rate, of all groups.
        values: others that every group has, unless it has its own.

    Attributes:
        param_groups: each a dictionary of its ``params`` and of all its values.
        state: what is stored for each parameter, by name, in the order of the groups; empty before its first step.
    """

    def __init__(self, params: Iterable[Mapping[str, Any]], lr: float, **values: Any) -> None:
        self.lr = lr
        self.param_groups: list[dict[str, Any]] = [{"lr": lr, **values, **group} for group in params]
        self.state: list[dict[str, Tensor]] = [{} for group in self.param_groups for _ in group["params"]]

    @torch.no_grad()
    def step(self, factor: float = 1.0) -> None:
        """Move every parameter that has a gradient.

        Args:
            factor: what the learning rate is multiplied by.
        """
        states = iter(self.state)
        for group in self.param_groups:
            group["lr"] = self.lr * factor
            parameters = group["params"]
            pairs = zip(parameters, islice(states, len(parameters)), strict=True)
            learning = [(p, state) for p, state in pairs if p.grad is not None]
            self.move(group, [p for p, _ in learning], [state for _, state in learning])

    @abstractmethod
    def move(self, group: Mapping[str, Any], parameters: list[Tensor], states: list[dict[str, Tensor]]) -> None:
        """Move these parameters of a group; fill and update what is stored for each."""

    def tensors(self) -> dict[str, Tensor]:
        """What is stored, as ``parameter index/name``."""
        return {f"{i}/{name}": tensor for i, state in enumerate(self.state) for name, tensor in state.items()}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Store copies of what ``tensors`` returned; what the groups hold comes from the configuration.

        Names, shapes and types are those of ``Recipe.expected``, with which they have been compared.
        """
        parameters = [p for group in self.param_groups for p in group["params"]]
        for state in self.state:
            state.clear()
        for key, tensor in tensors.items():
            index, name = key.split("/")
            self.state[int(index)][name] = tensor.to(parameters[int(index)].device, copy=True)


class AdamW(Optimizer):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019), in one operation for all parameters of a group.

    Args:
        params: groups with ``params`` and ``weight_decay``.
        lr: the learning rate.
        betas: fractions of the old mean of gradients and of the old mean of their squares that are kept.
    """

    def __init__(self, params: Iterable[Mapping[str, Any]], lr: float, betas: tuple[float, float]) -> None:
        super().__init__(params, lr, betas=betas, eps=1e-8)

    def move(self, group: Mapping[str, Any], parameters: list[Tensor], states: list[dict[str, Tensor]]) -> None:
        """Move these parameters of a group."""
        for p, state in zip(parameters, states, strict=True):
            if not state:
                state["step"] = torch.zeros((), dtype=torch.float32, device=p.device)
                state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(p), torch.zeros_like(p)
        adamw(
            parameters,
            [p.grad for p in parameters if p.grad is not None],
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],
            [state["step"] for state in states],
            fused=True,
            amsgrad=False,
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=False,
        )
