"""Penalties on the last layer's output, which should stay small and change slowly (Merity et al. 2017, 2018).

    AR   α · mean of (m * h^t)²           m: dropout mask
    TAR  β · mean of (h^{t+1} - h^t)²     without dropout

The means are taken over units, streams and steps, as in the authors' code.
"""

from __future__ import annotations

from torch import Tensor


def activation_penalty(raw: Tensor, dropped: Tensor, alpha: float, beta: float) -> Tensor | float:
    """AR + TAR of one window.

    Args:
        raw: the last layer's output, (T, B, H).
        dropped: the same with dropout.
        alpha: weight of AR.
        beta: weight of TAR, which is 0 in a window of one step.
    """
    penalty: Tensor | float = 0.0
    if alpha:
        penalty = penalty + alpha * dropped.float().square().mean()
    if beta and len(raw) > 1:
        penalty = penalty + beta * raw.float().diff(dim=0).square().mean()
    return penalty
