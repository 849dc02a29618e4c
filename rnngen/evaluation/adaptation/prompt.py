"""Letting a network learn from a prompt before it continues it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnngen.errors import CorpusError
from rnngen.evaluation.adaptation.dynamic import read_adapting, squared_gradients
from rnngen.evaluation.adaptation.file import load_settings
from rnngen.evaluation.adaptation.settings import Settings
from rnngen.model.load import load_language_model
from rnngen.runs.own_text import own_part
from rnngen.runs.run import Run


def adapted_weights(run: Run, text: str, label: str | None = None) -> dict[str, NDArray[np.floating[Any]]]:
    """A run's weights, by name, after they have learned from a text by dynamic evaluation.

    The settings are those that the run was tuned to, or the defaults. Characters that the model has never seen are left
    out of the text. Where the training part cannot be read, the gradients of the text itself scale the steps.

    Args:
        run: the run.
        text: that is learned from.
        label: that it begins with, one of those that the run has learned; None or empty: it has none.

    Raises:
        CheckpointError: the run is damaged.
        UsageError: it is bidirectional.
    """
    model, settings, tokenizer = load_language_model(run), load_settings(run) or Settings(), run.tokenizer()
    tokens = tokenizer.encode(text)
    tokens = tokens[tokens != tokenizer.unknown_id]
    if label:
        tokens = np.insert(tokens, 0, tokenizer.label_ids()[tokenizer.labels.index(label)])
    try:
        statistics = squared_gradients(model, own_part(run, "train").tokens)
    except CorpusError:
        statistics = None
    for _ in read_adapting(model, tokens, settings.dynamic, statistics, keep=True):
        pass
    return {name: weight.numpy() for name, weight in model.weights().items()}
