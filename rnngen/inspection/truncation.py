"""What truncated back-propagation through time leaves out, and what the state carried across windows is worth.

Training reads a text in windows of k tokens: the state is carried from window to window, and the gradient stops where a
window begins. Here the same weights read the same passages in windows of k = 1, 2, 4, … tokens. The loss is the same
for every k, its gradient is not: it is compared with that of a window as long as the passage, which stops nowhere
within it.

Then the passages are read from resets: tokens that lie k to 2k - 1 tokens after a reset are scored, all of them with
about the same context. How much worse that is than with the state carried on is what lies more than k tokens back is
worth, at most: a reset also puts the network into a state from which training has seldom gone on in mid-text, and
what is lost by that is no memory. Where the network then does worse than the frequencies of the tokens alone, which
need no context, so much is certainly lost by the reset itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnngen.errors import CorpusError, RnngenError
from rnngen.inspection.deviation import Deviation, Mean, deviation
from rnngen.model.language_model import Direction, Network, RecurrentLM

BURN_IN = 256  # tokens read before each passage, so that the state carried into it is that of running text
SPAN, MIN_SPAN = 256, 4  # tokens of a passage
PASSAGES = 32  # of the text, as far as they do not overlap
GROUPS = 8  # of passages, between which the gradient's noise is measured


@dataclass(frozen=True)
class Windows:
    """What windows of one length do.

    Attributes:
        bptt: k, tokens per window.
        everything: deviation of the gradient with respect to all parameters.
        recurrent: the same for the recurrent matrices W_h of all layers alone.
        reset_nats: nats per token k to 2k - 1 tokens after a reset of the state.
        worth: nats per token by which that is more than with the state carried on, for the same tokens.
        error: standard error of ``worth``, over passages.
    """

    bptt: int
    everything: Deviation
    recurrent: Deviation
    reset_nats: float
    worth: float
    error: float


@dataclass(frozen=True)
class Truncation:
    """What truncation does to a network that reads in one direction.

    Attributes:
        direction: of reading; empty if the network has only one.
        span: tokens that the untruncated gradient reaches back.
        passages: of that many tokens each.
        nats: nats per token with the state carried on.
        frequency_nats: nats per token if each is predicted by its frequency in the passages: without context.
        lengths: windows of 1, 2, 4, … tokens, the last one of ``span``.
        noise, recurrent_noise: standard deviation (the length of a vector) of the untruncated gradient over one
            token's worth of text, for all parameters and for W_h; see ``noise_of``.
    """

    direction: str
    span: int
    passages: int
    nats: float
    frequency_nats: float
    lengths: tuple[Windows, ...]
    noise: float
    recurrent_noise: float

    def noise_of(self, tokens: int, *, recurrent: bool = False) -> float:
        """The standard deviation of a gradient that is the mean over a batch of so many tokens."""
        return (self.recurrent_noise if recurrent else self.noise) / math.sqrt(tokens)


def measure_truncation(model: Network, tokens: NDArray[np.integer[Any]], span: int | None = None) -> list[Truncation]:
    """Measure what truncation does, in each direction in which a network reads.

    The gradient is that of the cross-entropy in nats per token, without dropout and regularisation. Each reader of a
    bidirectional network is measured as a language model by itself.

    Args:
        model: the network, on the CPU, which is left in training mode.
        tokens: a text as ids, (N,), of which evenly spaced passages are read.
        span: tokens in a passage, a power of 2; by default ``SPAN``, or what fits into a short text twice.

    Raises:
        CorpusError: the text is too short.
        RnngenError: a gradient is not finite.
    """
    if span is None:
        span = min(SPAN, max(MIN_SPAN, _fitting(len(tokens))))
    model.train().requires_grad_(True)  # the kernels that training uses; nothing is dropped without a generator
    return [_in_direction(direction, tokens, span) for direction in model.directions]


def _fitting(tokens: int) -> int:
    """The longest passages, by powers of 2, of which two fit into a text of so many tokens; 0: none does."""
    longest = min((tokens - BURN_IN - 1) // 2, (tokens - 1) // 3)
    return (1 << max(0, longest).bit_length()) >> 1


def _before(span: int) -> int:
    """Tokens read before each passage: as many as resets need that lie before it."""
    return max(BURN_IN, span)


def _in_direction(direction: Direction, text: NDArray[np.integer[Any]], span: int) -> Truncation:
    model, tokens = direction.reader, direction.in_reading_order(text)
    alone = None if direction.other is None else direction.other.output.bias.detach()
    lengths = [1 << power for power in range(span.bit_length())]
    size = sum(p.numel() for name, p in model.named_parameters() if _is_recurrent(name))
    whole, differences = Mean(size), {k: Mean(size) for k in lengths}
    nats: list[Tensor] = []  # of each passage, (B,), with the state carried on
    reset: dict[int, list[Tensor]] = {k: [] for k in lengths}  # and with the state reset
    targets: list[Tensor] = []
    before = _before(span)
    for passages in _groups(tokens, span):  # (before + span + 1, B)
        states = _states(model, passages[:-1], before)
        x, y = passages[before:-1], passages[before + 1 :]
        targets.append(y)
        untruncated = torch.empty(0)
        for k in reversed(lengths):
            windows = _in_windows(x, k), _in_windows(y, k)
            begun = torch.stack(states[::k], dim=2).flatten(2, 3)  # (L, S, span / k · B, H)
            losses = _losses(model, *windows, begun, alone)
            gradient = _gradient(model, losses.mean())
            if k == span:
                untruncated = gradient
                whole.add(untruncated)
                nats.append(losses.detach().mean(0))
            differences[k].add(gradient - untruncated)
            reset[k].append(_after_reset(model, passages, k, span, alone))
    carried = torch.cat(nats).double()
    noise, recurrent_noise = (math.sqrt(spread * passages.shape[1] * span) for spread in whole.spreads)
    return Truncation(
        direction.name,
        span,
        len(carried),
        float(carried.mean()),
        _entropy(torch.cat(targets, dim=1)),
        tuple(_windows(k, whole, differences[k], carried, torch.cat(reset[k]).double()) for k in lengths),
        noise,
        recurrent_noise,
    )


def _windows(k: int, whole: Mean, difference: Mean, carried: Tensor, reset: Tensor) -> Windows:
    everything, recurrent = (
        deviation(*parts) for parts in zip(whole.means, difference.means, difference.errors, strict=True)
    )
    worth = reset - carried  # (P,)
    error = float(worth.std()) / math.sqrt(len(worth))
    return Windows(k, everything, recurrent, float(reset.mean()), float(worth.mean()), error)


def _groups(tokens: NDArray[np.integer[Any]], span: int) -> Iterator[Tensor]:
    """Passages that do not overlap, in groups of equal size, each with what is read before it, (…, B)."""
    needed = _before(span) + span + 1
    passages = min(PASSAGES, 1 + (len(tokens) - needed) // span)
    if passages < 2:
        fits = _fitting(len(tokens))
        longer = "read a longer text with `text`"
        raise CorpusError(
            "the text is too short for two passages",
            expected=f"{needed + span} tokens for passages of {span}",
            found=len(tokens),
            hint=f"Use `span={fits}`, or {longer}." if fits >= MIN_SPAN else f"{longer.capitalize()}.",
        )
    groups = min(GROUPS, passages)
    starts = np.linspace(0, len(tokens) - needed, passages // groups * groups).astype(int)
    for each in starts.reshape(-1, groups).T:  # a group's passages are spread over the text
        yield torch.from_numpy(np.stack([tokens[s : s + needed] for s in each], axis=1).astype(np.int64))


@torch.no_grad()
def _states(model: RecurrentLM, tokens: Tensor, before: int) -> list[Tensor]:
    """The states before each token of a passage, (L, S, B, H) each."""
    state = model.read(tokens[:before], model.start_state(tokens.shape[1]))[2]
    states = [state]
    for token in tokens[before:-1]:
        states.append(model.read(token[None], states[-1])[2])
    return states


@torch.no_grad()
def _after_reset(model: RecurrentLM, passages: Tensor, k: int, span: int, alone: Tensor | None) -> Tensor:
    """The mean loss in each passage, (B,), of tokens that lie k to 2k - 1 tokens after a reset.

    The passage, which ends the tokens given, is scored in parts of k tokens. Each part is read from the reset that lies
    k tokens before it, so that every token is scored once.
    """
    begin = len(passages) - 1 - span - k  # the first reset
    x, y = [part.unfold(0, 2 * k, k) for part in (passages[begin:-1], passages[begin + 1 :])]  # (span / k, B, 2k)
    x, y = (part.flatten(0, 1).T for part in (x, y))
    losses = _losses(model, x, y, model.start_state(x.shape[1]), alone)
    return losses[k:].view(k, span // k, -1).mean((0, 1))


def _entropy(tokens: Tensor) -> float:
    """Of the tokens' frequencies, in nats."""
    shares = tokens.flatten().bincount().double() / tokens.numel()
    return float(torch.special.entr(shares).sum())


