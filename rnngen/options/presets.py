"""Presets: the options of published models, by name.

``awd-lstm`` is the AWD-LSTM of Merity, Keskar & Socher, "Regularizing and Optimizing LSTM Language Models" (ICLR 2018,
arXiv 1708.02182), for words of the Penn Treebank; ``awd-lstm-wt2`` is the same for WikiText-2. Published test
perplexities, without fine-tuning or a cache: 58.8 and 65.6 (of the authors' code, whose commands have these values; the
paper used a batch size of 40 for the Penn Treebank). The networks have 24 and 34 million parameters.

What differs here: the text is read as a ring, and its streams never start over (``corpus/streams.py``); DropConnect
probabilities are multiples of 1/256; the mean of NT-ASGD begins one step earlier (``training/optim/asgd.py``); and
precision is chosen by measuring unless it is given.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from rnngen.options.config import LENGTH_OPTIONS, TRAINING
from rnngen.options.declare import check

AWD_LSTM: dict[str, Any] = {
    # text
    "tokenizer": "words-closed",
    "vocab_size": 10_000,
    # network: 400 → 1150 → 1150 → 400, the softmax has the embedding's matrix
    "cell": "lstm",
    "num_layers": 3,
    "hidden_size": 1150,
    "embedding_size": 400,
    "tied": True,
    "initialization": "uniform",
    "dropout": 0.4,
    "hidden_dropout": 0.25,
    "input_dropout": 0.4,
    "embedding_dropout": 0.1,
    "weight_dropout": 0.5,
    # loss
    "activation_regularization": 2.0,
    "temporal_activation_regularization": 1.0,
    # steps
    "optimizer": "asgd",
    "learning_rate": 30.0,
    "warmup": 0.0,
    "decay": "none",
    "weight_decay": 1.2e-6,
    "clip": 0.25,
    "nonmono": 5,
    "batch_size": 20,
    "bptt": 70,
    "bptt_jitter": 5.0,
    "contiguous": 0,
    # length
    "epochs": 500.0,
    "patience": 0,
}

PRESETS: dict[str, dict[str, Any]] = {
    "awd-lstm": AWD_LSTM,
    "awd-lstm-wt2": {
        **AWD_LSTM,
        "vocab_size": 33_278,
        "hidden_dropout": 0.2,
        "input_dropout": 0.65,
        "batch_size": 80,
        "epochs": 750.0,
    },
}
"""Name of a preset → its options, by flat name."""

_OVERRIDES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(LENGTH_OPTIONS, LENGTH_OPTIONS),
    "size": ("hidden_size", "embedding_size"),
    "tokenizer": ("vocab_size",),
}
"""Option → the options of a preset or a file that it overrides, besides the one of its own name."""


def without_overridden(values: Mapping[str, Any], given: Collection[str]) -> dict[str, Any]:
    """Options of a preset or a file, without those that given ones override."""
    overridden = {other for option in given for other in _OVERRIDES.get(option, ())}
    widths = {"hidden_size", "embedding_size"}
    if values.get("tied") and values.get("num_layers", 1) == 1 and widths & {*given}:
        overridden |= widths  # they are the same
    return {option: value for option, value in values.items() if option not in overridden}


def with_preset(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options without None, and with the values of their ``preset`` where they give none themselves.

    Raises:
        UsageError: there is no such preset.
    """
    given = {name: value for name, value in options.items() if value is not None}
    name = given.pop("preset", None)
    if name is None:
        return given
    check(TRAINING["preset"], name)
    return {**without_overridden(PRESETS[name], given), **given}
