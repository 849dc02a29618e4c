"""What may not come first is left out before the filters, as docs/sampling.md says of the end of an empty document."""

from __future__ import annotations

import numpy as np
import pytest

from rnngen.sampling.options import Sampling
from rnngen.sampling.sampler import Sampler

P = np.array([0.9, 0.06, 0.03, 0.01])
"""Of each token; the first one may not come first."""

B = 3000


def first_and_second(**options: float) -> tuple[np.ndarray, np.ndarray]:
    """The shares of each token among the first and the second draws of B samples."""
    logits = np.log(np.tile(P, (B, 1))).astype(np.float32)
    sampler = Sampler(
        Sampling(**options),  # type: ignore[arg-type]
        banned=[],
        seed=1,
        samples=range(B),
        histories=[()] * B,
        not_first=[(0,)] * B,
        vocab_size=len(P),
    )
    first, second = (np.bincount(sampler.draw(logits), minlength=len(P)) / B for _ in range(2))
    return first, second


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_without_filters_the_rest_keeps_its_proportions(temperature: float) -> None:
    first, second = first_and_second(temperature=temperature)
    p = P ** (1 / temperature)
    rest = np.array([0.0, *p[1:]]) / p[1:].sum()
    np.testing.assert_allclose(first, rest, atol=5 * (0.25 / B) ** 0.5)
    np.testing.assert_allclose(second, p / p.sum(), atol=5 * (0.25 / B) ** 0.5)
    assert first[0] == 0


@pytest.mark.parametrize(
    ("filtered", "left"), [({"top_k": 2}, [1, 2]), ({"top_p": 0.7}, [1, 2]), ({"min_p": 0.4}, [1, 2])]
)
def test_filters_see_what_is_left(filtered: dict[str, float], left: list[int]) -> None:
    first, second = first_and_second(**filtered)
    assert np.flatnonzero(first).tolist() == left
    assert 0 in np.flatnonzero(second)
