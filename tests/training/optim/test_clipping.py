from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

import rnngen
from rnngen.model.language_model import RecurrentLM
from rnngen.options.network import ModelConfig
from rnngen.training.optim.clipping import clip_gradients
from tests.conftest import FAST
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


def test_a_clip_of_0_is_no_limit(corpus: Path) -> None:
    rnngen.train(corpus, out="run", steps=3, clip=0, optimizer="asgd", learning_rate=50, **FAST)
    rows = [json.loads(line) for line in Path("run/metrics.jsonl").read_text().splitlines()]
    steps = [row for row in rows if "grad_norm" in row]
    assert len(steps) == 3
    assert all(row["clipped_norm"] == row["grad_norm"] for row in steps)
    assert max(row["grad_norm"] for row in steps) > 1
