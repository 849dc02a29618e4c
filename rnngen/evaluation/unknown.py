"""The score with and without tokens that are the unknown symbol, as kenlm reports perplexity with and without OOVs.

An unknown symbol stands for anything, so its probability is not that of the character or word that was there: the score
with it is too good where the model has learned to expect it, and too bad where it has never seen it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rnngen.evaluation.blocks import ScoredBlock
from rnngen.evaluation.exponential import exp_or_infinity
from rnngen.evaluation.scores import TextScore


class UnknownSymbols:
    """An analysis that sums the nats of tokens that are the unknown symbol.

    Args:
        unknown: its id; None: every text can be encoded.
    """

    detailed = False

    def __init__(self, unknown: int | None) -> None:
        self._unknown, self._nats, self._tokens = unknown, 0.0, 0

    def add(self, block: ScoredBlock) -> None:
        """Take in the next tokens of the text."""
        if self._unknown is not None:
            unknown = block.tokens == self._unknown
            self._nats += float(block.nats[unknown].sum(dtype=np.float64))
            self._tokens += int(np.count_nonzero(unknown))

    def without(self, score: TextScore) -> dict[str, Any] | None:
        """The measures per token over all other tokens; None: there are no unknown symbols, or nothing else.

        Args:
            score: with them.
        """
        tokens = score.tokens - self._tokens
        if not self._tokens or not tokens:
            return None
        nats = score.nats - self._nats
        prefix = score.prefix.replace("-", "_")
        perplexity = "pseudo_perplexity" if prefix else "token_perplexity"
        return {"tokens": tokens, f"{prefix}nats_per_token": nats / tokens, perplexity: exp_or_infinity(nats / tokens)}
