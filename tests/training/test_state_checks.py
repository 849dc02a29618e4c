"""The largest size that a saved state may have leaves room for every state that training saves, and not much more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rnngen.options.config import RunConfig
from rnngen.runs.tensors import MAX_HEADER
from rnngen.training.checkpoint import format_state
from rnngen.training.guard import GOOD
from rnngen.training.learner import Learner
from rnngen.training.state_checks import MAX_BESIDES, max_file_size
from tests.conftest import FAST

V = 9


def states_of(options: dict[str, Any]) -> tuple[dict[str, torch.Tensor], int]:
    """All tensors of a state with another good state, and the largest size of the file."""
    config = RunConfig.from_flat({**FAST, "precision": "float32", **options})
    learner = Learner(config, V)
    T, B = config.train.bptt, config.train.batch_size
    tokens = np.random.default_rng(0).integers(V, size=(T + 1, B))
    learner.step(tokens[:-1], tokens[1:], 1.0, 0)
    good = {GOOD + name: tensor for name, tensor in learner.tensors().items()}
    return {**learner.tensors(), **good}, max_file_size(config.model, B, V)


@pytest.mark.parametrize("optimizer", ["muon", "asgd"])
@pytest.mark.parametrize(
    "network",
    [
        {"hidden_size": 1, "embedding_size": 1, "batch_size": 1, "bptt": 1},
        {"hidden_size": 40, "num_layers": 3, "cell": "lstm", "bidirectional": True},
        {"hidden_size": 40, "num_layers": 2, "cell": "gru", "tied": True, "embedding_size": 50},
        {"hidden_size": 8, "num_layers": 2, "batch_size": 3000, "bptt": 1},
        {"hidden_size": 1, "embedding_size": 1, "num_layers": 64, "bidirectional": True, "bptt": 1},
        {"hidden_size": 8, "history": 3, "history_rows": 5000, "bidirectional": True},
    ],
    ids=["tiny", "bidirectional", "tied", "many streams", "deepest", "n-grams"],
)
def test_the_largest_file_holds_two_states_of_any_network(optimizer: str, network: dict[str, Any]) -> None:
    tensors, most = states_of({**network, "optimizer": optimizer})
    beside = ("dropout", "averaging/losses")
    of_network = sum(t.nbytes for name, t in tensors.items() if t.ndim and not name.endswith(beside))
    content = format_state(tensors)
    assert of_network <= most - MAX_BESIDES
    assert len(content) - of_network <= MAX_BESIDES // 16
    assert int.from_bytes(content[:8], "little") < MAX_HEADER // 1.5


def test_every_optimizer_is_tried_here() -> None:
    modules = {file.stem for file in (Path(__file__).parents[2] / "rnngen/training/optim").glob("*.py")}
    assert modules - {"__init__", "average", "clipping", "optimizer", "orthogonal", "recipe", "rows"} == {
        "muon",
        "asgd",
    }


def test_the_largest_file_is_little_larger_than_a_state_in_which_every_weight_has_two_moments() -> None:
    tensors, most = states_of({"hidden_size": 1, "embedding_size": 400, "optimizer": "muon"})
    size = len(format_state(tensors))
    assert size <= most <= 1.4 * size + MAX_BESIDES
