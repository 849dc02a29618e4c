"""What the presets hold, against the publication's table, and what overrides what."""

from __future__ import annotations

from typing import Any

import pytest

from rnngen.errors import UsageError
from rnngen.model.language_model import RecurrentLM
from rnngen.options.config import RunConfig
from rnngen.options.given import Given
from rnngen.options.presets import PRESETS, with_preset

PENN_TREEBANK = {
    "cell": "lstm",
    "num_layers": 3,
    "hidden_size": 1150,
    "embedding_size": 400,
    "tied": True,
    "dropout": 0.4,
    "hidden_dropout": 0.25,
    "input_dropout": 0.4,
    "embedding_dropout": 0.1,
    "weight_dropout": 0.5,
    "activation_regularization": 2,
    "temporal_activation_regularization": 1,
    "optimizer": "asgd",
    "nonmono": 5,
    "learning_rate": 30,
    "clip": 0.25,
    "weight_decay": 1.2e-6,
    "warmup": 0,
    "decay": "none",
    "batch_size": 20,
    "bptt": 70,
    "bptt_jitter": 5,
    "contiguous": 0,
    "epochs": 500,
    "patience": 0,
    "tokenizer": "words-closed",
    "vocab_size": 10_000,
    "initialization": "uniform",
}
WIKITEXT_2 = {"hidden_dropout": 0.2, "input_dropout": 0.65, "batch_size": 80, "epochs": 750, "vocab_size": 33_278}


def config_of(options: dict[str, Any]) -> RunConfig:
    return RunConfig.from_flat({k: v for k, v in options.items() if k != "epochs"})


def test_presets_are_the_published_settings() -> None:
    assert {"awd-lstm": PENN_TREEBANK, "awd-lstm-wt2": {**PENN_TREEBANK, **WIKITEXT_2}} == PRESETS
    for name in PRESETS:
        Given.of({"preset": name})


@pytest.mark.parametrize(("name", "V", "millions"), [("awd-lstm", 10_000, 24.2), ("awd-lstm-wt2", 33_278, 33.6)])
def test_networks_have_the_published_number_of_parameters(name: str, V: int, millions: float) -> None:
    model = config_of(with_preset({"preset": name})).model
    layers = 4 * (1150 * (400 + 1150 + 2) + 1150 * (1150 + 1150 + 2) + 400 * (1150 + 400 + 2))
    assert layers + V * 400 + V == pytest.approx(millions * 1e6, rel=0.003)
    import torch

    with torch.device("meta"):
        network = RecurrentLM(model.changed(initialization="orthogonal"), 10)
    assert network.num_parameters == layers + 10 * 400 + 10


@pytest.mark.parametrize(
    ("given", "changes"),
    [
        ({}, {}),
        ({"dropout": 0.1, "cell": None}, {"dropout": 0.1}),
        ({"steps": 5}, {"epochs": None, "steps": 5}),
        ({"minutes": 5.0}, {"epochs": None, "minutes": 5.0}),
        ({"epochs": 2.0}, {"epochs": 2.0}),
        ({"size": "tiny"}, {"size": "tiny", "hidden_size": None, "embedding_size": None}),
        ({"tokenizer": "byte"}, {"tokenizer": "byte", "vocab_size": None}),
        ({"tokenizer": "bpe", "vocab_size": 500}, {"tokenizer": "bpe", "vocab_size": 500}),
        ({"tied": False, "seed": 3}, {"tied": False, "seed": 3}),
    ],
    ids=str,
)
def test_what_is_given_overrides_the_preset(given: dict[str, Any], changes: dict[str, Any]) -> None:
    expected = {k: v for k, v in {**PENN_TREEBANK, **changes}.items() if v is not None}
    options = with_preset({"preset": "awd-lstm", **given})
    assert options == expected
    Given.of(options)


def test_without_a_preset_options_are_as_given() -> None:
    assert with_preset({"dropout": 0.1, "preset": None}) == {"dropout": 0.1}


@pytest.mark.parametrize("name", ["awd", "", 3, ["awd-lstm"]], ids=str)
def test_an_unknown_preset_is_refused_with_those_there_are(name: object) -> None:
    with pytest.raises(UsageError, match=r"^invalid value for `preset`; expected 'awd-lstm' or 'awd-lstm-wt2'; found "):
        with_preset({"preset": name})


def test_a_preset_in_another_spelling_leads_to_the_right_one() -> None:
    with pytest.raises(UsageError, match=r"Did you mean `preset=awd-lstm-wt2`\?$"):
        with_preset({"preset": "wikitext-2"})
