"""Whether a model was trained on a text: pieces of it that occur in the training text, token for token."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

PIECE = 100  # tokens: long enough not to occur in both texts by chance
MAX_PIECES = 20
_CHUNK = 1 << 22  # tokens searched at a time
WORTH_TELLING = 0.1  # share of the pieces from which the user is told


def learned_share(tokens: NDArray[np.integer[Any]], training: NDArray[np.integer[Any]]) -> float:
    """The share of up to ``MAX_PIECES`` pieces, evenly spaced in a text, that occur in the training text.

    Args:
        tokens: ids of the text, (N,). If it is shorter than a piece, the share is 0.
        training: ids of the training text, (M,), of the same tokenizer.
    """
    if len(tokens) < PIECE:
        return 0.0
    begins = np.unique(np.linspace(0, len(tokens) - PIECE, MAX_PIECES).astype(int))
    missing = {tokens[begin : begin + PIECE].astype(training.dtype).tobytes() for begin in begins}
    pieces = len(missing)
    for start in range(0, len(training), _CHUNK):
        chunk = np.asarray(training[start : start + _CHUNK + PIECE - 1]).tobytes()
        missing = {piece for piece in missing if piece not in chunk}
    return 1 - len(missing) / pieces
