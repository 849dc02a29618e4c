"""Passages of a held-out text with the surprisal of every token, evenly spaced over the text."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.tokenizer import Tokenizer, pieces_of
from rnngen.engine.probabilities import not_finite
from rnngen.evaluation.scoring import held_out_nats
from rnngen.evaluation.surprisal import level_of
from rnngen.model.language_model import Network

PASSAGES = 5
LENGTH = 1200  # tokens of a passage
AROUND = 500  # tokens that are read on each side of it
_TO_LINE = 200  # a passage begins with a line if one begins within this many tokens


@dataclass(frozen=True)
class Passage:
    """A passage of a text.

    Attributes:
        at: where it begins, as a fraction of the text.
        pieces: the text of each token.
        nats: the surprisal of each token.
    """

    at: float
    pieces: list[str]
    nats: list[float]

    @property
    def coloured(self) -> list[tuple[str, int]]:
        """Each piece with its level of surprisal."""
        return [(piece, level_of(nats)) for piece, nats in zip(self.pieces, self.nats, strict=True)]

    def as_dict(self) -> dict[str, Any]:
        """For the page's script: the pieces, and their levels and tenths of a bit."""
        return {
            "pieces": self.pieces,
            "levels": "".join(str(level_of(nats)) for nats in self.nats),
            "bits": [round(10 * nats / math.log(2)) for nats in self.nats],
        }


def surprisal_passages(network: Network, tokenizer: Tokenizer, tokens: NDArray[np.integer[Any]]) -> list[Passage]:
    """Passages of a text of ids (N,), from its beginning to its end; one if the text is short.

    What comes before a passage, and after it where the network reads both ways, is read too.

    Raises:
        RnngenError: the model's logits are not finite.
    """
    count = max(1, min(PASSAGES, len(tokens) // (2 * LENGTH)))
    first = min(AROUND, len(tokens) // 2)
    last = max(first, len(tokens) - LENGTH - AROUND)
    return [_passage(network, tokenizer, tokens, int(at)) for at in np.linspace(first, last, count)]


def _passage(network: Network, tokenizer: Tokenizer, tokens: NDArray[np.integer[Any]], begin: int) -> Passage:
    read_from = max(0, begin - AROUND)
    read = np.ascontiguousarray(tokens[read_from : begin + LENGTH + AROUND])
    nats = np.empty(len(read), np.float32)
    held_out_nats(network, read, each=nats)
    if not np.isfinite(nats).all():
        raise not_finite()
    pieces = pieces_of(tokenizer, read[begin - read_from :].tolist())
    lines = (n + 1 for n, piece in enumerate(pieces[:_TO_LINE]) if piece.endswith("\n"))
    skipped = next(lines, 0) if len(pieces) > LENGTH else 0
    shown = pieces[skipped : skipped + LENGTH]
    start = begin - read_from + skipped
    return Passage((begin + skipped) / len(tokens), shown, nats[start : start + len(shown)].tolist())
