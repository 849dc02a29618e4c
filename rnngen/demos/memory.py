"""Long-term dependencies: an RNN, a GRU, an LSTM and a bidirectional LSTM, trained on a text in a planted language."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rnngen.corpus.named.built import build
from rnngen.demos.conditions import SAME
from rnngen.options.planted import PlantedOptions

_SAME: dict[str, Any] = {
    **SAME,
    "hidden_size": 64,
    "embedding_size": 32,
    "bptt": 128,
    "steps": 700,
    "optimizer": "muon",
}

NETWORKS: dict[str, dict[str, Any]] = {
    "rnn": {**_SAME, "cell": "rnn", "nonlinearity": "tanh"},
    "gru": {**_SAME, "cell": "gru"},
    "lstm": {**_SAME, "cell": "lstm"},
    "bidirectional": {**_SAME, "cell": "lstm", "bidirectional": True},
}
"""Options of each network, by the name of its folder."""


def text(language: str, folder: Path, planted: PlantedOptions) -> Path:
    """The text that the networks are trained on, in their folder.

    Raises:
        UsageError: there is no such text, or another one is there.
        CorpusError: it cannot be written.
    """
    path, _ = build(language, folder / f"{language}.txt", planted)
    return path
