"""Curves drawn in characters: each has a letter and, on a terminal with colours, a colour, as in reports."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

_WIDTH, _HEIGHT = 78, 18
_TICKS = 6  # powers of ten on a logarithmic axis, at most
_TINY = 1e-100  # drawn as 0: plotext divides by the span of an axis
_ROOM = 0.02  # above and below curves that are level, as a fraction of their value


class Plot(NamedTuple):
    """Curves drawn in characters.

    Attributes:
        up: what the values are.
        chart: with colours, as escape sequences.
        legend: the letter of each curve, its colour, and its name, in lines of at most 78 cells.
        note: a line below; empty: none.
    """

    up: str
    chart: str
    legend: list[tuple[str, int, str]]
    note: str

    @property
    def plain(self) -> str:
        """All of it without colours."""
        import plotext

        legend = "".join(f"{mark} {name}\n" for mark, _, name in self.legend)
        return f"{self.up}\n{plotext.uncolorize(self.chart)}\n{legend}{self.note}"


def plot(
    curves: Mapping[str, Iterable[tuple[float, float]]],
    across: str,
    up: str,
    *,
    numbers: Mapping[str, int] | None = None,
    logarithmic: bool = False,
    note: str = "",
) -> Plot:
    """Draw curves by name, with a legend.

    Args:
        curves: points of each: (x, y). One without points is in the legend alone.
        across: title of the horizontal axis.
        up: what the values are, above the chart.
        numbers: of the curves by name, where their letters and colours are known from elsewhere.
        logarithmic: whether the upward axis is; then all values are positive.
        note: a line below.
    """
    import plotext

    from rnngen.formats import visible
    from rnngen.plaintext.widths import wrapped
    from rnngen.rendering.palette import NOT_DRAWN, letter

    plotext.clear_figure()
    plotext.plot_size(_WIDTH, _HEIGHT)
    plotext.theme("clear")
    legend, drawn = [], []  # plotext's own legend would cover the curves
    for place, (name, curve) in enumerate(curves.items()):
        number = numbers[name] if numbers else place
        mark, colour = letter(number), curve_colour(number)
        is_drawn = len(mark) == 1
        points = [(_seen(x), math.log10(y) if logarithmic else _seen(y)) for x, y in curve] if is_drawn else []
        if points:
            xs, ys = map(list, zip(*points, strict=True))
            plotext.plot(xs, ys, marker=mark, color=colour)
            drawn += points
        told = visible(name) + ("" if is_drawn else f" ({NOT_DRAWN})")
        legend.append((mark, colour, "\n  ".join(wrapped(told, _WIDTH, whole_words=True))))
    _scale(plotext, drawn, logarithmic=logarithmic)
    plotext.xlabel(across)
    return Plot("\n".join(wrapped(up, _WIDTH, whole_words=True)), str(plotext.build()).rstrip("\n"), legend, note)


def _scale(plotext: Any, points: Sequence[tuple[float, float]], *, logarithmic: bool) -> None:
    """Set the ends of the axes, where those that plotext chooses are wider than needed, and round ticks."""
    from rnngen.plaintext.ticks import round_ticks

    xs, ys = {x for x, _ in points}, {y for _, y in points}
    if logarithmic:
        low, high = (math.floor(min(ys)), math.ceil(max(ys))) if ys else (0, 1)
        every = max(1, math.ceil((high - low) / _TICKS))
        decades = list(range(high, low - every, -every))[::-1]
        plotext.ylim(decades[0], max(high, decades[0] + 1))
        plotext.yticks(decades, [_power(exponent) for exponent in decades])
    elif len(ys) == 1:
        (level,) = ys
        room = _ROOM * abs(level) or 1.0
        ys = {level - room, level + room}
        plotext.ylim(*sorted(ys))
    if not logarithmic:
        plotext.yticks(*round_ticks([*ys]))
    plotext.xticks(*round_ticks([*xs, *([0.0] if len(xs) == 1 else [])]))
    if len(xs) == 1 and (x := xs.pop()):
        plotext.xlim(*sorted((0.0, x)))


def _seen(value: float) -> float:
    return 0.0 if abs(value) < _TINY else value


def curve_colour(number: int) -> int:
    """The colour of the run with this number, in the palette of 256 colours that terminals have."""
    from rich.color import Color, ColorSystem

    from rnngen.rendering.palette import EITHER

    return Color.parse(EITHER[number % len(EITHER)]).downgrade(ColorSystem.EIGHT_BIT).number or 0


def _power(exponent: int) -> str:
    return {0: "1", 1: "10", -1: "0.1", -2: "0.01"}.get(exponent, f"1e{exponent}")
