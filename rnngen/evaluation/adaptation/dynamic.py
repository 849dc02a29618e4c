"""Dynamic evaluation: the weights learn from the text as it is read (Krause, Kahembwe, Murray & Renals 2018).

The text is read in segments of a few tokens, by the weights θ that have learned from the segments before, with the
state carried on. Every token of a segment is scored first; then the weights take a step, with g the gradient of the
segment's mean loss, θ₀ the trained weights, η the learning rate and λ the decay:

    θ ← θ - η g / (√MS + ε m) + min(λ √MS / m, 1)·(θ₀ - θ)

where g is shortened to ‖√MS‖ if it is longer: a segment that nothing prepared for, such as a table in source code, may
have a gradient a hundred times as long as usual, which would undo what was learned before it.

MS is the mean square of the gradient of each weight over segments of the training part, and m the mean of √MS over all
weights: a weight that training moved a lot may move a lot again, and also returns faster. The table of n-grams stays as
it is: a few segments say nothing of most of its rows, and weights without a gradient would make m far too small.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from rnngen.evaluation.adaptation.settings import Dynamic
from rnngen.evaluation.blocks import ScoredBlock, TokenScores
from rnngen.model.device import token_ids
from rnngen.model.language_model import RecurrentLM

EPSILON = 0.03
"""ε: weights that training hardly moved move at most 1/ε times as fast as the mean."""
STATISTICS_SEGMENTS, STATISTICS_STEPS = 64, 64
"""Segments that the squared gradients are averaged over, evenly spread over the training part, and their length.

