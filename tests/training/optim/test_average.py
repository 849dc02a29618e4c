from __future__ import annotations

import torch

from rnngen.model.language_model import RecurrentLM
from rnngen.options.network import ModelConfig
from rnngen.training.optim.average import WeightAverage
from tests.rounding import gamma


def model(seed: int = 0) -> RecurrentLM:
    return RecurrentLM(ModelConfig(hidden_size=8, embedding_size=4), 5, torch.Generator().manual_seed(seed))


def test_the_average_is_the_exponential_one_and_later_that_of_every_fourth_step() -> None:
    m, averaged = model(1), model(2)
    average = WeightAverage(m, averaged, 0.95)
    expected = averaged.output.weight.clone()
    for step in range(200):
        with torch.no_grad():
            m.output.weight.add_(1)
        average.update(step)
        if step < 100 or step % 4 == 3:
            decay = min(0.95, (1 + step) / (10 + step)) ** (1 if step < 100 else 4)
            expected = decay * expected + (1 - decay) * m.output.weight
        torch.testing.assert_close(average.model.output.weight, expected, rtol=gamma(200), atol=200 * gamma(200))


def test_without_decay_the_average_is_the_model() -> None:
    m, averaged = model(1), model(2)
    average = WeightAverage(m, averaged, 0.0)
    for step in (0, 101, 102):
        with torch.no_grad():
            m.output.weight.add_(1)
        average.update(step)
        for a, b in zip(m.parameters(), averaged.parameters(), strict=True):
            assert torch.equal(a, b)


def test_an_average_that_begins_later_is_that_of_the_weights_since_then() -> None:
    averages = []
    for begin in (0, 1000):
        m, averaged = model(1), model(2)
        average = WeightAverage(m, averaged, 0.99)
        average.begin = begin
        for count in range(30):
            with torch.no_grad():
                m.output.weight.add_(1)
            average.update(begin + count)
        averages.append(averaged.output.weight)
    assert torch.equal(*averages)
