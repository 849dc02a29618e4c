"""NT-ASGD against algorithm 1 of its paper, written out, and against ``torch.optim.ASGD``."""

from __future__ import annotations

import pytest
import torch

from rnngen.model.language_model import RecurrentLM
from rnngen.options.network import ModelConfig
from rnngen.options.training import OptimizerConfig
from rnngen.training.optim.asgd import TriggeredASGD, TriggeredAverage
from tests.rounding import gamma


def model(seed: int) -> RecurrentLM:
    return RecurrentLM(ModelConfig(hidden_size=8, embedding_size=4), 5, torch.Generator().manual_seed(seed))


def trigger_of_the_paper(losses: list[float], n: int) -> int | None:
    """Algorithm 1: the validation t (from 0) after which averaging begins: t > n and v > min of logs[0 … t-n-1]."""
    logs: list[float] = []
    for t, v in enumerate(losses):
        if t > n and v > min(logs[: t - n]):
            return t
        logs.append(v)
    return None


@pytest.mark.parametrize(
    ("losses", "n", "begins"),
    [
        ([5, 4, 3, 2, 1, 0.5], 2, None),
        ([5, 4, 3, 3.5, 3.4, 3.3, 3.2], 2, 5),  # 3 is more than two validations ago, and nothing was better since
        ([1, 2, 2, 2, 2, 2, 2], 5, 6),
        ([1, 2, 2, 2, 2, 2], 5, None),  # too few
        ([3, 3, 3, 3], 1, None),  # no worse either
        ([1, 9], 1, None),
        ([1, 9, 9], 1, 2),
    ],
    ids=str,
)
def test_averaging_begins_when_the_paper_says(losses: list[float], n: int, begins: int | None) -> None:
    assert trigger_of_the_paper(losses, n) == begins
    average = TriggeredAverage(model(0), model(1), n)
    began = []
    for nll in losses:
        average.validated(nll)
        began.append(average.count is not None)
    assert began == [begins is not None and t >= begins for t in range(len(losses))]


def test_the_average_is_the_model_before_and_the_mean_since_the_trigger_after() -> None:
    m = model(0)
    average = TriggeredAverage(m, model(1), 1)
    weights, averages = [], []
    for step in range(12):
        with torch.no_grad():
            m.output.weight.mul_(0.9).add_(step)
        average.update(step)
        weights.append(m.output.weight.detach().clone())
        averages.append(average.model.output.weight.clone())
        if step in (1, 3, 5):
            average.validated({1: 1.0, 3: 2.0, 5: 3.0}[step])  # begins at the third
    for step in range(12):
        expected = weights[step] if step <= 5 else torch.stack(weights[6 : step + 1]).mean(0)
        torch.testing.assert_close(averages[step], expected, rtol=2 * gamma(3 * 12), atol=1e-5)  # 12 steps of a mean


def test_steps_are_those_of_torchs_asgd_and_the_average_has_one_weight_more() -> None:
    """torch's mean begins with the second step; from there on the two are the same sums."""
    ours, theirs, average = model(0), model(0), None
    config = OptimizerConfig(optimizer="asgd", learning_rate=0.5, weight_decay=0.1)
    (sgd,) = TriggeredASGD.make_optimizers(ours, config)
    asgd = torch.optim.ASGD(theirs.parameters(), lr=0.5, t0=0, lambd=0.0, weight_decay=0.1)
    average = TriggeredAverage(ours, model(1), 1)
    average.count = 0
    first = None
    for step in range(6):
        generator = torch.Generator().manual_seed(step)
        for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
            a.grad = torch.randn(a.shape, generator=generator)
            b.grad = a.grad.clone()
        sgd.step()
        asgd.step()
        average.update(step)
        first = ours.output.weight.detach().clone() if step == 0 else first
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=2 * gamma(4 * 6), atol=2 * gamma(4 * 6))  # 6 steps of a few operations
    torch_mean = asgd.state[theirs.output.weight]["ax"]
    torch.testing.assert_close(
        average.model.output.weight, (first + 5 * torch_mean) / 6, rtol=2 * gamma(30), atol=2 * gamma(30)
    )


@pytest.mark.parametrize("count", [None, 0, 7])
def test_its_state_is_put_back_as_it_was(count: int | None) -> None:
    average, other = (TriggeredAverage(model(0), model(1), 2) for _ in range(2))
    average.losses, average.count = [3.0, 0.1], count
    other.restore(average.values())
    assert (other.losses, other.count) == ([3.0, 0.1], count)
