"""How a gradient becomes a step: parameter groups, schedule, clipping, weight averaging."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from rnngen.config import OptimizerConfig
from rnngen.model.language_model import RecurrentLM


def make_optimizer(model: RecurrentLM, config: OptimizerConfig) -> torch.optim.AdamW:
    """AdamW (Loshchilov & Hutter 2019); matrices that are multiplied decay, embeddings and biases do not."""
    decaying: list[Tensor] = []
    others: list[Tensor] = []
    for name, parameter in model.named_parameters():
        multiplied = parameter.dim() == 2 and (name != "embedding.weight" or model.config.tied)
        (decaying if multiplied else others).append(parameter)
    groups = [
        {"params": decaying, "weight_decay": config.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.99), fused=True)


def learning_rate_factor(step: int, steps: int, config: OptimizerConfig) -> float:
    """What the learning rate is multiplied by at ``step`` of ``steps`` (counted from 0).

    Rises over the first ``warmup`` of all steps; ``linear`` then stays at 1 for the first half and falls to 0
    at the end, ``cosine`` falls all the way, ``none`` stays.
    """
    warmup = max(1, round(config.warmup * steps))
    if step < warmup:
        return (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    if config.decay == "linear":
        return min(1.0, 2 * (1 - progress))
    if config.decay == "cosine":
        return (1 + math.cos(math.pi * progress)) / 2
    return 1.0


def clip_gradients(parameters: Iterable[Tensor], threshold: float) -> float:
    """Scale all gradients by threshold/‖∇θ‖ if their global norm is above the threshold (Pascanu et al. 2013).

    Returns:
        ‖∇θ‖ before clipping. If it is not finite the gradients are left as they are.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = float(torch.nn.utils.get_total_norm(gradients))
    if math.isfinite(norm) and norm > threshold:
        torch._foreach_mul_(gradients, threshold / norm)
    return norm


class WeightAverage:
    """An exponential moving average of a model's weights (Polyak & Juditsky 1992), for validation and for use.

    Args:
        model: whose weights are averaged.
        averaged: a second model that holds the average.
        decay: share of the old average kept at each step; less during the first steps. 0 keeps no average.
    """

    def __init__(self, model: RecurrentLM, averaged: RecurrentLM, decay: float) -> None:
        self.model = averaged
        self._from: list[Tensor] = list(model.parameters())
        self._to: list[Tensor] = list(averaged.parameters())
        self._decay = decay

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after ``step`` (counted from 0)."""
        decay = min(self._decay, (1 + step) / (10 + step)) if self._decay else 0.0
        torch._foreach_lerp_(self._to, self._from, 1 - decay)