With four times as many segments the loss on tinyshakespeare is no better (1.2544 and 1.2533 nats per token)."""

_READ = 64  # steps per call where nothing is learned


@dataclass
class SquaredGradients:
    """The mean square of each weight's gradient.

    Attributes:
        sums: of the squares, one per parameter, in the parameter's shape.
        count: the number of gradients in it.
    """

    sums: list[Tensor]
    count: int = 0

    @classmethod
    def none(cls, model: RecurrentLM) -> SquaredGradients:
        """Of no gradient yet."""
        return cls([torch.zeros_like(p) for p in adapting_weights(model)])

    def add(self, gradients: list[Tensor]) -> None:
        """Take in one gradient."""
        torch._foreach_addcmul_(self.sums, gradients, gradients)
        self.count += 1

    def norm(self) -> float:
        """‖√MS‖ over all weights: how long a gradient usually is."""
        return math.sqrt(sum(float(s.sum(dtype=torch.float64)) for s in self.sums) / max(1, self.count))

    def scales(self, settings: Dynamic) -> tuple[list[Tensor], list[Tensor]]:
        """η / (√MS + ε m) and min(λ √MS / m, 1) of every weight."""
        roots = torch._foreach_sqrt(torch._foreach_div(self.sums, max(1, self.count)))
        mean = sum(float(r.sum(dtype=torch.float64)) for r in roots) / sum(r.numel() for r in roots)
        mean = max(mean, 1e-30)  # no gradient at all: nothing moves
        steps = [settings.learning_rate / (root + EPSILON * mean) for root in roots]
        return steps, [(root * (settings.decay / mean)).clamp_(max=1) for root in roots]


def adapting_weights(model: RecurrentLM) -> list[Tensor]:
    """The weights that learn from the text: all but the table of n-grams."""
    return [p for name, p in model.named_parameters() if name != "history.weight"]


@contextlib.contextmanager
def differentiable(model: RecurrentLM) -> Iterator[None]:
    """Let a network be differentiated: cuDNN refuses that in evaluation mode. Nothing is dropped in either mode."""
    was_training = model.training
    model.train()
    try:
        yield
    finally:
        model.train(was_training)


def statistics_segments(tokens: int) -> tuple[int, int]:
    """How many segments of a text of some tokens the statistics are averaged over, and their length."""
    steps = min(STATISTICS_STEPS, tokens - 1)
    return (min(STATISTICS_SEGMENTS, max(1, tokens // steps)), steps) if steps > 0 else (0, 0)


def squared_gradients(
    model: RecurrentLM, tokens: NDArray[np.integer[Any]], on_read: Callable[[int], object] = lambda _: None
) -> SquaredGradients:
    """The statistics of a text, which should be the one that the model was trained on.

    Args:
        model: with the trained weights.
        tokens: ids, (N,).
        on_read: called before each segment with the number of its tokens; what it raises ends the work.
    """
    statistics = SquaredGradients.none(model)
    number, steps = statistics_segments(len(tokens))
    if not number:
        return statistics
    parameters = adapting_weights(model)
    with differentiable(model):
        for begin in np.linspace(0, len(tokens) - 1 - steps, number).astype(np.int64):
            on_read(steps)
            ids = token_ids(tokens[begin : begin + steps + 1], model.device)[:, None]
            logits, _ = model(ids[:-1], model.start_state(1))
            loss = cross_entropy(logits[:, 0], ids[1:, 0])
            statistics.add(list(torch.autograd.grad(loss, parameters)))
    return statistics


def read_adapting(
    model: RecurrentLM,
    tokens: NDArray[np.integer[Any]],
    settings: Dynamic | None,
    statistics: SquaredGradients | None = None,
    *,
    on_read: Callable[[int], object] | None = None,
    on_hidden: Callable[[Tensor, NDArray[np.integer[Any]]], object] | None = None,
    keep: bool = False,
) -> Iterator[ScoredBlock]:
    """What a network that learns says of each token of a text, given all tokens before it, segment after segment.

    Args:
        model: the network, which has its weights back at the end.
        tokens: ids, (N,).
        settings: how it learns; None: it does not.
        statistics: of the training part; None: those of the segments read so far.
        on_read: called before each segment with the number of its tokens; what it raises ends the computation.
        on_hidden: is given the inputs of the softmax, (n, H), by which tokens (n,) were predicted.
        keep: leave the model with the weights that it has learned.
    """
    learner = _Learner(model, settings, statistics) if settings else None
    length = settings.segment if settings else _READ
    state = model.start_state(1)
    with contextlib.ExitStack() as after:
        if learner is not None:
            after.enter_context(differentiable(model))
            if not keep:
                after.callback(learner.restore)
        for begin in range(-1, len(tokens) - 1, length):
            text = tokens[max(0, begin) : begin + length + 1]  # the first token is read before the next is predicted
            if on_read is not None:
                on_read(len(text) - (begin >= 0))
            with torch.set_grad_enabled(learner is not None):
                hidden, state, targets = _read(model, text, state, first=begin < 0)
                logits = model.output(hidden)
                nats = cross_entropy(logits, token_ids(targets, model.device), reduction="none")
            yield ScoredBlock(begin + 1, targets, TokenScores(nats.detach().float().cpu().numpy()))
            if on_hidden is not None:
                on_hidden(hidden.detach(), targets)
            if learner is not None:
                learner.learn(nats.mean())


def _read(
    model: RecurrentLM, text: NDArray[np.integer[Any]], state: Tensor, *, first: bool
) -> tuple[Tensor, Tensor, NDArray[np.integer[Any]]]:
    """The inputs of the softmax (n, H) that predict a segment, the state before its end, and the segment (n,)."""
    state = state.detach()
    if first:
        top = model.top(state)
        if len(text) == 1:
            return top, state, text
        hidden, _, state = model.read(token_ids(text[:-1], model.device)[:, None], state)
        return torch.cat([top, hidden[:, 0]]), state, text
    hidden, _, state = model.read(token_ids(text[:-1], model.device)[:, None], state)
    return hidden[:, 0], state, text[1:]


class _Learner:
    """Takes the steps of a network's weights."""

    def __init__(self, model: RecurrentLM, settings: Dynamic, statistics: SquaredGradients | None) -> None:
        self._settings = settings
        self._parameters = adapting_weights(model)
        self._trained = [p.detach().clone() for p in self._parameters]
        self._own = None if statistics else SquaredGradients.none(model)
        if statistics:
            self._use(statistics)

    def learn(self, loss: Tensor) -> None:
        """Learn from a segment whose mean nats these are."""
        gradients = list(torch.autograd.grad(loss, self._parameters, materialize_grads=True))
        with torch.no_grad():
            if self._own is not None:
                self._own.add(gradients)
                self._use(self._own)
            norm = float(torch.stack(torch._foreach_norm(gradients)).norm())
            if norm > self._usual:
                gradients = list(torch._foreach_mul(gradients, self._usual / norm))  # two of them may be one tensor
            torch._foreach_lerp_(self._parameters, self._trained, self._decays)
            torch._foreach_addcmul_(self._parameters, gradients, self._steps, -1.0)

    def _use(self, statistics: SquaredGradients) -> None:
        self._steps, self._decays = statistics.scales(self._settings)
        self._usual = statistics.norm()

    @torch.no_grad()
    def restore(self) -> None:
        """Give the weights their trained values back."""
        torch._foreach_copy_(self._parameters, self._trained)
