"""Vanishing gradients: an RNN with and without a nonlinearity, and an LSTM, trained under the same conditions."""

from __future__ import annotations

from typing import Any

_SAME: dict[str, Any] = {
    "hidden_size": 128,
    "embedding_size": 64,
    "batch_size": 32,
    "bptt": 64,
    "steps": 600,
    "optimizer": "muon",
    "dropout": 0.0,
    "input_dropout": 0.0,
    "weight_dropout": 0.0,
    "precision": "float32",
    "device": "cpu",
    "sample_every": 0,
}

NETWORKS: dict[str, dict[str, Any]] = {
    "lstm": {**_SAME, "cell": "lstm"},
    "rnn": {**_SAME, "cell": "rnn", "nonlinearity": "tanh"},
    "identity": {**_SAME, "cell": "rnn", "nonlinearity": "identity"},
}
"""Options of each network, by the name of its folder."""
