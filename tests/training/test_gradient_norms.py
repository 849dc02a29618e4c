from __future__ import annotations

from typing import Any

import pytest

from rnngen.options.config import RunConfig
from rnngen.training.gradient_norms import GradientSummary, summarise


def summary_of(norms: list[float], **options: Any) -> GradientSummary:
    summary = summarise(norms, RunConfig.from_flat({"clip": 1.0, **options}))
    assert summary is not None
    return summary


def test_norms_are_summarised() -> None:
    summary = summary_of([0.2] * 15 + [0.4] * 6 + [3.0])
    assert (summary.median, summary.largest, summary.clipped) == (0.2, 3.0, 1 / 22)
    assert summary.advice is None
    assert summarise([], RunConfig()) is None


@pytest.mark.parametrize(
    ("norms", "said"),
    [
        ([1e-6] * 30, "vanishes"),
        ([50.0] * 20 + [0.5] * 10, "explodes: 67% of the steps"),
        ([0.3] * 10 + [5.0] * 30, "explodes: 75% of the steps"),  # it grew
        ([1.5] * 30, "raise it above 1.5"),  # no explosion: a low --clip
        ([0.1] * 29 + [50.0], "exploded at times"),
        ([1.2] * 5 + [0.1] * 20 + [0.001] * 300, None),  # a text that was learned by heart
        ([30.0] * 25 + [0.01] * 300, None),  # the norms that it began with
        ([5.0] * 5, None),  # too few to tell
    ],
)
def test_advice_is_given_where_gradients_vanish_or_explode(norms: list[float], said: str | None) -> None:
    summary = summary_of(norms)
    assert summary.advice is None if said is None else said in str(summary.advice)
    assert "explodes" not in str(summary_of([0.08] * 300, clip=0.05).advice)


def test_what_the_run_has_already_is_not_advised() -> None:
    large = [50.0] * 30
    assert "`cell=lstm`" in str(summary_of(large, cell="rnn").advice)
    assert "cell" not in str(summary_of(large, cell="lstm").advice)
    assert "muon_learning_rate" in str(summary_of(large).advice)
    assert "muon_learning_rate" not in str(summary_of(large, optimizer="asgd").advice)
