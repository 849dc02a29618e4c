"""Singular values levelled by Newton-Schulz steps and by a rational step, against the decomposition itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnngen.training.optim.muon import Muon
from rnngen.training.optim.orthogonal import halley, halley_coefficients, inverse_of_positive, newton_schulz
from tests.rounding import gamma


@pytest.mark.parametrize("shape", [(16, 16), (16, 6), (6, 16)])
def test_newton_schulz_keeps_the_directions_and_levels_the_singular_values(shape: tuple[int, int]) -> None:
    matrices = torch.randn(3, *shape, generator=torch.Generator().manual_seed(0))
    u, s, v = torch.linalg.svd(matrices, full_matrices=False)
    for steps, low in ((5, 0.6), (3, 0.05)):  # more of them, and the small ones have come up as well
        new = newton_schulz(matrices, steps)
        levelled = (u.mT @ new @ v.mT).diagonal(dim1=-2, dim2=-1)  # the singular vectors are what they were
        # each step of the iteration magnifies by its slope at 0, 3.4, what products of 16 terms were rounded by
        torch.testing.assert_close(u @ torch.diag_embed(levelled) @ v, new, rtol=0, atol=3.4445**steps * gamma(5 * 16))
        assert (s[:, 0] / s[:, -1]).max() > 2.5
        assert levelled.max() < 1.3
        assert levelled.min() > low
    scaled = newton_schulz(1e4 * matrices, 3)
    torch.testing.assert_close(scaled, newton_schulz(matrices, 3), rtol=0, atol=3.4445**3 * gamma(5 * 16))


@pytest.mark.parametrize("n", [1, 5, 64, 65, 130, 257])
def test_the_inverse_is_that_of_numpy(n: int) -> None:
    x = torch.randn(2, n, n + 3, generator=torch.Generator().manual_seed(0))
    matrices = torch.eye(n) + x @ x.mT
    expected = np.linalg.inv(matrices.double().numpy())
    error = np.abs(inverse_of_positive(matrices).numpy() - expected).max()
    condition = float(torch.linalg.cond(matrices.double()).max())
    assert error <= (n + 3) * condition * gamma(1) * np.abs(expected).max()


@pytest.mark.parametrize("shape", [(48, 48), (48, 20), (20, 48), (130, 150)])
def test_the_rational_step_keeps_the_directions_and_levels_the_singular_values(shape: tuple[int, int]) -> None:
    matrices = torch.randn(3, *shape, generator=torch.Generator().manual_seed(0)).double()
    u, s, v = torch.linalg.svd(matrices, full_matrices=False)
    s = s / s.norm(dim=1, keepdim=True)  # of a Frobenius norm of 1
    a, b, c = halley_coefficients(0.01)
    expected = u @ torch.diag_embed(1.1 * s * (a + b * s**2) / (1 + c * s**2)) @ v
    found = halley(matrices.float())
    # the condition of what is inverted is at most 1 + c, about 2,200 with these coefficients
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=(1 + c) * gamma(8))
    torch.testing.assert_close(halley(1e4 * matrices.float()), found, rtol=0, atol=(1 + c) * gamma(8))


def test_the_rational_function_differs_least_from_a_constant() -> None:
    for lowest in (0.001, 0.01, 0.1):
        a, b, c = halley_coefficients(lowest)
        s = np.geomspace(lowest, 1, 10_001)
        values = s * (a + b * s**2) / (1 + c * s**2)
        assert values.max() == pytest.approx(1, abs=1e-6)
        assert values.min() == pytest.approx(values[0], abs=1e-6)  # as low at the end as between
    assert values[0] > 0.8


def test_muon_takes_it_on_a_processor_in_float32() -> None:
    matrices = torch.randn(4, 6, 9, generator=torch.Generator().manual_seed(0))
    parameter = torch.nn.Parameter(torch.zeros(6, 9))
    muon = Muon([{"params": [parameter]}], lr=0.1, rational=True)
    assert torch.equal(muon.level(matrices), halley(matrices))
    muon.dtype = torch.bfloat16
    assert torch.equal(muon.level(matrices), newton_schulz(matrices, 3, torch.bfloat16))
