"""Scoring a text by a model that adapts to it, in several ways at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from rnngen.errors import RnngenError
from rnngen.evaluation.adaptation.cache import NeuralCache
from rnngen.evaluation.adaptation.dynamic import SquaredGradients, read_adapting
from rnngen.evaluation.adaptation.growing import SPAN, GrowingNGram
from rnngen.evaluation.adaptation.mixing import classes_of, mixed
from rnngen.evaluation.adaptation.settings import Parts, Settings
from rnngen.model.device import without_tf32
from rnngen.model.language_model import RecurrentLM

Ints = NDArray[np.integer[Any]]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Result:
    """What a way of adapting gives.

    Attributes:
        nats: -ln p of each token, (N,).
        seconds: that it took, with everything that it needs.
    """

    nats: Floats
    seconds: float


@dataclass
class Adaptation:
    """A model and a text that it adapts to. Whatever several ways need is computed once.

    Attributes:
        model: the network.
        tokens: ids, (N,).
        settings: how it adapts.
        history: the training part, (M,), or nothing if that is gone.
        statistics: of the training part, for dynamic evaluation; None: of the text that was read.
        on_read: called with the number of tokens that are about to be read; what it raises ends the computation.
        flatness: several θ to compare, while tuning.
        states: whether the neural cache is wanted; without it the states are not kept.
    """

    model: RecurrentLM
    tokens: Ints
    settings: Settings
    history: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    statistics: SquaredGradients | None = None
    on_read: Callable[[int], object] | None = None
    flatness: tuple[float, ...] = ()
    states: bool = True
    _known: dict[str, Any] = field(default_factory=dict)
    _seconds: dict[str, float] = field(default_factory=dict)

    def network(self, *, dynamic: bool) -> tuple[Floats, Floats]:
        """P of each token under the network, (N,), and under its neural cache, (N,) or (N, K) for several θ."""

        @without_tf32()
        def read() -> tuple[Floats, Floats]:
            states = NeuralCache(self.settings.cache, self.model.vocab_size, self.flatness)
            seconds = 0.0

            def remember(hidden: Tensor, tokens: Ints) -> None:
                nonlocal seconds
                began = time.perf_counter()
                states.add(hidden, tokens)
                seconds += time.perf_counter() - began

            blocks = read_adapting(
                self.model,
                self.tokens,
                self.settings.dynamic if dynamic else None,
                self.statistics,
                on_read=self.on_read,
                on_hidden=remember if self.states else None,
            )
            nats = np.concatenate([block.nats for block in blocks]).astype(np.float64)
            if not np.isfinite(nats).all():
                raise RnngenError(
                    "dynamic evaluation diverged: a probability is not finite",
                    hint="Tune it: `tune` finds a learning rate that suits the run.",
                )
            self._seconds[f"states {dynamic}"] = seconds
            return np.exp(-nats), states.probabilities()

        found: tuple[Floats, Floats] = self._once(f"network {dynamic}", read)
        return found

    def recent(self) -> tuple[Floats, Ints]:
        """P of each token under the n-grams of the text so far, and the class of its place, each (N,)."""

        def count() -> tuple[Floats, Ints]:
            ngram = GrowingNGram(self.settings.recent, self.model.vocab_size, self.model.boundary)
            p, matched, alone = ngram.probabilities(self.tokens)
            return p, classes_of(matched, alone)

        found: tuple[Floats, Ints] = self._once("recent", count)
        return found

    def growing(self) -> Floats:
        """P of each token under the n-grams of the training part and the text so far, (N,)."""

        def count() -> Floats:
            ngram = GrowingNGram(self.settings.growing, self.model.vocab_size, self.model.boundary)
            history = self.history[-SPAN // 2 :]
            return ngram.probabilities(np.concatenate([history, self.tokens]))[0][len(history) :]

        found: Floats = self._once("growing", count)
        return found

    def models(self, parts: Parts) -> Floats:
        """P of each token under each model that is mixed, (M, N)."""
        network, states = self.network(dynamic=parts.dynamic)
        rows = [network, *([states, self.recent()[0]] if parts.cache else [])]
        return np.stack([*rows, self.growing()] if parts.ngram else rows)

    def result(self, parts: Parts) -> Result:
        """What some parts say of the text together."""
        p = self.models(parts)
        if not parts.is_mixed:
            return Result(-np.log(p[0]), self._sum(parts))
        p = mixed(p, self.recent()[1], self.settings.weights[parts.name])
        return Result(-np.log(np.maximum(p, 1e-300)), self._sum(parts))

    def _sum(self, parts: Parts) -> float:
        """Seconds that parts take together."""
        network, states = self._seconds[f"network {parts.dynamic}"], self._seconds[f"states {parts.dynamic}"]
        seconds = network - (0 if parts.cache else states)
        seconds += self._seconds["recent"] if parts.is_mixed else 0
        return seconds + (self._seconds["growing"] if parts.ngram else 0)

    def _once(self, name: str, compute: Callable[[], Any]) -> Any:
        if name not in self._known:
            began = time.perf_counter()
            self._known[name] = compute()
            self._seconds[name] = time.perf_counter() - began
        return self._known[name]
