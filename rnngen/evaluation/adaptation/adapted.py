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
from rnngen.evaluation.adaptation.dynamic import SquaredGradients, read_adapting, squared_gradients, statistics_segments
from rnngen.evaluation.adaptation.growing import SPAN, GrowingNGram
from rnngen.evaluation.adaptation.mixing import classes_of, mixed
from rnngen.evaluation.adaptation.settings import Parts, Settings
from rnngen.evaluation.adaptation.static import StaticReading
from rnngen.model.device import without_tf32
from rnngen.model.language_model import RecurrentLM

Ints = NDArray[np.integer[Any]]
Floats = NDArray[np.float64]


class DivergedError(RnngenError):
    """The weights grew beyond all bounds."""


@dataclass(frozen=True)
class Result:
    """What a way of adapting gives.

    Attributes:
        nats: -Σ ln p.
        tokens: over which, from the beginning of the text.
        seconds: that it took, with everything that it needs.
    """

    nats: float
    tokens: int
    seconds: float


class AdaptingInterrupted(KeyboardInterrupt):
    """Reading was interrupted.

    Attributes:
        result: of what was read until then.
    """

    def __init__(self, result: Result) -> None:
        super().__init__()
        self.result = result


@dataclass
class Adaptation:
    """A model and a text that it adapts to. Whatever several ways need is computed once.

    Attributes:
        model: the network.
        tokens: ids, (N,).
        settings: how it adapts.
        ways: all that are wanted; the probability of each token is only kept where they need it.
        history: the training part, (M,), or nothing if that is gone. Its gradients scale the steps of dynamic
            evaluation; without it, those of the text that was read do.
        static: of the text, by the network that does not adapt; None: it is read again.
        on_read: called with the number of tokens that are about to be read; what it raises ends the computation.
        flatness: several θ to compare, while tuning.
        so_far: nats, and tokens read, of what is being read by dynamic evaluation.
    """

    model: RecurrentLM
    tokens: Ints
    settings: Settings
    ways: tuple[Parts, ...]
    history: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    static: StaticReading | None = None
    on_read: Callable[[int], object] = lambda _: None
    flatness: tuple[float, ...] = ()
    so_far: tuple[float, int] = (0.0, 0)
    _known: dict[str, Any] = field(default_factory=dict)
    _seconds: dict[str, float] = field(default_factory=dict)

    @property
    def tokens_to_read(self) -> int:
        """Tokens that ``on_read`` is told of in all ways together."""
        learns = any(way.dynamic for way in self.ways)
        alone = any(not way.dynamic for way in self.ways) and (self.static is None or self._remembers)
        number, length = statistics_segments(len(self.history)) if learns else (0, 0)
        return number * length + (learns + alone) * len(self.tokens)

    @property
    def _remembers(self) -> bool:
        return any(way.cache for way in self.ways)

    @without_tf32()
    def statistics(self) -> SquaredGradients | None:
        """Of the training part, for dynamic evaluation; None: there is none."""
        if len(self.history) < 2:
            return None
        found: SquaredGradients = self._once(
            "statistics", lambda: squared_gradients(self.model, self.history, self.on_read)
        )
        return found

    def network(self, *, dynamic: bool) -> tuple[Floats, Floats]:
        """P of each token under the network, (N,), and under its neural cache, (N,) or (N, K) for several θ.

        Raises:
            DivergedError: a probability is not finite.
        """
        nats, states = self._network(dynamic=dynamic)
        return np.exp(-nats), states

    def _network(self, *, dynamic: bool) -> tuple[Floats, Floats]:
        """As ``network``, but for the nats of each token under the network, (N,)."""
        statistics = self.statistics() if dynamic else None

        def read() -> tuple[Floats, Floats]:
            if self.static is not None and not (dynamic or self._remembers):
                return self.static.nats().astype(np.float64), np.zeros(0)
            states = NeuralCache(self.settings.cache, self.model.vocab_size, self.flatness)
            seconds = 0.0

            def remember(hidden: Tensor, tokens: Ints) -> None:
                nonlocal seconds
                began = time.perf_counter()
                states.add(hidden, tokens)
                seconds += time.perf_counter() - began

            nats = np.empty(len(self.tokens))
            self._read(statistics, nats, remember if self._remembers else None, dynamic=dynamic)
            found = nats, states.probabilities()
            self._seconds[f"states {dynamic}"] = seconds
            return found

        found: tuple[Floats, Floats] = self._once(f"network {dynamic}", read)
        if self.static is not None and not (dynamic or self._remembers):
            self._seconds["network False"] = self.static.seconds
        return found

    @without_tf32()
    def _read(
        self,
        statistics: SquaredGradients | None,
        nats: Floats | None,
        on_hidden: Callable[[Tensor, Ints], object] | None = None,
        *,
        dynamic: bool,
    ) -> float:
        """The sum of the nats of all tokens, each of which an array, (N,), receives if there is one."""
        total, settings = 0.0, self.settings.dynamic if dynamic else None
        how: dict[str, Any] = {"on_read": self.on_read, "on_hidden": on_hidden}
        for block in read_adapting(self.model, self.tokens, settings, statistics, **how):
            total += float(block.nats.sum(dtype=np.float64))
            if not np.isfinite(total):
                raise DivergedError(
                    "dynamic evaluation diverged: a probability is not finite",
                    hint="Tune it: `tune` finds a learning rate that suits the run.",
                )
            if nats is not None:
                nats[block.start : block.stop] = block.nats
            if dynamic:
                self.so_far = total, block.stop
        return total

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

    def nats(self, parts: Parts) -> Floats:
        """-ln p of each token, (N,), under some parts together."""
        if not parts.is_mixed:
            return self._network(dynamic=parts.dynamic)[0]
        network, states = self.network(dynamic=parts.dynamic)
        rows = [
            network,
            *([states, self.recent()[0]] if parts.cache else []),
            *([self.growing()] if parts.ngram else []),
        ]
        p = mixed(np.stack(rows), self.recent()[1], self.settings.weights[parts.name])
        return -np.log(np.maximum(p, 1e-300))

    def result(self, parts: Parts) -> Result:
        """What some parts say of the text together.

        Raises:
            AdaptingInterrupted: SIGINT came while the network alone read the text.
            DivergedError: a probability is not finite.
        """
        began, self.so_far = time.perf_counter(), (0.0, 0)
        try:
            if parts.is_mixed or any(way.is_mixed and way.dynamic == parts.dynamic for way in self.ways):
                nats = float(self.nats(parts).sum())
            else:  # in constant memory
                statistics = self.statistics() if parts.dynamic else None

                def read() -> float:
                    return self._read(statistics, None, dynamic=parts.dynamic)

                nats = self._once(f"sum {parts.dynamic}", read)
        except KeyboardInterrupt as interrupt:
            if parts.is_mixed or not self.so_far[1]:
                raise
            raise AdaptingInterrupted(Result(*self.so_far, time.perf_counter() - began)) from interrupt
        return Result(nats, len(self.tokens), self._sum(parts))

    def _sum(self, parts: Parts) -> float:
        """Seconds that parts take together."""
        needed = [f"{'sum' if f'sum {parts.dynamic}' in self._known else 'network'} {parts.dynamic}"]
        needed += ["statistics"] if parts.dynamic else []
        needed += ["recent"] if parts.is_mixed else []
        needed += ["growing"] if parts.ngram else []
        unused = 0.0 if parts.cache else self._seconds.get(f"states {parts.dynamic}", 0.0)
        return sum(self._seconds.get(name, 0.0) for name in needed) - unused

    def _once(self, name: str, compute: Callable[[], Any]) -> Any:
        if name not in self._known:
            began = time.perf_counter()
            self._known[name] = compute()
            self._seconds[name] = time.perf_counter() - began
        return self._known[name]
