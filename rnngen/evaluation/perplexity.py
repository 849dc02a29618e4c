"""Perplexity of a text: summed nats, divided once.

The text is scored as it would be by reading it token by token with the state carried from the first to the
last, every token once, the first one from the start state; ``parallel.py`` makes that fast.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnngen.corpus.pieces import TextCounts
from rnngen.errors import CorpusError
from rnngen.evaluation.parallel import ids_at, read_in_parallel
from rnngen.model.device import autocast
from rnngen.model.language_model import RecurrentLM
from rnngen.ngram.mixture import Mixture


@dataclass(frozen=True)
class Score:
    """What a model makes of a text.

    Attributes:
        nats: -Σ ln p over all tokens.
        tokens: how many were scored: all of them.
        counts: the text's characters, words and bytes.
        unknown: tokens that are the unknown symbol.
        ngram, mixture: what a run's n-gram model alone and its mixture with the network make of the same text, where
            they were asked for. All other numbers are the network's own.
        has_words: whether white space separates the words of the text (see ``words.py``); where it does not, there is
            no perplexity per word.
    """

    nats: float
    tokens: int
    counts: TextCounts
    unknown: int = 0
    ngram: Score | None = None
    mixture: Score | None = None
    has_words: bool = True

    @property
    def nats_per_token(self) -> float:
        """Mean nats a token."""
        return self.nats / self.tokens

    def as_dict(self) -> dict[str, Any]:
        """The keys of ``rnngen eval --json``, named as in lm-evaluation-harness; no word perplexity is NaN."""
        counts = self.counts
        beside = {"ngram": self.ngram, "mixture": self.mixture}
        return {
            "nats_per_token": self.nats_per_token,
            "token_perplexity": exp_or_infinity(self.nats_per_token),
            "word_perplexity": exp_or_infinity(self.nats / counts.words)
            if self.has_words and counts.words
            else math.nan,
            "byte_perplexity": exp_or_infinity(self.nats / counts.bytes),
            "bits_per_character": self.nats / counts.characters / math.log(2),
            "bits_per_byte": self.nats / counts.bytes / math.log(2),
            "tokens": self.tokens,
            "words": counts.words,
            "characters": counts.characters,
            "bytes": counts.bytes,
            "unknown": self.unknown,
            "nats": self.nats,
            **{name: other.as_dict() for name, other in beside.items() if other},
        }

    def without_words(self) -> Score:
        """The same of a text that has no words: without word perplexity."""
        ngram, mixture = (other and other.without_words() for other in (self.ngram, self.mixture))
        return dataclasses.replace(self, has_words=False, ngram=ngram, mixture=mixture)


def exp_or_infinity(x: float) -> float:
    """e^x, or infinity where that is beyond a float."""
    return math.exp(x) if x < 700 else math.inf


@torch.no_grad()
def total_nats(
    model: RecurrentLM,
    tokens: NDArray[np.integer[Any]],
    *,
    batch_size: int | None = None,
    window: int = 64,
    precision: str = "float32",
    most_rounds: int | None = None,
    each: NDArray[np.float32] | None = None,
    check: Callable[[], object] | None = None,
) -> float:
    """-Σ ln p(token | all tokens before it), over all N tokens of a text, in nats.

    Args:
        model: the network; nothing is dropped.
        tokens: ids, shape (N,).
        batch_size: streams read side by side; does not change the result beyond rounding.
        window: T, steps a call; does not change the result either.
        precision: ``float32``, or ``bf16`` for a faster, rounder number.
        most_rounds: read streams again at most so often, which bounds the time for networks that hardly forget;
            without it the result is exact.
        each: is filled with the nats of each token, (N,).
        check: called before each window; what it raises ends the work.
    """
    if len(tokens) == 0:
        return 0.0
    start = model.start_state(1)
    first = torch.nn.functional.cross_entropy(
        model.readout(start).float(), torch.tensor([int(tokens[0])], device=start.device)
    )
    if each is not None:
        each[0] = float(first)
    if len(tokens) == 1:
        return float(first)
    transitions = len(tokens) - 1
    sums = np.zeros(math.ceil(transitions / window))  # of each window

    def read(positions: NDArray[np.int64], state: Tensor) -> Tensor:
        if check is not None:
            check()
        inside = torch.from_numpy(positions < transitions).to(start.device)
        ids = ids_at(tokens, positions, start.device)
        with autocast(start.device, precision):
            logits, state = model(ids[:-1], state)
        nats = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), ids[1:].flatten(), reduction="none")
        nats = nats.view(inside.shape)
        sums[positions[0] // window] = (nats * inside).double().sum(0).cpu().numpy()
        if each is not None:
            each[1 + positions[inside.cpu().numpy()]] = nats[inside].cpu().numpy()
        return state

    read_in_parallel(read, start, transitions, window, precision, batch_size=batch_size, most_rounds=most_rounds)
    return float(first) + float(sums.sum())


def score(
    model: RecurrentLM, tokens: NDArray[np.integer[Any]], counts: TextCounts, unknown: int = 0, **how: Any
) -> Score:
    """Score a text. See ``total_nats`` for ``how``.

    Raises:
        CorpusError: there is no text.
    """
    if len(tokens) == 0:
        raise CorpusError("there is no text to score", expected="at least one token")
    return Score(total_nats(model, tokens, **how), len(tokens), counts, unknown)


def score_mixed(
    model: RecurrentLM, mixture: Mixture, tokens: NDArray[np.integer[Any]], counts: TextCounts, unknown: int = 0
) -> Score:
    """Score a text by the network, and beside it by an n-gram model alone and by the mixture of the two.

    Raises:
        CorpusError: there is no text.
    """
    each = np.empty(len(tokens), np.float32)
    network = score(model, tokens, counts, unknown, each=each)
    ngram, mixed = (Score(float(nats.sum()), len(tokens), counts, unknown) for nats in mixture.nats(tokens, each))
    return dataclasses.replace(network, ngram=ngram, mixture=mixed)
