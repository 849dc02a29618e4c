"""Scoring a text by a network, each kind in its own way."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.pieces import TextCounts
from rnngen.engine.probabilities import not_finite
from rnngen.errors import CorpusError
from rnngen.evaluation.perplexity import total_nats
from rnngen.evaluation.pseudo_perplexity import pseudo_nats
from rnngen.evaluation.scores import PseudoScore, Score, TextScore
from rnngen.model.cloze import ClozeLM
from rnngen.model.language_model import Network, RecurrentLM
from rnngen.ngram.mixture import Mixture

_SCORING: dict[type[Network], tuple[Callable[..., float], type[TextScore]]] = {
    RecurrentLM: (total_nats, Score),
    ClozeLM: (pseudo_nats, PseudoScore),
}
"""Kind of network → the function that sums its nats over a text, and the kind of score that this gives."""


def held_out_nats(model: Network, tokens: NDArray[np.integer[Any]], **how: Any) -> float:
    """-Σ ln p over a text, each token given all tokens before it or, by a bidirectional network, all others.

    Args:
        model: the network.
        tokens: token ids, (N,).
        how: see ``perplexity.total_nats`` and ``pseudo_perplexity.pseudo_nats``.
    """
    sum_nats, _ = _SCORING[type(model)]
    return sum_nats(model, tokens, **how)


def score(
    model: Network, tokens: NDArray[np.integer[Any]], counts: TextCounts, unknown: int = 0, **how: Any
) -> TextScore:
    """Score a text. See ``held_out_nats`` for ``how``.

    Raises:
        CorpusError: the text is empty.
        RnngenError: the model's logits are not finite.
    """
    if len(tokens) == 0:
        raise CorpusError("there is no text to score", expected="at least one token")
    _, kind = _SCORING[type(model)]
    nats = held_out_nats(model, tokens, **how)
    if not math.isfinite(nats):
        raise not_finite()
    return kind(nats, len(tokens), counts, unknown)


def score_mixed(
    model: RecurrentLM, mixture: Mixture, tokens: NDArray[np.integer[Any]], counts: TextCounts, unknown: int = 0
) -> Score:
    """Score a text by the network, by an n-gram model alone, and by the mixture of the two.

    Raises:
        CorpusError: the text is empty.
    """
    each = np.empty(len(tokens), np.float32)
    network = score(model, tokens, counts, unknown, each=each)
    assert isinstance(network, Score)
    ngram, mixed = (Score(float(nats.sum()), len(tokens), counts, unknown) for nats in mixture.nats(tokens, each))
    return dataclasses.replace(network, ngram=ngram, mixture=mixed)
