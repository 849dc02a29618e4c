"""Verdicts on curves of gradient norms, and rates in words: how fast something shrinks or grows per step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

EVEN = 0.01  # a relative change per step below this counts as none
CARRIED = 0.1  # fraction of the norm at lag 1 that is left at the last lag if the gradient is carried,
SLOW = 10  # and half-life in steps, which matters where there are few lags
TINIEST = 1e-300  # fraction of the norm at lag 1 below which float64 has lost it
UNEVEN = 2.0  # ratio of the half-lives of a curve's beginning and end from which both are told


@dataclass(frozen=True)
class Verdict:
    """Whether a gradient vanishes, explodes or is carried, judged by what is left of it at the last lag.

    Attributes:
        kind: ``vanishes``, ``explodes`` or ``carries``.
        factor: factor by which the norm changes per step, the geometric mean from lag 1 to the last lag.
        words: the same as a sentence.
    """

    kind: Literal["vanishes", "explodes", "carries"]
    factor: float
    words: str


def verdict_on(curve: Sequence[float] | NDArray[np.floating[Any]]) -> Verdict:
    """The verdict on a curve of norms by lag. Lag 0 is left out: it is the gradient within the loss's own step.

    Args:
        curve: norms, (lags + 1,).
    """
    values = np.asarray(curve, dtype=float)[1:]
    if not np.isfinite(values).all():
        return Verdict("explodes", math.inf, "explodes beyond all numbers")
    usable = values > values[0] * TINIEST
    n = len(values) if usable.all() else int(np.argmin(usable))
    if n < 2:
        return Verdict("vanishes", 0.0, "vanishes at once")
    factor = _factor(values[:n])
    if n == len(values):
        if factor > 1 + EVEN:
            return Verdict("explodes", factor, f"explodes by a factor of {factor:.3g} per step")
        if values[-1] >= CARRIED * values[0] and factor >= 0.5 ** (1 / SLOW):
            percent = 100 * values[-1] / curve[0] if curve[0] else 100.0
            left = f"{percent:.0f}%" if percent >= 10 else f"{percent:.2g}%"
            return Verdict("carries", factor, f"carries: {left} of the gradient is left {len(values)} steps back")
    if factor >= 1:  # it is cut off, as at the beginning of a document
        return Verdict("vanishes", factor, f"vanishes: nothing is left beyond lag {n}")
    words = f"vanishes with a half-life of {_steps(math.log(2) / -math.log(factor))}"
    if n < len(values):
        words += f"; nothing is left beyond lag {n}"
    return Verdict("vanishes", factor, words + _beginning_and_end(values[:n]))


def _beginning_and_end(values: NDArray[np.floating[Any]]) -> str:
    """The half-lives of the first and the last quarter of a curve that falls, if they differ."""
    quarter = len(values) // 4
    if quarter < 3:
        return ""
    first, last = _factor(values[: quarter + 1]), _factor(values[-quarter - 1 :])
    if first >= 1:
        return ""
    early = math.log(2) / -math.log(first)
    late = math.inf if last >= 1 else math.log(2) / -math.log(last)
    if max(early, late) < UNEVEN * min(early, late):
        return ""
    end = f"{late:.3g} at the end" if late < len(values) else "hardly falls at the end"
    return f" ({early:.3g} at first, {end})"


def _factor(values: NDArray[np.floating[Any]]) -> float:
    """The geometric mean of the factors from each value to the next."""
    return math.exp((math.log(values[-1]) - math.log(values[0])) / (len(values) - 1))


def factor_at_the_end(curve: Sequence[float] | NDArray[np.floating[Any]]) -> float:
    """The factor per step over the last quarter of a curve of norms by lag, (lags + 1,), which is above 0 there."""
    values = np.asarray(curve, dtype=float)
    return _factor(values[-max(2, len(values) // 4 + 1) :])


def rate(factor: float) -> str:
    """What a factor per step does, in words: halves or doubles every so many steps."""
    if factor == 0 or not math.isfinite(factor):
        return "is gone at once" if factor == 0 else "grows beyond all numbers"
    period = math.log(2) / max(abs(math.log(factor)), 1e-300)
    if period >= 10_000:
        return "stays as it is"
    every = _steps(period)
    return f"{'halves' if factor < 1 else 'doubles'} every {'step' if every == '1 step' else every}"


def _steps(number: float) -> str:
    text = f"{number:,.0f}" if number >= 1000 else f"{number:.3g}"
    return f"{text} {'step' if text == '1' else 'steps'}"
