"""Tuning on the validation part how a model adapts to a text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnngen.errors import RnngenError
from rnngen.evaluation.adaptation.adapted import Adaptation, DivergedError
from rnngen.evaluation.adaptation.dynamic import SquaredGradients, read_adapting
from rnngen.evaluation.adaptation.growing import GrowingNGram
from rnngen.evaluation.adaptation.mixing import fit_weights, number_of_classes
from rnngen.evaluation.adaptation.settings import MIXED, Cache, Dynamic, Parts, Settings
from rnngen.evaluation.blocks import sum_nats
from rnngen.model.device import without_tf32
from rnngen.model.language_model import RecurrentLM

Ints = NDArray[np.integer[Any]]

TRIED = 15_000
"""Tokens of the validation part, from its beginning, that settings of dynamic evaluation are compared on."""
FITTED = 60_000
"""Tokens that weights and discounts are fitted on."""
FLATNESS = (0.1, 0.3, 0.6, 1.0, 1.7, 3.0)
_MOST_TRIALS = 6  # of one hyper-parameter in one direction
_SMALLEST_RATE = 1e-9
_GROWN = 1 << 19  # tokens of the training part that the discounts are fitted on


@without_tf32()
def tune(model: RecurrentLM, train: Ints, valid: Ints, on_read: Callable[[int], object] = lambda _: None) -> Settings:
    """The settings that are best for the validation part.

    Args:
        model: the network.
        train: ids of the training part, (N,).
        valid: ids of the validation part, (M,), at least one.
        on_read: called with the number of tokens that are about to be read; what it raises ends the work.
    """
    adaptation = Adaptation(model, valid[:FITTED], Settings(), MIXED, train, None, on_read, FLATNESS)
    dynamic = tuned_dynamic(model, valid[:TRIED], adaptation.statistics(), on_read)
    V, boundary, text = model.vocab_size, model.boundary, valid[:FITTED]
    recent = GrowingNGram(Settings().recent, V, boundary).fitted(text)
    growing = GrowingNGram(Settings().growing, V, boundary).fitted(train[-_GROWN:])
    adaptation.settings = Settings(dynamic, Cache(), recent.discounts, growing.discounts)
    _slow_down(adaptation)
    settings = adaptation.settings
    network, states = adaptation.network(dynamic=False)
    _, classes = adaptation.recent()
    number = number_of_classes(len(recent.discounts))

    def nats(k: int) -> float:
        """Of the network and its cache with the k-th θ."""
        p = np.stack([network, states[:, k]])
        weights = fit_weights(p, np.zeros(len(classes), np.int64), 1)
        return -float(np.log(np.maximum(weights[0] @ p, 1e-300)).sum())

    best = min(range(len(FLATNESS)), key=nats)

    def models(parts: Parts) -> NDArray[np.float64]:
        network, states = adaptation.network(dynamic=parts.dynamic)
        rows = [network, *([states[:, best], adaptation.recent()[0]] if parts.cache else [])]
        return np.stack([*rows, *([adaptation.growing()] if parts.ngram else [])])

    weights = {parts.name: fit_weights(models(parts), classes, number) for parts in MIXED}
    return replace(settings, cache=Cache(flatness=FLATNESS[best]), weights=weights)


def _slow_down(adaptation: Adaptation) -> None:
    """Lower the learning rate until dynamic evaluation does not diverge on all of the text either."""
    while True:
        try:
            adaptation.network(dynamic=True)
            return
        except DivergedError:
            dynamic = adaptation.settings.dynamic
            if dynamic.learning_rate < _SMALLEST_RATE:
                raise
            dynamic = replace(dynamic, learning_rate=dynamic.learning_rate / 4)
            adaptation.settings = replace(adaptation.settings, dynamic=dynamic)


def tuned_dynamic(
    model: RecurrentLM,
    tokens: Ints,
    statistics: SquaredGradients | None,
    on_read: Callable[[int], object] = lambda _: None,
) -> Dynamic:
    """The best settings of dynamic evaluation for a text, found one after the other from the defaults.

    Args:
        model: the network.
        tokens: ids of the text, (N,).
        statistics: see ``dynamic.read_adapting``.
        on_read: see there.

    Raises:
        RnngenError: it diverges at every learning rate.
    """
    known: dict[Dynamic, float] = {}

    def nats(settings: Dynamic) -> float:
        if settings not in known:
            found = sum_nats(read_adapting(model, tokens, settings, statistics, on_read=on_read))
            known[settings] = found if np.isfinite(found) else np.inf
        return known[settings]

    best = Dynamic()
    while not np.isfinite(nats(best)):  # then so do its neighbours, and none would be better
        if best.learning_rate < _SMALLEST_RATE:
            raise RnngenError("dynamic evaluation of the validation part diverges at every learning rate")
        best = replace(best, learning_rate=best.learning_rate / 4)
    for name, factor in (("learning_rate", 2.0), ("decay", 3.0), ("learning_rate", 1.4)):
        for step in (factor, 1 / factor):
            for _ in range(_MOST_TRIALS):
                other = replace(best, **{name: getattr(best, name) * step})
                if nats(other) >= nats(best):
                    break
                best = other
    return best
