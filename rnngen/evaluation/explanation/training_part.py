"""What an explanation needs of the text that a run was trained on, which may be gone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.encoded import TokenArray
from rnngen.errors import RnngenError
from rnngen.runs.own_text import own_part
from rnngen.runs.run import Run

_COUNTED = 1 << 22  # tokens counted at a time


def training_part(run: Run) -> TokenArray | None:
    """The training part, (N,), in the run's tokens; None: it is gone, or has changed."""
    try:
        return own_part(run, "train").tokens
    except RnngenError:
        return None


def times_seen(train: TokenArray, vocab_size: int) -> NDArray[np.int64]:
    """How often a text has each token, (V,)."""
    seen = np.zeros(vocab_size, np.int64)
    for begin in range(0, len(train), _COUNTED):
        seen += np.bincount(train[begin : begin + _COUNTED], minlength=vocab_size)
    return seen
