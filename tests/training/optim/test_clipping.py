from __future__ import annotations

import math

import pytest
import torch

from rnngen.model.language_model import RecurrentLM
from rnngen.options.network import ModelConfig
from rnngen.training.optim.clipping import clip_gradients
from tests.rounding import gamma


def model(seed: int = 0) -> RecurrentLM:
    return RecurrentLM(ModelConfig(hidden_size=8, embedding_size=4), 5, torch.Generator().manual_seed(seed))


def with_gradients(scale: float) -> RecurrentLM:
    m = model()
    for i, p in enumerate(m.parameters()):
        p.grad = scale * torch.randn(p.shape, generator=torch.Generator().manual_seed(i))
    return m


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_clipping_follows_the_formula_of_the_global_norm(scale: float) -> None:
    m = with_gradients(scale)
    before = [p.grad.clone() for p in m.parameters()]  # type: ignore[union-attr]
    norm = math.sqrt(sum(float((g.double() ** 2).sum()) for g in before))
    rounding = gamma(m.num_parameters + 3)  # of a sum of that many squares, a root, a quotient and a product
    assert float(clip_gradients(m.parameters(), 1.0)) == pytest.approx(norm, rel=rounding)
    factor = 1.0 if norm <= 1 else 1 / norm
    for p, g in zip(m.parameters(), before, strict=True):
        torch.testing.assert_close(p.grad, g * factor, rtol=rounding, atol=0)


def test_a_norm_that_is_not_finite_is_reported_and_nothing_is_scaled() -> None:
    m = with_gradients(1.0)
    gradient = m.output.bias.grad
    assert gradient is not None
    gradient[0] = math.nan
    kept = m.output.weight.grad.clone()  # type: ignore[union-attr]
    assert clip_gradients(m.parameters(), 0.1).isnan()
    assert torch.equal(m.output.weight.grad, kept)
