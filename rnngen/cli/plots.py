"""Curves drawn in characters: each has a letter and, on a terminal with colours, a colour, as in reports."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnngen.cli.console import Console

_WIDTH, _HEIGHT = 78, 18
_TICKS = 6  # powers of ten on a logarithmic axis, at most
_TINY = 1e-100  # drawn as 0: plotext divides by the span of an axis
_ROOM = 0.02  # above and below curves that are level, as a fraction of their value


def write_plot(
    console: Console,
    curves: Mapping[str, Iterable[tuple[float, float]]],
    across: str,
    up: str,
    *,
    numbers: Mapping[str, int] | None = None,
    logarithmic: bool = False,
) -> None:
    """Draw curves by name, and a legend.

    Args:
        console: of the command.
        curves: points of each: (x, y). One without points is in the legend alone.
        across: title of the horizontal axis.
        up: what the values are, above the chart.
        numbers: of the curves by name, where their letters and colours are known from elsewhere.
        logarithmic: whether the upward axis is; then all values are positive.
    """
    import plotext
    from rich.text import Text

    from rnngen.cli.surprisal import ColouredOutput
    from rnngen.formats import visible
    from rnngen.rendering.palette import NOT_DRAWN, letter

    plotext.clear_figure()
    plotext.plot_size(_WIDTH, _HEIGHT)
    plotext.theme("clear")
    legend, drawn = Text(), []  # plotext's own legend would cover the curves
    for place, (name, curve) in enumerate(curves.items()):
        number = numbers[name] if numbers else place
        mark, colour = letter(number), curve_colour(number)
        is_drawn = len(mark) == 1
        points = [(_seen(x), math.log10(y) if logarithmic else _seen(y)) for x, y in curve] if is_drawn else []
        if points:
            xs, ys = map(list, zip(*points, strict=True))
            plotext.plot(xs, ys, marker=mark, color=colour)
            drawn += points
        legend.append(f"{mark} ", f"color({colour})").append(visible(name))
        legend.append("\n" if is_drawn else f" ({NOT_DRAWN})\n")
    _scale(plotext, drawn, logarithmic=logarithmic)
    plotext.xlabel(across)
    output = ColouredOutput(console)
    console.write(console.filled(up))
    chart = str(plotext.build()).rstrip("\n")
    if output.has_colours:
        output.write_rich(Text.from_ansi(chart).append("\n").append(legend))
    else:
        console.write(f"{plotext.uncolorize(chart)}\n{legend.plain}")


def _scale(plotext: Any, points: Sequence[tuple[float, float]], *, logarithmic: bool) -> None:
    """Set the ends of the axes, where those that plotext chooses are wider than needed."""
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
        plotext.ylim(level - room, level + room)
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
