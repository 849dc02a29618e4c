"""Exploding gradients: one network, trained twice from the same weights, with and without clipping.

Plain gradient descent with a high learning rate, so that the length of a step is that of the gradient: Adam and Muon
take steps of their own length, and would hide what a long gradient does. The margin is wide: with other seeds and other
arithmetic, too, the loss rises far above that of a guess without clipping, and falls with it.
"""

from __future__ import annotations

from typing import Any

from rnngen.demos.conditions import SAME

CLIP = 0.25

_SAME: dict[str, Any] = {
    **SAME,
    "cell": "rnn",
    "nonlinearity": "tanh",
    "hidden_size": 128,
    "embedding_size": 32,
    "bptt": 64,
    "steps": 200,
    "optimizer": "asgd",
    "learning_rate": 10.0,
    "decay": "none",
    "weight_decay": 0.0,
    "valid_every": 50,
    "valid_tokens": 10_000,
    "patience": 0,
    "on_spike": "ignore",  # otherwise it would go back to good weights, and save the run as well
}

NETWORKS: dict[str, dict[str, Any]] = {"clipped": {**_SAME, "clip": CLIP}, "unclipped": {**_SAME, "clip": 0.0}}
"""Options of each network, by the name of its folder."""
