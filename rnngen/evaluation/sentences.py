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
from torch import Tensor
from torch.nn.functional import cross_entropy

from rnngen.corpus.tokenizer import Tokenizer
from rnngen.engine.probabilities import not_finite
from rnngen.model.cloze import ClozeLM
from rnngen.model.device import without_tf32
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


@without_tf32()
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
    for some, nats in _in_parallel(model, before, todo):
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
    model: Network, before: list[int], sentences: Sequence[tuple[int, ...]]
) -> Iterator[tuple[Sequence[tuple[int, ...]], list[float]]]:
    """Sentences of increasing length, as many at a time as fit; of one length where the model reads from both ends."""
    at_a_time, begin = min(_TOKENS, _LOGITS // model.vocab_size), 0
    skipped = max(0, len(before) - 1)  # of what is read before, the first token is not predicted, and none is scored
    while begin < len(sentences):
        stop, longest = begin + 1, len(sentences[begin])
        while stop < len(sentences) and (isinstance(model, RecurrentLM) or len(sentences[stop]) == longest):
            if (stop + 1 - begin) * (len(sentences[stop]) + len(before)) > at_a_time:
                break
            stop += 1
        some = sentences[begin:stop]
        ids = np.zeros((len(before) + len(some[-1]), len(some)), np.int64)  # (T, B); what follows an end is not read
        for column, sentence in enumerate(some):
            ids[: len(before) + len(sentence), column] = [*before, *sentence]
        each = _nats(model, torch.from_numpy(ids).to(model.device), first_too=not before)[skipped:]
        yield some, [float(each[: len(sentence), column].sum()) for column, sentence in enumerate(some)]
        begin = stop


def _nats(model: Network, ids: Tensor, *, first_too: bool) -> NDArray[np.float64]:
    """Nats of each token of texts, (T, B), or of all but the first of each, (T - 1, B)."""
    T, B = ids.shape
    logits = [_first_logits(model, ids)[None]] if first_too else []
    if T > 1:
        logits.append(model.predict(ids[:-1], ids[1:], model.start_state(B)).logits)
    targets = ids if first_too else ids[1:]
    nats = cross_entropy(torch.cat(logits).float().flatten(0, 1), targets.flatten(), reduction="none")
    found: NDArray[np.float64] = nats.view(targets.shape).double().cpu().numpy()
    return found


def _first_logits(model: Network, ids: Tensor) -> Tensor:
    """Logits of the first token of texts (T, B): (B, V)."""
    if isinstance(model, RecurrentLM):
        return model.readout(model.start_state(ids.shape[1]))
    assert isinstance(model, ClozeLM)
    left, right = model.left_to_right, model.right_to_left
    after = right.start_state(ids.shape[1])
    if len(ids) > 1:
        after = right.read(ids[1:].flip(0), after)[2]
    return left.readout(left.start_state(ids.shape[1])).float() + right.readout(after).float()
