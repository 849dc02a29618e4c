"""Round numbers along the axis of a chart that is drawn in characters."""

from __future__ import annotations

import math
from collections.abc import Sequence

MOST = 6  # ticks of an axis
_STEPS = (1, 2, 5, 10)
_DECIMALS = 6  # more, and more digits than ``_DIGITS``, are written with an exponent
_DIGITS = 9


def round_ticks(values: Sequence[float]) -> tuple[list[float], list[str]]:
    """Ticks between the lowest and the highest of some values, and their labels.

    They stand 1, 2 or 5 times a power of ten apart. Where all values are whole, as steps and tokens are, so are the
    ticks.

    Args:
        values: that are drawn; those that are not finite are left out.
    """
    drawn = [value for value in values if math.isfinite(value)]
    if not drawn:
        return [], []
    low, high = min(drawn), max(drawn)
    if not (high - low) > 1e-12 * max(abs(low), abs(high)):
        return [low], [f"{low:g}"]
    if not math.isfinite(high - low):
        return [low, high], [f"{low:g}", f"{high:g}"]
    exponent = math.floor(math.log10((high - low) / MOST))
    if exponent < 0 and all(float(value).is_integer() for value in drawn):
        exponent = 0
    scale = 10.0**exponent
    step = next(times for times in _STEPS if _count(low, high, times * scale) <= MOST or times == _STEPS[-1]) * scale
    ticks = [number * step for number in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    is_long = decimals > _DECIMALS or max(abs(low), abs(high)) >= 10**_DIGITS
    return ticks, [f"{tick:.4g}" if is_long else f"{tick:,.{decimals}f}" for tick in ticks]


def _count(low: float, high: float, step: float) -> int:
    return math.floor(high / step + 1e-9) - math.ceil(low / step - 1e-9) + 1
