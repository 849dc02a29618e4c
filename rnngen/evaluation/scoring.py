"""Scoring a text by a network, each kind in its own way."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.encoded import spelled_text
from rnngen.corpus.pieces import TextCounts
from rnngen.corpus.tokenizer import Tokenizer
from rnngen.engine.probabilities import not_finite
from rnngen.errors import CorpusError
from rnngen.evaluation.blocks import Analysis, ScoredBlock, sum_nats
from rnngen.evaluation.pseudo_perplexity import pseudo_blocks
from rnngen.evaluation.reading import read_blocks
from rnngen.evaluation.scores import PseudoScore, Score, TextScore
from rnngen.model.cloze import ClozeLM
from rnngen.model.language_model import Network, RecurrentLM
from rnngen.ngram.mixture import Mixture

_SCORING: dict[type[Network], tuple[Callable[..., Iterator[ScoredBlock]], type[TextScore]]] = {
    RecurrentLM: (read_blocks, Score),
    ClozeLM: (pseudo_blocks, PseudoScore),
}
"""Kind of network → the function that scores each token of a text, and the kind of score that this gives."""


def scored_blocks(model: Network, tokens: NDArray[np.integer[Any]], **how: Any) -> Iterator[ScoredBlock]:
    """What a network says of each token, given all tokens before it or, if it is bidirectional, all others.

    Args:
        model: the network.
        tokens: token ids, (N,).
        how: see ``reading.read_blocks`` and ``pseudo_perplexity.pseudo_blocks``.
    """
    read, _ = _SCORING[type(model)]
    return read(model, tokens, **how)


def held_out_nats(
    model: Network, tokens: NDArray[np.integer[Any]], *, each: NDArray[np.float32] | None = None, **how: Any
) -> float:
    """-Σ ln p over a text of N tokens; the array ``each``, (N,), receives the nats of each. See ``scored_blocks``."""
    return sum_nats(scored_blocks(model, tokens, **how), each)


class ScoringInterrupted(KeyboardInterrupt):
    """The scoring of a text was interrupted.

    Attributes:
        tokens: how many are known, from the beginning of the text.
        nats: of those.
    """

    def __init__(self, kind: type[TextScore], nats: float, tokens: int) -> None:
        super().__init__()
        self._kind, self.nats, self.tokens = kind, nats, tokens

    def score(self, tokenizer: Tokenizer, tokens: NDArray[np.integer[Any]]) -> TextScore:
        """The score of what is known.

        Args:
            tokenizer: of the run.
            tokens: of the text, (N,).
        """
        known = spelled_text(tokenizer, tokens[: self.tokens])
        return self._kind(self.nats, self.tokens, known.counts, known.unknown)


def score(
    model: Network,
    tokens: NDArray[np.integer[Any]],
    counts: TextCounts,
    unknown: int = 0,
    *,
    each: NDArray[np.float32] | None = None,
    analyses: Sequence[Analysis] = (),
    **how: Any,
) -> TextScore:
    """Score a text.

    Args:
        model: the network.
        tokens: token ids, (N,).
        counts: the length of the text.
        unknown: how many tokens are the unknown symbol.
        each: an array, (N,), that receives the nats of each token.
        analyses: are given every block.
        how: see ``scored_blocks``.

    Raises:
        CorpusError: the text is empty.
        RnngenError: the model's logits are not finite.
    """
    if len(tokens) == 0:
        raise CorpusError("there is no text to score", expected="at least one token")
    _, kind = _SCORING[type(model)]

    def tell(block: ScoredBlock) -> float:
        """Give a block to everything that wants it."""
        if not np.isfinite(block.nats).all():
            raise not_finite()
        for analysis in analyses:
            analysis.add(block)
        return sum_nats([block], each)

    detailed = any(analysis.detailed for analysis in analyses)
    nats, known = 0.0, 0
    try:
        for block in scored_blocks(model, tokens, detailed=detailed, **how):
            nats, known = nats + tell(block), block.stop
    except KeyboardInterrupt as interrupt:
        raise ScoringInterrupted(kind, nats, known) from interrupt
    return kind(nats, len(tokens), counts, unknown)


def score_mixed(
    model: RecurrentLM,
    mixture: Mixture,
    tokens: NDArray[np.integer[Any]],
    counts: TextCounts,
    unknown: int = 0,
    *,
    each: NDArray[np.float32] | None = None,
    **how: Any,
) -> Score:
    """Score a text by the network, by an n-gram model alone, and by the mixture of the two. See ``score``.

    Raises:
        CorpusError: the text is empty.
    """
    each = np.empty(len(tokens), np.float32) if each is None else each
    network = score(model, tokens, counts, unknown, each=each, **how)
    assert isinstance(network, Score)
    ngram, mixed = (Score(float(nats.sum()), len(tokens), counts, unknown) for nats in mixture.nats(tokens, each))
    return dataclasses.replace(network, ngram=ngram, mixture=mixed)
