"""Curves on a logarithmic scale, drawn in characters: a letter and, on a terminal with colours, a colour each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rnngen.cli.console import Console

_WIDTH, _HEIGHT = 78, 18
_TICKS = 6


def write_log_plot(console: Console, curves: Mapping[str, Sequence[tuple[float, float]]], across: str, up: str) -> None:
    """Draw curves by name, whose values are positive, and a legend.

    Args:
        console: of the command.
        curves: points of each: (x, y). One without points is in the legend alone.
        across: title of the horizontal axis.
        up: what the values are, above the chart.
    """
    import plotext
    from rich.text import Text

    from rnngen.cli.surprisal import ColouredOutput
    from rnngen.cli.ticks import round_ticks
    from rnngen.formats import visible
    from rnngen.rendering.palette import NOT_DRAWN, letter

    plotext.clear_figure()
    plotext.plot_size(_WIDTH, _HEIGHT)
    plotext.theme("clear")
    legend = Text()
    for number, (name, points) in enumerate(curves.items()):
        mark, colour = letter(number), curve_colour(number)
        is_drawn = len(mark) == 1
        if is_drawn and points:
            xs, ys = zip(*points, strict=True)
            plotext.plot(list(xs), [math.log10(y) for y in ys], marker=mark, color=colour)
        legend.append(f"{mark} ", f"color({colour})").append(visible(name))
        legend.append("\n" if is_drawn else f" ({NOT_DRAWN})\n")
    exponents = [math.log10(y) for points in curves.values() for _, y in points]
    low, high = (math.floor(min(exponents)), math.ceil(max(exponents))) if exponents else (0, 1)
    every = max(1, math.ceil((high - low) / _TICKS))
    decades = list(range(high, low - every, -every))[::-1]
    plotext.ylim(decades[0], max(high, decades[0] + 1))
    plotext.yticks(decades, [_power(exponent) for exponent in decades])
    plotext.xticks(*round_ticks([x for points in curves.values() for x, _ in points]))
    plotext.xlabel(across)
    output = ColouredOutput(console)
    console.write(f"{up}\n")
    drawn = str(plotext.build()).rstrip("\n")
    if output.has_colours:
        output.write_rich(Text.from_ansi(drawn).append("\n").append(legend))
    else:
        console.write(f"{plotext.uncolorize(drawn)}\n{legend.plain}")


def curve_colour(number: int) -> int:
    """The colour of the run with this number, in the palette of 256 colours that terminals have."""
    from rich.color import Color, ColorSystem

    from rnngen.rendering.palette import EITHER

    return Color.parse(EITHER[number % len(EITHER)]).downgrade(ColorSystem.EIGHT_BIT).number or 0


def _power(exponent: int) -> str:
    return {0: "1", 1: "10", -1: "0.1", -2: "0.01"}.get(exponent, f"1e{exponent}")
