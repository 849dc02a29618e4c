"""What truncated back-propagation through time leaves out, and what the state carried across windows is worth.

Training reads a text in windows of k tokens: the state is carried from window to window, and the gradient stops where a
window begins. Here the same weights read the same passages in windows of k = 1, 2, 4, … tokens. The loss is the same
for every k, its gradient is not: it is compared with that of a window as long as the passage, which stops nowhere
within it. Then the passages are read once more with the state reset at the beginning of each window, so that no token
is predicted from more than k others: how much worse that is shows how far the network uses what it has read.
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
from rnngen.model.language_model import Direction, Network, RecurrentLM

BURN_IN = 256  # tokens read before each passage, so that the state carried into it is that of running text
SPAN, MIN_SPAN = 256, 4  # tokens of a passage
PASSAGES = 32  # of the text, as far as they do not overlap
GROUPS = 8  # of passages, between which the gradient's noise is measured


@dataclass(frozen=True)
class Deviation:
    """How the gradient of truncated windows differs from the untruncated one, both the mean over all passages.

    Attributes:
        cosine: of the angle between them.
        ratio: of the truncated one's length to the other's.
        bias: length of their difference, without what noise between passages adds to it.
    """

    cosine: float
    ratio: float
    bias: float

    @property
    def angle(self) -> float:
        """In degrees."""
        return math.degrees(math.acos(max(-1.0, min(1.0, self.cosine))))


@dataclass(frozen=True)
class Windows:
    """What windows of one length do.

    Attributes:
        bptt: k, tokens per window.
        everything: deviation of the gradient with respect to all parameters.
        recurrent: the same for the recurrent matrices W_h of all layers alone.
        reset_nats: nats per token if the state is reset at the beginning of each window.
        worth: nats per token by which that is more than with the state carried on.
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
        lengths: windows of 1, 2, 4, … tokens, the last one of ``span``.
        noise, recurrent_noise: standard deviation (the length of a vector) of the untruncated gradient over one
            token's worth of text, for all parameters and for W_h; see ``noise_of``.
    """

    direction: str
    span: int
    passages: int
    nats: float
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
    return (1 << max(0, (tokens - BURN_IN - 1) // 2).bit_length()) >> 1


def _in_direction(direction: Direction, text: NDArray[np.integer[Any]], span: int) -> Truncation:
    model, tokens = direction.reader, direction.in_reading_order(text)
    alone = None if direction.other is None else direction.other.output.bias.detach()
    lengths = [1 << power for power in range(span.bit_length())]
    size = sum(p.numel() for name, p in model.named_parameters() if _is_recurrent(name))
    whole, differences = _Mean(size), {k: _Mean(size) for k in lengths}
    nats: list[Tensor] = []  # of each passage, (B,), with the state carried on
    reset: dict[int, list[Tensor]] = {k: [] for k in lengths}  # and with the state reset
    for passages in _groups(tokens, span):  # (BURN_IN + span + 1, B)
        states = _states(model, passages[:-1])
        x, y = passages[BURN_IN:-1], passages[BURN_IN + 1 :]
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
            with torch.no_grad():
                anew = _losses(model, *windows, model.start_state(windows[0].shape[1]), alone)
            reset[k].append(anew.view(k, span // k, -1).mean((0, 1)))
    carried = torch.cat(nats).double()
    noise, recurrent_noise = (math.sqrt(spread * passages.shape[1] * span) for spread in whole.spreads)
    return Truncation(
        direction.name,
        span,
        len(carried),
        float(carried.mean()),
        tuple(_windows(k, whole, differences[k], carried, torch.cat(reset[k]).double()) for k in lengths),
        noise,
        recurrent_noise,
    )


class _Mean:
    """The mean of vectors, of which only the sum is kept, and how far they are from it.

    Args:
        size: of the beginning of each vector, which is also measured alone.
    """

    def __init__(self, size: int) -> None:
        self._size, self._count, self._sum = size, 0, torch.zeros(())
        self._squares = [0.0, 0.0]

    def add(self, vector: Tensor) -> None:
        """Add a vector."""
        self._count += 1
        self._sum = self._sum + vector
        for i, part in enumerate(self._parts(vector)):
            self._squares[i] += float(part.norm()) ** 2

    def _parts(self, vector: Tensor) -> tuple[Tensor, Tensor]:
        return vector, vector[: self._size]

    @property
    def means(self) -> tuple[Tensor, Tensor]:
        """The mean, and its beginning."""
        return self._parts(self._sum / self._count)

    @property
    def spreads(self) -> list[float]:
        """The variance of a vector (the sum over its elements), and of its beginning."""
        rest = (s - self._count * float(mean.norm()) ** 2 for s, mean in zip(self._squares, self.means, strict=True))
        return [max(0.0, each) / (self._count - 1) for each in rest]

    @property
    def squares(self) -> list[float]:
        """The squared length of what the mean estimates, and of its beginning, without bias: 0 if it is all noise."""
        return [
            max(0.0, float(mean.norm()) ** 2 - spread / self._count)
            for mean, spread in zip(self.means, self.spreads, strict=True)
        ]


def _windows(k: int, whole: _Mean, difference: _Mean, carried: Tensor, reset: Tensor) -> Windows:
    everything, recurrent = (
        _deviation(untruncated, apart, math.sqrt(square))
        for untruncated, apart, square in zip(whole.means, difference.means, difference.squares, strict=True)
    )
    worth = reset - carried  # (P,)
    error = float(worth.std()) / math.sqrt(len(worth))
    return Windows(k, everything, recurrent, float(reset.mean()), float(worth.mean()), error)


def _deviation(untruncated: Tensor, difference: Tensor, bias: float) -> Deviation:
    truncated = untruncated + difference
    lengths = float(truncated.norm()), float(untruncated.norm())
    if not all(lengths):  # nothing reaches these weights
        return Deviation(1.0, 1.0, bias) if lengths[0] == lengths[1] else Deviation(0.0, 0.0, bias)
    return Deviation(float(truncated @ untruncated) / (lengths[0] * lengths[1]), lengths[0] / lengths[1], bias)


def _groups(tokens: NDArray[np.integer[Any]], span: int) -> Iterator[Tensor]:
    """Passages that do not overlap, in groups of equal size, each with what is read before it, (…, B)."""
    needed = BURN_IN + span + 1
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
def _states(model: RecurrentLM, tokens: Tensor) -> list[Tensor]:
    """The states before each token of a passage, (L, S, B, H) each."""
    state = model.read(tokens[:BURN_IN], model.start_state(tokens.shape[1]))[2]
    states = [state]
    for token in tokens[BURN_IN:-1]:
        states.append(model.read(token[None], states[-1])[2])
    return states


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