def _in_windows(tokens: Tensor, k: int) -> Tensor:
    """(T, B) → windows of k tokens side by side, (k, T / k · B)."""
    return tokens.view(-1, k, tokens.shape[1]).transpose(0, 1).flatten(1)


def _losses(model: RecurrentLM, x: Tensor, y: Tensor, state: Tensor, alone: Tensor | None) -> Tensor:
    """The loss of each target, (T, B), of inputs and targets (T, B) read from a state."""
    logits = model.output(model.read(x, state)[0])
    if alone is not None:  # what the other reader says that has read nothing
        logits = logits + alone
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction="none").view(y.shape)


def _gradient(model: RecurrentLM, loss: Tensor) -> Tensor:
    """The gradient as one vector, the recurrent matrices first.

    Raises:
        RnngenError: it is not finite.
    """
    named = sorted(model.named_parameters(), key=lambda each: not _is_recurrent(each[0]))
    gradients = torch.autograd.grad(loss, [p for _, p in named])
    vector = torch.cat([g.flatten() for g in gradients])
    if not vector.isfinite().all():
        raise RnngenError(
            "the gradient is not finite",
            hint="It explodes; rnngen inspect gradients shows how fast. Use a shorter `span`.",
        )
    return vector


def _is_recurrent(name: str) -> bool:
    return "weight_hh" in name
