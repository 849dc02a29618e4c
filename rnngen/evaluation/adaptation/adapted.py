"""Scoring a text by a model that adapts to it, in several ways at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnngen.errors import RnngenError
from rnngen.evaluation.adaptation.cache import NeuralCache
from rnngen.evaluation.adaptation.dynamic import SquaredGradients, read_adapting
from rnngen.evaluation.adaptation.growing import SPAN, GrowingNGram
from rnngen.evaluation.adaptation.mixing import classes_of, mixed
from rnngen.evaluation.adaptation.settings import Parts, Settings
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
    """

    model: RecurrentLM
    tokens: Ints
    settings: Settings
    history: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    statistics: SquaredGradients | None = None
    on_read: Callable[[int], object] | None = None
    flatness: tuple[float, ...] = ()
    _known: dict[str, tuple[Any, float]] = field(default_factory=dict)

    def network(self, *, dynamic: bool, cache: bool = True) -> tuple[Floats, Floats | None]:
        """P of each token under the network, (N,), and under its neural cache, (N,) or (N, K) for several θ."""

        def read() -> tuple[Floats, Floats | None]:
            states = NeuralCache(self.settings.cache, self.model.vocab_size, self.flatness) if cache else None
            blocks = read_adapting(
                self.model,
                self.tokens,
                self.settings.dynamic if dynamic else None,
                self.statistics,
                on_read=self.on_read,
                on_hidden=states.add if states else None,
            )
            nats = np.concatenate([block.nats for block in blocks]).astype(np.float64)
            if not np.isfinite(nats).all():
                raise RnngenError(
                    "dynamic evaluation diverged: a probability is not finite",
                    hint="Tune it: `tune` finds a learning rate that suits the run.",
                )
            return np.exp(-nats), states.probabilities() if states else None

        found: tuple[Floats, Floats | None] = self._once(f"network {dynamic} {cache}", read)
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
        network, states = self.network(dynamic=parts.dynamic, cache=parts.cache)
        rows = [network]
        if parts.cache:
            assert states is not None
            rows += [states, self.recent()[0]]
        return np.stack([*rows, self.growing()] if parts.ngram else rows)

    def result(self, parts: Parts) -> Result:
        """What some parts say of the text together."""
        p = self.models(parts)
        if not parts.is_mixed:
            return Result(-np.log(p[0]), self._seconds(parts))
        p = mixed(p, self.recent()[1], self.settings.weights[parts.name])
        return Result(-np.log(np.maximum(p, 1e-300)), self._seconds(parts))

    def _seconds(self, parts: Parts) -> float:
        needed: Iterable[str] = [f"network {parts.dynamic} {parts.cache}"]
        needed = [*needed, *(["recent"] if parts.is_mixed else []), *(["growing"] if parts.ngram else [])]
        return sum(self._known[name][1] for name in needed)

    def _once(self, name: str, compute: Callable[[], Any]) -> Any:
        if name not in self._known:
            began = time.perf_counter()
            found = compute()
            self._known[name] = found, time.perf_counter() - began
        return self._known[name][0]
