from __future__ import annotations

import pytest

from rnngen.training.gradient_norms import summarise


def test_norms_are_summarised() -> None:
    summary = summarise([0.2] * 15 + [0.4] * 6 + [3.0], clip=1.0)
    assert summary is not None
    assert (summary.median, summary.largest, summary.clipped) == (0.2, 3.0, 1 / 22)
    assert summary.advice is None
    assert summarise([], clip=1.0) is None


@pytest.mark.parametrize(
    ("norms", "said"),
    [
        ([1e-6] * 30, "vanishes"),
        ([5.0] * 20 + [0.5] * 10, "explodes: 67% of the steps"),
        ([0.1] * 29 + [50.0], "exploded at times"),
        ([5.0] * 5, None),  # too few to tell
    ],
)
def test_advice_is_given_where_gradients_vanish_or_explode(norms: list[float], said: str | None) -> None:
    summary = summarise(norms, clip=1.0)
    assert summary is not None
    assert summary.advice is None if said is None else said in str(summary.advice)
