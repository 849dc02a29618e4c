from __future__ import annotations

import numpy as np
import pytest
import torch

from rnngen.options.config import RunConfig
from rnngen.training.learner import Learner
from rnngen.training.regularization import activation_penalty
from tests.conftest import FAST
from tests.rounding import gamma


@pytest.mark.parametrize(("alpha", "beta"), [(2.0, 1.0), (0.5, 0.0), (0.0, 3.0), (0.0, 0.0)])
def test_penalties_equal_plain_loops(alpha: float, beta: float) -> None:
    T, B, H = 6, 3, 4
    raw, dropped = torch.randn(2, T, B, H, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    small = sum(float(dropped[t, b, i]) ** 2 for t in range(T) for b in range(B) for i in range(H)) / (T * B * H)
    slow = sum(
        float(raw[t + 1, b, i] - raw[t, b, i]) ** 2 for t in range(T - 1) for b in range(B) for i in range(H)
    ) / ((T - 1) * B * H)
    assert float(activation_penalty(raw, dropped, alpha, beta)) == pytest.approx(alpha * small + beta * slow)


def test_a_window_of_one_step_changes_nothing_over_time() -> None:
    one = torch.ones(1, 2, 3)
    assert float(activation_penalty(one, one, 2.0, 1.0)) == 2.0


def test_what_is_learned_is_the_penalised_loss_and_what_is_reported_is_not() -> None:
    given = {**FAST, "activation_regularization": 2.0, "temporal_activation_regularization": 1.0, "num_layers": 2}
    learner = Learner(RunConfig.from_flat({**given, "dropout": 0.5, "clip": 1e9, "learning_rate": 1e-9}), 9)
    tokens = np.random.default_rng(0).integers(9, size=(17, 4))
    start = learner.dropout.get_state()
    result = learner.step(tokens[:-1], tokens[1:], 1e-9, 0)
    generator = torch.Generator()
    generator.set_state(start)
    x, y = (torch.from_numpy(a) for a in (tokens[:-1], tokens[1:]))
    raw, dropped, _ = learner.model.read(x, learner.model.start_state(4), generator)
    nll = torch.nn.functional.cross_entropy(learner.model.output(dropped).flatten(0, 1), y.flatten())
    objective = nll + 2 * (dropped**2).mean() + ((raw[1:] - raw[:-1]) ** 2).mean()
    assert float(result.loss) == pytest.approx(
        nll.item(), rel=2 * gamma(9 + 16 * 4)
    )  # a softmax over 9, a mean over 64
    expected = torch.autograd.grad(objective, list(learner.model.parameters()))
    for parameter, gradient in zip(learner.model.parameters(), expected, strict=True):
        # the same kernels in the same order but for the means, of 16 · 4 · 16 numbers each, that make the objective
        rounding = 2 * gamma(16 * 4 * 16)
        torch.testing.assert_close(parameter.grad, gradient, rtol=rounding, atol=rounding * float(gradient.abs().max()))
