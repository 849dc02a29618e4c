"""Scoring a text by a network, each kind in its own way."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.encoded import EncodedText, spelled_text
from rnngen.corpus.pieces import TextCounts
from rnngen.corpus.tokenizer import Tokenizer
from rnngen.engine.probabilities import not_finite
from rnngen.errors import CorpusError
from rnngen.evaluation.blocks import Analysis, ScoredBlock, sum_nats
from rnngen.evaluation.pseudo_perplexity import pseudo_blocks
from rnngen.evaluation.reading import read_blocks
from rnngen.evaluation.scores import PseudoScore, Score, TextScore
from rnngen.evaluation.words import words_are_separated
from rnngen.model.cloze import ClozeLM
from rnngen.model.device import without_tf32
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
        is_between_blocks: whether every analysis was given all of those, and nothing else.
    """

    def __init__(self, kind: type[TextScore], nats: float, tokens: int, *, is_between_blocks: bool = True) -> None:
        super().__init__()
        self._kind, self.nats, self.tokens, self.is_between_blocks = kind, nats, tokens, is_between_blocks

    def score(self, tokenizer: Tokenizer, text: EncodedText) -> TextScore:
        """The score of what is known.

        Args:
            tokenizer: of the run.
            text: that was scored.
        """
        if self.tokens < len(text.tokens):
            text = spelled_text(tokenizer, text.tokens[: self.tokens], text.unknown_characters)
        return labelled(self._kind(self.nats, self.tokens, counts_of(tokenizer, text), text.unknown), tokenizer, text)


def counts_of(tokenizer: Tokenizer, text: EncodedText) -> TextCounts:
    """The length of a text as a model reads it."""
    return tokenizer.counts_of(text.tokens, text.counts)


S = TypeVar("S", bound=TextScore)


def labelled(score: S, tokenizer: Tokenizer, text: EncodedText) -> S:
    """A score that says what its tokens are, and that has word perplexity only if white space separates words."""
    score = dataclasses.replace(score, is_closed=tokenizer.is_closed)
    return score if words_are_separated(tokenizer, text) else score.without_words()


@without_tf32()
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
    nats, known, is_told = 0.0, 0, True
    try:
        for block in scored_blocks(model, tokens, detailed=detailed, **how):
            is_told = False
            nats, known = nats + tell(block), block.stop
            is_told = True
    except KeyboardInterrupt as interrupt:
        raise ScoringInterrupted(kind, nats, known, is_between_blocks=is_told) from interrupt
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
        ScoringInterrupted: SIGINT came; the network's own score may be complete by then.
    """
    each = np.empty(len(tokens), np.float32) if each is None else each
    network = score(model, tokens, counts, unknown, each=each, **how)
    assert isinstance(network, Score)
    try:
        both = mixture.nats(tokens, each)
    except KeyboardInterrupt as interrupt:
        raise ScoringInterrupted(Score, network.nats, len(tokens)) from interrupt
    ngram, mixed = (Score(float(nats.sum()), len(tokens), counts, unknown) for nats in both)
    return dataclasses.replace(network, ngram=ngram, mixture=mixed)
