from __future__ import annotations

import torch

from rnngen.model.language_model import RecurrentLM
from rnngen.options.network import ModelConfig
from rnngen.training.optim.average import WeightAverage
from tests.rounding import gamma


def model(seed: int = 0) -> RecurrentLM:
    return RecurrentLM(ModelConfig(hidden_size=8, embedding_size=4), 5, torch.Generator().manual_seed(seed))


def test_the_average_is_the_exponential_one() -> None:
    m, averaged = model(1), model(2)
    average = WeightAverage(m, averaged, 0.5)
    expected = averaged.output.weight.clone()
    for step in range(5):
        with torch.no_grad():
            m.output.weight.add_(1)
        average.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * m.output.weight
    torch.testing.assert_close(average.model.output.weight, expected, rtol=gamma(20), atol=5 * gamma(20))


def test_without_decay_the_average_is_the_model() -> None:
    m, averaged = model(1), model(2)
    WeightAverage(m, averaged, 0.0).update(0)
    for a, b in zip(m.parameters(), averaged.parameters(), strict=True):
        assert torch.equal(a, b)
