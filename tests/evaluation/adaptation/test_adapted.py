"""Mixtures of everything that adapts: they are distributions, and know nothing of what comes after."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnngen.evaluation.adaptation.adapted import Adaptation
from rnngen.evaluation.adaptation.mixing import number_of_classes
from rnngen.evaluation.adaptation.settings import MIXED, RECENT_ORDER, Dynamic, Parts, Settings
from rnngen.model.language_model import RecurrentLM
from rnngen.options.network import ModelConfig

V = 5
TEXT = np.tile(np.array([0, 3, 1, 1, 4, 2, 0, 3, 2, 1], np.uint16), 5)


def settings() -> Settings:
    """Weights that differ from class to class and sum to 1."""
    rng = np.random.default_rng(0)
    classes = number_of_classes(RECENT_ORDER)
    weights = {parts.name: rng.dirichlet(np.ones(parts.models), classes) for parts in MIXED}
    return Settings(Dynamic(learning_rate=0.02, segment=7), weights=weights)


def nats(tokens: np.ndarray, parts: Parts) -> np.ndarray:
    """Of each token, (N,)."""
    config = ModelConfig(hidden_size=5, embedding_size=3)
    model = RecurrentLM(config, V, torch.Generator().manual_seed(1)).double().eval()
    return Adaptation(model, tokens, settings(), TEXT[:20].astype(np.int64)).result(parts).nats


@pytest.mark.parametrize("parts", [Parts(dynamic=True), *MIXED], ids=lambda parts: parts.name)
@pytest.mark.parametrize("t", [0, 1, 23, 49])
def test_the_probabilities_of_all_next_tokens_sum_to_1(parts: Parts, t: int) -> None:
    p = [np.exp(-nats(np.append(TEXT[:t], np.uint16(token)), parts)[-1]) for token in range(V)]
    assert sum(p) == pytest.approx(1, abs=1e-6)  # nats of the network are kept in float32
    assert max(p) - min(p) > 0.01 or t < 2


@pytest.mark.parametrize("parts", MIXED, ids=lambda parts: parts.name)
def test_what_comes_later_changes_nothing(parts: Parts) -> None:
    other = np.append(TEXT[:30], TEXT[30:][::-1])
    np.testing.assert_allclose(nats(other, parts)[:30], nats(TEXT, parts)[:30], rtol=1e-6)
