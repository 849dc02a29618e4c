"""Perplexity of a text: summed nats, divided once.

The text is scored as it would be by reading it token by token with the state carried from the first to the
last, every token once, the first one from the start state. That is sequential; to be fast it is done in
parallel and then made exact. B contiguous streams are read side by side, each from a guess of the state at its
beginning (zero). Then each stream is read again from the state in which the one before it ended, but only until
it meets the trajectory of the first reading: a recurrent network forgets, so from there on everything would come
out the same. This repeats until no stream begins from a state that is not the one before it ended in.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnngen.corpus.sources import TextCounts
from rnngen.errors import CorpusError
from rnngen.model.language_model import RecurrentLM
from rnngen.ngram.mixture import Mixture

TOLERANCE = {"float32": 1e-5, "bf16": 3e-2}
"""States closer than this (relative to 1 + their size) count as met."""

_LANDMARKS = 32  # windows from a stream's beginning at which the trajectory is remembered


def autocast(device: torch.device, precision: str) -> contextlib.AbstractContextManager[Any]:
    """The context in which matrix products run in ``precision``."""
    if precision == "bf16":
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return contextlib.nullcontext()


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
    """

    nats: float
    tokens: int
    counts: TextCounts
    unknown: int = 0
    ngram: Score | None = None
    mixture: Score | None = None

    @property
    def nats_per_token(self) -> float:
        """Mean nats a token."""
        return self.nats / self.tokens

    def as_dict(self) -> dict[str, Any]:
        """The keys of ``rnngen eval --json``, named as in lm-evaluation-harness."""
        counts = self.counts
        beside = {"ngram": self.ngram, "mixture": self.mixture}
        return {
            "nats_per_token": self.nats_per_token,
            "token_perplexity": _exp(self.nats_per_token),
            "word_perplexity": _exp(self.nats / max(counts.words, 1)),
            "byte_perplexity": _exp(self.nats / counts.bytes),
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


def _exp(x: float) -> float:
    return math.exp(x) if x < 700 else math.inf


class _Reading:
    """One text, cut into B contiguous streams of windows, and what reading them gave so far."""

    def __init__(
        self, model: RecurrentLM, tokens: NDArray[np.integer[Any]], batch_size: int, window: int, precision: str
    ) -> None:
        self.model, self.tokens, self.precision = model, tokens, precision
        self.device = model.output.bias.device
        transitions = len(tokens) - 1
        self.length = max(1, math.ceil(transitions / batch_size))  # of a stream
        self.batch_size = max(1, math.ceil(transitions / self.length))
        self.window = window
        self.windows = math.ceil(self.length / window)
        self.nats = np.zeros((self.windows, self.batch_size))
        self.ends = model.start_state(self.batch_size)
        self.landmarks: list[Tensor] = []  # states after the first windows, each (L, S, B, H)
        self.each: NDArray[np.float32] | None = None  # nats of each token, (N,), where they are wanted

    def read(self, streams: Tensor, state: Tensor, first: bool) -> None:
        """Read some streams from the states given, each to its end or until it meets its earlier reading."""
        for k in range(self.windows):
            columns = streams.cpu().numpy()
            start, stop = k * self.window, min((k + 1) * self.window, self.length)
            positions = columns * self.length + np.arange(start, stop + 1)[:, None]  # (T+1, B)
            inside = torch.from_numpy(positions[1:] < len(self.tokens)).to(self.device)
            ids = torch.from_numpy(self.tokens[np.minimum(positions, len(self.tokens) - 1)].astype(np.int64))
            ids = ids.to(self.device)
            with autocast(self.device, self.precision):
                logits, state = self.model(ids[:-1], state)
            nats = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), ids[1:].flatten(), reduction="none")
            sums = (nats.view(inside.shape) * inside).double().sum(0)
            self.nats[k, columns] = sums.cpu().numpy()
            if self.each is not None:
                self.each[positions[1:][inside.cpu().numpy()]] = nats.view(inside.shape)[inside].cpu().numpy()
            if k < _LANDMARKS and first:
                self.landmarks.append(state.clone())
            elif k < _LANDMARKS:
                apart = ~self._close(state, self.landmarks[k][:, :, streams])
                self.landmarks[k][:, :, streams] = state
                streams, state = streams[apart], state[:, :, apart]
                if not len(streams):
                    return
        self.ends[:, :, streams] = state

    def _close(self, a: Tensor, b: Tensor) -> Tensor:
        """Which streams' states (L, S, B, H) are the same within the tolerance: (B,)."""
        return ((a - b).abs() <= TOLERANCE[self.precision] * (1 + b.abs())).all(-1).all(0).all(0)


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
    if batch_size is None:  # streams long enough that reading their beginnings twice costs little
        batch_size = int(np.clip(len(tokens) // 2048, 1, 64))
        batch_size -= batch_size % 16 if batch_size > 16 else 0  # kernels like round numbers
    reading = _Reading(model, tokens, batch_size, window, precision)
    reading.each = each
    B = reading.batch_size
    begins = model.start_state(B)
    todo = torch.arange(B, device=start.device)
    reading.read(todo, begins, first=True)
    for _ in range(min(B - 1, B if most_rounds is None else most_rounds)):  # stream b is exact after b rounds
        shifted = torch.cat([begins[:, :, :1], reading.ends[:, :, :-1]], dim=2)
        todo = (~reading._close(shifted, begins)).nonzero()[:, 0]
        if not len(todo):
            break
        begins = shifted
        reading.read(todo, begins[:, :, todo], first=False)
    return float(first) + float(reading.nats.sum())


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
