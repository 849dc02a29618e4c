"""The scores of many sentences, each by itself, read in parallel.

A sentence is read as the run's own text would have it: as a document from the start state, where that text consists of
documents, with the document's end scored too; otherwise as a line, from the start state after a line end, with its own
line end scored too. So the end of a sentence is part of what is likely or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy

from rnngen.corpus.tokenizer import Tokenizer
from rnngen.engine.probabilities import not_finite
from rnngen.evaluation.scoring import held_out_nats
from rnngen.model.language_model import Network, RecurrentLM

_TOKENS, _LOGITS = 1 << 14, 1 << 25  # at most that many at a time


class SentenceScore(NamedTuple):
    """The score of a sentence.

    Attributes:
        nats: -ln of its probability; of a bidirectional model, the sum over its tokens given all others.
        tokens: how many were scored.
        unknown: how many of these are the unknown symbol.
    """

    nats: float
    tokens: int
    unknown: int


def score_sentences(
    model: Network, tokenizer: Tokenizer, sentences: Sequence[str], on_scored: Callable[[int], object] | None = None
) -> list[SentenceScore]:
    """Score sentences, each by itself; those of the same tokens have the same score.

    Args:
        model: the network, on any device.
        tokenizer: its own.
        sentences: without line ends, and not empty.
        on_scored: called with the number of sentences that have been scored.

    Raises:
        TokenizerError: one contains a lone surrogate.
        RnngenError: the model's logits are not finite.
    """
    before, ids = _encoded(tokenizer, model.boundary, sentences)
    known: dict[tuple[int, ...], float] = {}
    todo = sorted({tuple(each.tolist()) for each in ids}, key=lambda each: (len(each), each))
    read = _in_parallel(model, before, todo) if isinstance(model, RecurrentLM) else _one_by_one(model, before, todo)
    for some, nats in read:
        if not np.isfinite(nats).all():
            raise not_finite()
        known |= zip(some, nats, strict=True)
        if on_scored is not None:
            on_scored(len(known) * len(sentences) // len(todo))
    unknown = tokenizer.unknown_id
    counts = [0 if unknown is None else int(np.count_nonzero(each == unknown)) for each in ids]
    return [SentenceScore(known[tuple(each.tolist())], len(each), n) for each, n in zip(ids, counts, strict=True)]


def _encoded(
    tokenizer: Tokenizer, boundary: int | None, sentences: Sequence[str]
) -> tuple[list[int], list[NDArray[np.integer[Any]]]]:
    """What is read before each sentence, and the tokens of each that are scored."""
    if boundary is not None:
        return [], [np.append(tokenizer.encode(each), boundary) for each in sentences]
    end = "" if tokenizer.unknown_in("\n") else "\n"  # a text of one line teaches no line ends
    return tokenizer.encode(end).tolist(), [tokenizer.encode(each + end) for each in sentences]


@torch.no_grad()
def _in_parallel(
    model: RecurrentLM, before: list[int], sentences: Sequence[tuple[int, ...]]
) -> Iterator[tuple[Sequence[tuple[int, ...]], list[float]]]:
    """Sentences of increasing length, as many at a time as fit."""
    at_a_time, begin = min(_TOKENS, _LOGITS // model.vocab_size), 0
    first = model.readout(model.start_state(1)).float()
    while begin < len(sentences):
        stop = begin + 1
        while stop < len(sentences) and (stop + 1 - begin) * (len(sentences[stop]) + len(before)) <= at_a_time:
            stop += 1
        some = sentences[begin:stop]
        T, B = len(before) + len(some[-1]), len(some)
        ids = torch.zeros(T, B, dtype=torch.int64)
        for column, sentence in enumerate(some):
            ids[: len(before) + len(sentence), column] = torch.tensor([*before, *sentence])
        ids = ids.to(model.device)
        logits = model(ids[:-1], model.start_state(B))[0].float() if T > 1 else first.new_zeros(0, B, first.shape[-1])
        if not before:
            logits = torch.cat([first.expand(1, B, -1), logits])
        targets = ids[-len(logits) :]
        nats = cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none").view(targets.shape)
        skipped = max(0, len(before) - 1)  # of what is read before, which is not scored
        each = nats[skipped:].double().cpu().numpy()
        yield some, [float(each[: len(sentence), column].sum()) for column, sentence in enumerate(some)]
        begin = stop


def _one_by_one(
    model: Network, before: list[int], sentences: Sequence[tuple[int, ...]]
) -> Iterator[tuple[Sequence[tuple[int, ...]], list[float]]]:
    for sentence in sentences:
        tokens = np.array([*before, *sentence], np.int64)
        each = np.empty(len(tokens), np.float32)
        held_out_nats(model, tokens, each=each)
        yield [sentence], [float(each[len(before) :].sum(dtype=np.float64))]
