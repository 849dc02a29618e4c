"""What an explanation needs of the text that a run was trained on, which may be gone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.encoded import EncodedText
from rnngen.errors import RnngenError
from rnngen.runs.own_text import own_part
from rnngen.runs.run import Run

_COUNTED = 1 << 22  # tokens counted at a time


def training_part(run: Run) -> EncodedText | None:
    """The training part in the run's tokens; None: it is gone, or has changed."""
    try:
        return own_part(run, "train")
    except RnngenError:
        return None


def validation_tokens(run: Run) -> NDArray[np.integer]:
    """The tokens of the validation part; none if it is empty."""
    try:
        return own_part(run, "valid").tokens
    except RnngenError:
        return np.zeros(0, np.uint16)


def times_seen(train: EncodedText, vocab_size: int) -> NDArray[np.int64]:
    """How often a text has each token, (V,)."""
    seen = np.zeros(vocab_size, np.int64)
    for begin in range(0, len(train.tokens), _COUNTED):
        seen += np.bincount(train.tokens[begin : begin + _COUNTED], minlength=vocab_size)
    return seen
