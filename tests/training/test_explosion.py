from __future__ import annotations

from typing import Any

import pytest

from rnngen.options.config import RunConfig
from rnngen.training.explosion import explosion_advice


@pytest.mark.parametrize(
    ("options", "precision", "said"),
    [
        ({}, "float32", "lower rates: `learning_rate=0.0025` `muon_learning_rate=0.005`."),
        ({"optimizer": "asgd", "learning_rate": 30.0}, "float32", "lower rates: `learning_rate=7.5`."),
        ({}, "bf16", "`precision=float32` (it is bf16), or lower rates: "),
        ({"cell": "rnn", "nonlinearity": "relu"}, "float32", "`nonlinearity=tanh` (it is relu), or `cell=lstm`, or"),
        ({"clip": 100.0}, "float32", "`clip=1` (it is 100), or lower rates: "),
        ({"clip": 0}, "float32", "`clip=1` (it is off), or lower rates: "),
        ({"cell": "rnn", "nonlinearity": "identity", "gain": 1.1}, "float32", "`gain=0.9` (it is 1.1), or `nonlin"),
        ({"cell": "rnn", "gain": 1.5}, "float32", "`gain=1` (it is 1.5), or lower rates: "),
        ({"learning_rate": 3.0, "clip": 100.0}, "float32", "`clip=1` (it is 100) and `learning_rate=0.01` (it is 3)."),
        ({"muon_learning_rate": 3.0}, "float32", "`muon_learning_rate=0.02` (it is 3)."),
    ],
    ids=str,
)
def test_what_is_unusual_is_to_be_changed_first_and_otherwise_the_rates(
    options: dict[str, Any], precision: str, said: str
) -> None:
    assert explosion_advice(RunConfig.from_flat(options), precision).startswith(f"Begin a new run with {said}")


def test_before_the_first_step_neither_rates_nor_clipping_are_to_be_changed() -> None:
    options = {"cell": "rnn", "nonlinearity": "identity", "gain": 1.1, "clip": 0, "learning_rate": 3.0}
    said = explosion_advice(RunConfig.from_flat(options), "float32", has_learned=False)
    assert (
        "Begin a new run with `gain=0.9` (it is 1.1), or `nonlinearity=tanh` (it is identity), or `cell=lstm`." in said
    )
    assert "rate" not in said
    assert "clip" not in said
    given = explosion_advice(RunConfig.from_flat(options), "float32", network_is_given=True, has_learned=False)
    assert given.endswith("Begin with other weights.")


def test_a_network_that_was_given_is_not_to_be_changed() -> None:
    config = RunConfig.from_flat({"cell": "rnn", "nonlinearity": "relu"})
    assert "nonlinearity" not in explosion_advice(config, "float32", network_is_given=True)
