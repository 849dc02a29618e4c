"""An upper bound on the norm of a gradient by lag: a product of largest singular values.

‖∂J^i/∂s^j‖ ≤ ‖∂J^i/∂s^i‖ · Π σ_max(∂s^t/∂s^{t-1}), where s is all that a layer carries from step to step: h, and c in
an LSTM (Pascanu, Mikolov & Bengio 2013). To a layer below others the gradient also comes down from the layer above at
every step, which adds σ_max(∂s'^t/∂h^t) times the bound there. The derivative with respect to c has two parts, one of
them through h at the same step: from lag 1 on its bound is √2 times that of s.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnngen.inspection.equations import step_layer
from rnngen.inspection.passages import Passages

CHECKED = 10  # products with each Jacobian and its transpose, after which σ_max is looked at again
EXACT = 1e-5  # relative change of it since then that is small enough, and is added to it
ITERATIONS = 100  # such products at most
ROWS = 1024  # Jacobians at a time

Bound = NDArray[np.float64]


def bounds(passages: Passages, first: Tensor) -> list[Bound]:
    """The bound on each layer's whole state, in each passage from each end: for each layer, (ends · B, lags + 1).

    Args:
        passages: that were read.
        first: ‖∂J^i/∂h^i‖ of the last layer, (ends, B).
    """
    above: Tensor | None = None
    found: list[Bound] = []
    for layer in reversed(range(len(passages.model.cells))):
        through_time = _largest_singular_values(passages, layer, from_below=False)  # (T, B)
        down = None if above is None else _largest_singular_values(passages, layer + 1, from_below=True)
        by_lag: list[Tensor] = []
        for lag in range(passages.lags + 1):
            steps = torch.tensor([end - lag for end in passages.ends])
            if not by_lag:
                bound = first if above is None else torch.zeros_like(first)
            else:
                bound = by_lag[-1] * through_time[steps + 1]
            if above is not None and down is not None:
                bound = bound + down[steps] * above[lag]
            by_lag.append(bound)
        above = torch.stack(by_lag)  # (lags + 1, ends, B)
        found.insert(0, above.flatten(1).T.double().numpy())
    return found


def _largest_singular_values(passages: Passages, layer: int, *, from_below: bool) -> Tensor:
    """σ_max(∂s^t/∂s^{t-1}) of a layer, or ∂s^t/∂x^t, x its input from below, at every step in every passage, (T, B)."""
    model, trace = passages.model, passages.trace
    cell, names = model.cells[layer], list(trace[0][layer])
    before = torch.stack([torch.cat([s[layer][n].detach() for n in names], dim=1) for s in trace[:-1]]).flatten(0, 1)
    x = (passages.inputs if layer == 0 else passages.states(layer - 1, "h")).detach().flatten(0, 1)

    def step(state: Tensor, x: Tensor) -> Tensor:
        given = dict(zip(names, state.chunk(len(names), dim=1), strict=True))
        after = step_layer(model.config, cell, x, given).states
        return torch.cat([after[name] for name in names], dim=1)

    parts = []
    for state, inputs in zip(torch.split(before, ROWS), torch.split(x, ROWS), strict=True):
        if from_below:
            parts.append(largest_singular_values(lambda given, s=state: step(s, given), inputs))  # type: ignore[misc]
        else:
            parts.append(largest_singular_values(lambda given, i=inputs: step(given, i), state))  # type: ignore[misc]
    return torch.cat(parts).view_as(passages.tokens) * passages.goes_on


def largest_singular_values(function: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
    """‖∂function/∂x‖₂ for each row, by Golub-Kahan bidiagonalisation from a fixed start, without the matrices.

    The largest singular value of the small bidiagonal matrix approaches σ_max from below; it is iterated until that
    changes by less than ``EXACT``, or ``ITERATIONS`` times, and then raised by ``EXACT``, so that what is a product of
    these values stays an upper bound. Where there are no more than ``ITERATIONS`` columns and all were needed, it is
    exact as it is.

    Args:
        function: takes rows, (R, N), to rows, each from the same row alone.
        at: where the derivative is taken, (R, N).

    Returns:
        σ_max, (R,).
    """
    v = torch.randn(at.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(at.dtype)
    v, _ = _normalised(v)
    at = at.detach().requires_grad_()
    value = function(at)
    cotangent = torch.zeros_like(value, requires_grad=True)
    (product,) = torch.autograd.grad(value, at, cotangent, create_graph=True)  # J^T u, of which J is the derivative
    size = min(ITERATIONS, at.shape[1])
    alphas: list[Tensor] = []  # the diagonal of the small matrix, of each row
    betas: list[Tensor] = []  # what stands above it
    above: Tensor | float = 0.0  # beta · u of the step before
    largest = at.new_zeros(len(at))
    for k in range(1, size + 1):
        u, alpha = _normalised(torch.autograd.grad(product, cotangent, v, retain_graph=True)[0] - above)
        alphas.append(alpha.detach())
        if k % CHECKED == 0 or k == size:
            small = torch.cat(alphas, dim=1).diag_embed()
            if betas:
                small = small + torch.cat(betas, dim=1).diag_embed(1)
            before, largest = largest, torch.linalg.svdvals(small)[:, 0]
            if (largest - before <= EXACT * largest).all():
                break
        v, beta = _normalised(torch.autograd.grad(value, at, u, retain_graph=True)[0] - alpha * v)
        betas.append(beta.detach())
        above = beta * u
    return largest if k == at.shape[1] else largest * (1 + EXACT)


def _normalised(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Rows of length 1, (R, N), and their lengths before, (R, 1); of length 0 if they were 0."""
    lengths = rows.norm(dim=1, keepdim=True)
    return rows / lengths.clamp_min(1e-300), lengths
