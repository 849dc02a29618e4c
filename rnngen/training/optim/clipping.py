"""Clipping gradients by their global norm (Pascanu et al. 2013)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor


def clip_gradients(parameters: Iterable[Tensor], threshold: float) -> Tensor:
    """Scale all gradients by threshold/‖∇θ‖ if their global norm is above the threshold.

    Returns:
        ‖∇θ‖ before clipping, a scalar on the gradients' device, which is not waited for. If it is not finite the
        gradients are left as they are.
    """
    gradients = [gradient_values(p) for p in parameters if p.grad is not None]
    norm = torch.nn.utils.get_total_norm(gradients)
    factor = torch.where(norm.isfinite(), threshold / norm, 1.0).clamp(max=1.0)
    if norm.device.type != "cpu" or factor < 1:
        torch._foreach_mul_(gradients, factor)
    return norm


def gradient_values(parameter: Tensor) -> Tensor:
    """A parameter's gradient; of a sparse one, which is coalesced, those of its rows that it has."""
    assert parameter.grad is not None
    if parameter.grad.is_sparse:
        parameter.grad = parameter.grad.coalesce()
        return parameter.grad.values()
    return parameter.grad
