"""A matrix with its singular values levelled: with U S V^T its singular value decomposition, close to U V^T.

Two ways, which serve Muon equally well: both return U f(S) V^T, with f nearly constant for singular values above about
0.01 of the matrix's norm and falling to 0 below, where there is mostly noise. A few Newton-Schulz steps are products
only, and stand rounding to bf16. One rational step needs an inverse, so float32, but less than a third of the
arithmetic, and so less time on a processor.
"""

from __future__ import annotations

import torch
from torch import Tensor

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients of the quintic that drives all singular values towards 1 (Jordan et al. 2024)."""

_LOWEST = 0.01
"""Singular values above this are levelled."""
_LIKE_NEWTON_SCHULZ = 1.1
"""Makes the result as long as that of three Newton–Schulz steps, so that the same learning rates suit it."""
_LEAF = 64
"""Order of the matrices that LAPACK inverts; larger ones are divided into blocks, since products are faster."""


def newton_schulz(matrices: Tensor, steps: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Each matrix (…, m, n) with its singular values driven towards 1, by ``steps`` of Newton–Schulz iteration.

    The result is close to U V^T of the singular value decomposition U S V^T, up to a factor of about 0.7 to 1.2.
    """
    a, b, c = NEWTON_SCHULZ
    x = _normalised(matrices.to(dtype))
    for _ in range(steps):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return _like(x, matrices).to(matrices.dtype)


def halley(matrices: Tensor) -> Tensor:
    """Matrices (…, m, n) after one dynamically weighted Halley step (Nakatsukasa, Bai & Gygi 2010), in float32.

    f(s) = s (a + b s²) / (1 + c s²), of all such functions the one whose values on [l, 1] differ least: from 0.5 to 1
    for l = 0.01. With X the matrix, m ≤ n, it is (b/c) X + (a - b/c) (I + c X X^T)^-1 X.
    """
    a, b, c = halley_coefficients(_LOWEST)
    x = _normalised(matrices)
    identity = torch.eye(x.shape[-2], dtype=x.dtype, device=x.device)
    inverse = inverse_of_positive(torch.baddbmm(identity, x, x.mT, alpha=c))
    scale = _LIKE_NEWTON_SCHULZ
    x = torch.baddbmm(x, inverse, x, beta=scale * b / c, alpha=scale * (a - b / c))
    return _like(x, matrices)


def halley_coefficients(lowest: float) -> tuple[float, float, float]:
    """The a, b and c that suit singular values from ``lowest`` to 1 (equation 3.19 of the paper)."""
    squared = lowest * lowest
    d = (4 * (1 - squared) / squared**2) ** (1 / 3)
    root = (1 + d) ** 0.5
    a = root + 0.5 * (8 - 4 * d + 8 * (2 - squared) / (squared * root)) ** 0.5
    b = (a - 1) ** 2 / 4
    return a, b, a + b - 1


def inverse_of_positive(matrices: Tensor) -> Tensor:
    """The inverses of symmetric positive definite matrices (…, n, n), from those of their halves.

    With blocks A, B, D and S = D - B^T A^-1 B; both A and S are as well conditioned as the whole.
    """
    half = matrices.shape[-1] // 2
    if matrices.shape[-1] <= _LEAF:
        return torch.cholesky_inverse(torch.linalg.cholesky_ex(matrices)[0])
    b = matrices[..., :half, half:]
    first = inverse_of_positive(matrices[..., :half, :half])
    solved = first @ b  # A^-1 B
    last = inverse_of_positive(torch.baddbmm(matrices[..., half:, half:], b.mT, solved, alpha=-1))
    across = solved @ last
    inverse = torch.empty_like(matrices)
    inverse[..., :half, :half] = torch.baddbmm(first, across, solved.mT)
    inverse[..., :half, half:] = -across
    inverse[..., half:, :half] = -across.mT
    inverse[..., half:, half:] = last
    return inverse


def _normalised(matrices: Tensor) -> Tensor:
    """With no more rows than columns, and of Frobenius norm 1."""
    x = matrices if matrices.shape[-2] <= matrices.shape[-1] else matrices.mT
    norm: Tensor = torch.linalg.matrix_norm(x, keepdim=True)
    return x / (norm + 1e-7)


def _like(x: Tensor, matrices: Tensor) -> Tensor:
    """With as many rows as the original."""
    return x if x.shape == matrices.shape else x.mT
