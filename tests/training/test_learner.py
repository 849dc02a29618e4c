from __future__ import annotations

import numpy as np
import pytest
import torch

from rnngen.options.config import RunConfig
from rnngen.training.learner import Learner
from tests.conftest import FAST
from tests.rounding import gamma


def test_a_bidirectional_network_learns_from_the_mean_loss_of_both_readers_and_of_each_alone() -> None:
    learner = Learner(RunConfig.from_flat({**FAST, "bidirectional": True, "precision": "float32"}), 9)
    tokens = np.random.default_rng(0).integers(9, size=(17, 4))
    start = learner.dropout.get_state()
    objective, nll, _ = learner.loss(tokens[:-1], tokens[1:])
    generator = torch.Generator()
    generator.set_state(start)
    x, y = (torch.from_numpy(a) for a in (tokens[:-1], tokens[1:]))
    found = learner.model.predict(x, y, learner.model.start_state(4), generator)
    each = [
        -logits.log_softmax(-1).gather(-1, y[..., None]).mean().item() for logits in (found.logits, *found.auxiliary)
    ]
    assert len(each) == 3
    rounding = 2 * gamma(9 + 16 * 4 + 3)  # of both: a softmax over 9, a mean over 16 · 4, a mean of 3
    assert nll.item() == pytest.approx(each[0], rel=rounding)
    assert objective.item() == pytest.approx(sum(each) / 3, rel=rounding)
