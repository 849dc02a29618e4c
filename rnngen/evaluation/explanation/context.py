"""How much of the state is used: loss against the length of the context that a model is allowed to see.

For each sampled position t and each length k the state is reset, the k tokens before t are read, and token t is scored.
The same positions are scored with every length, so lengths compare by differences at the same tokens. A boundary
between documents resets the state too, so there a context may be shorter than k. A bidirectional model reads k tokens
on each side.

A reset puts a model in mid-text into a state that training has only where a text, a document or a piece that it reads
begins. What this costs cannot be told from memory, so the model may use less of its state than the curve says;
``inspect truncation`` measures the same from the side of the gradients.

An n-gram model of order n sees n - 1 tokens: its loss at the same positions stands beside that of the same length.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnngen.engine.probabilities import not_finite
from rnngen.model.device import token_ids, without_tf32
from rnngen.model.language_model import Network, RecurrentLM
from rnngen.ngram.counts import Ints
from rnngen.ngram.interpolated import NGram

LENGTHS = (1, 2, 3, 4, 5, 8, 16, 32, 64, 128, 256, 512)
POSITIONS = 1000
_READ = 1 << 15  # tokens read at a time


@dataclass(frozen=True)
class ContextLength:
    """What a model says with a context of one length.

    Attributes:
        tokens: of context, on each side if it is bidirectional.
        nats_per_token: with this context.
        more: by how many nats per token that is more than with all of the context.
        error: the standard error of ``more``, over positions.
        ngram: nats per token of an n-gram model with the same context; None: there is none.
    """

    tokens: int
    nats_per_token: float
    more: float
    error: float
    ngram: float | None = None


@dataclass(frozen=True)
class ContextCurve:
    """Loss against the length of context.

    Attributes:
        positions: how many were scored.
        whole: nats per token there with all of the context.
        lengths: the shortest first.
        both_sides: whether the model reads on both sides of a token.
    """

    positions: int
    whole: float
    lengths: tuple[ContextLength, ...]
    both_sides: bool

    @property
    def enough(self) -> int | None:
        """The shortest context from which on no more than a hundredth of the loss is missing; None: none is enough."""
        enough = None
        for each in reversed(self.lengths):
            if each.more > 0.01 * self.whole:
                break
            enough = each.tokens
        return enough

    @property
    def better(self) -> ContextLength | None:
        """The best length, if less context is better by more than a hundredth and two standard errors; else None."""
        best = min(self.lengths, key=lambda each: each.more)
        is_clear = -best.more > 2 * best.error  # which a single position has not
        return best if is_clear and -best.more > 0.01 * self.whole else None

    @property
    def as_good_as_ngram(self) -> int | None:
        """The shortest context with which it is as good as the best n-gram model; None: there is none."""
        best = min((each.ngram for each in self.lengths if each.ngram is not None), default=None)
        return next((e.tokens for e in self.lengths if best is not None and e.nats_per_token <= best), None)


def lengths_for(tokens: int, *, both_sides: bool = False) -> tuple[int, ...]:
    """The lengths that leave half of a text's positions with so much context."""
    return tuple(k for k in LENGTHS if (2 + 2 * both_sides) * k <= tokens)


def context_curve(
    whole: NDArray[np.floating],
    by_length: Sequence[tuple[int, NDArray[np.floating]]],
    ngrams: Sequence[tuple[int, float]] = (),
    *,
    both_sides: bool = False,
) -> ContextCurve:
    """The curve from the nats at each position.

    Args:
        whole: with all of the context, (P,).
        by_length: lengths, and the nats with contexts of this length, (P,).
        ngrams: lengths, and the nats per token of n-gram models with such contexts.
        both_sides: whether the model reads on both sides.
    """
    of = dict(ngrams)
    lengths = tuple(
        ContextLength(k, float(nats.mean()), float((nats - whole).mean()), _error(nats - whole), of.get(k))
        for k, nats in by_length
    )
    return ContextCurve(len(whole), float(whole.mean()), lengths, both_sides)


def _error(values: NDArray[np.floating]) -> float:
    """The standard error of a mean."""
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")


@torch.no_grad()
@without_tf32()
def nats_with_context(
    model: Network,
    tokens: Ints,
    positions: NDArray[np.int64],
    length: int,
    on_read: Callable[[int], object] = lambda _: None,
) -> NDArray[np.float64]:
    """-ln p of the tokens at some positions, given the tokens around them up to a distance, (P,).

    Args:
        model: the network.
        tokens: of the text, (N,).
        positions: each with at least ``length`` tokens before it, and after it if the model is bidirectional.
        length: of the context.
        on_read: called before some positions are read, with the number of their tokens of context.

    Raises:
        RnngenError: the model's logits are not finite.
    """
    found = np.empty(len(positions))
    at_once = max(1, _READ // length)
    for begin in range(0, len(positions), at_once):
        here = positions[begin : begin + at_once]
        on_read(len(here) * length)
        targets = token_ids(tokens[here], model.device)
        logits: Tensor | None = None
        for direction in model.directions:
            steps = np.arange(length, 0, -1) * (-1 if direction.backwards else 1)
            read = _logits_after(direction.reader, token_ids(tokens[here - steps[:, None]], model.device))
            if direction.backwards and model.boundary is not None:  # what follows the end of a document is another one
                alone = direction.reader.readout(direction.reader.start_state(len(here)))
                read = torch.where(torch.eq(targets, model.boundary)[:, None], alone, read)
            logits = read if logits is None else logits + read
        assert logits is not None
        loss = torch.nn.functional.cross_entropy(logits.float(), targets, reduction="none")
        found[begin : begin + at_once] = loss.cpu().numpy()
    if not np.isfinite(found).all():
        raise not_finite()
    return found


def _logits_after(reader: RecurrentLM, context: Tensor) -> Tensor:
    """Logits of the next token, (B, V), after contexts (T, B) read from the start state."""
    return reader.readout(reader.read(context, reader.start_state(context.shape[1]))[2])


def ngram_nats(ngram: NGram, order: int, tokens: Ints, positions: NDArray[np.int64]) -> float:
    """Nats per token of an n-gram model of order n, given n - 1 tokens before each position.

    Args:
        ngram: the model.
        order: n.
        tokens: of the text, (N,).
        positions: each with at least n - 1 tokens before it.
    """
    windows = tokens[positions[:, None] - np.arange(order)[::-1]]  # (P, n)
    p, _ = ngram.probabilities(windows.ravel())
    return float(-np.log(p[order - 1 :: order]).mean())
