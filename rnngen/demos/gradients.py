"""Vanishing gradients: an RNN with and without a nonlinearity, and an LSTM, trained under the same conditions."""

from __future__ import annotations

from typing import Any

from rnngen.demos.conditions import SAME

_SAME: dict[str, Any] = {
    **SAME,
    "hidden_size": 128,
    "embedding_size": 64,
    "bptt": 64,
    "steps": 600,
    "optimizer": "muon",
}

NETWORKS: dict[str, dict[str, Any]] = {
    "lstm": {**_SAME, "cell": "lstm"},
    "rnn": {**_SAME, "cell": "rnn", "nonlinearity": "tanh"},
    "identity": {**_SAME, "cell": "rnn", "nonlinearity": "identity"},
}
"""Options of each network, by the name of its folder."""
