"""Whether a model was trained on a text: how much of it occurs in the training text, token for token."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.encoded import EncodedText
from rnngen.corpus.known_documents import number_known

PIECE = 100  # tokens: long enough not to occur in both texts by chance
MAX_PIECES = 20
_CHUNK = 1 << 22  # tokens searched at a time
WORTH_TELLING = 0.1  # share of the documents or pieces from which the user is told


def overlap(text: EncodedText, training: NDArray[np.integer[Any]], boundary: int | None, labels: range) -> str | None:
    """How much of a text occurs in the training text, in words; None: too little to tell.

    Args:
        text: any text in the tokens of the training text.
        training: ids of the training text, (M,).
        boundary: the token after each document of both; None: they are streams, of which pieces are looked up.
        labels: ids of the labels that a document may begin with, which do not matter.
    """
    if boundary is None:
        share = learned_share(text.tokens, training)
        return f"about {share:.0%} of the pieces" if share >= WORTH_TELLING else None
    known, documents = number_known(text.tokens, training, boundary, labels), text.counts.documents
    return f"{known:,} of the {documents:,} documents" if known >= WORTH_TELLING * max(1, documents) else None


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
