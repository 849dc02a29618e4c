"""Tables and curves as HTML for notebooks, without scripts, and readable on light and on dark pages."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape

from rnngen.graphemes import boundary_before
from rnngen.rendering.palette import EITHER
from rnngen.runs.curves import SMALLEST, thinned

Curve = Sequence[tuple[float, float]]

WIDTH, HEIGHT = 480, 240
LEFT, RIGHT, TOP, BOTTOM = 62, 10, 12, 40  # margins, in pixels
_ROW = 16  # of the legend, in pixels
_NAME = 56  # characters of a name in it
_MOST_POINTS = 300


class Html(str):
    """Text that is HTML already, and not escaped in a table."""

    __slots__ = ()


def table(rows: Iterable[Sequence[str]], head: Sequence[str] = ()) -> str:
    """Rows of text as a table; the first cell of each is its name."""

    def cell(text: str, tag: str, look: str = "") -> str:
        style = f"text-align:left;vertical-align:top;padding:1px 12px 1px 0;{look}"
        return f'<{tag} style="{style}">{text if isinstance(text, Html) else escape(text)}</{tag}>'

    def row(cells: Sequence[str], tag: str) -> str:
        first, *rest = cells
        return (
            f"<tr>{cell(first, 'th', 'font-weight:normal;opacity:0.7')}{''.join(cell(each, tag) for each in rest)}</tr>"
        )

    written = [row(head, "th")] if head else []
    written += [row(cells, "td") for cells in rows]
    return f'<table style="border-collapse:collapse;background:none;color:inherit">{"".join(written)}</table>'


def lines(texts: Iterable[str]) -> str:
    """Texts, each on a line of its own."""
    return "".join(f"<div>{escape(text)}</div>" for text in texts)


def chart(curves: Mapping[str, Curve], across: str, up: str, *, logarithmic: bool = False) -> str:
    """Curves by name as an inline SVG, with axes and a legend above them; empty if there is nothing to draw.

    Args:
        curves: points (x, y) by name; what is not finite is left out, and on a logarithmic axis what is not positive.
        across: what the horizontal axis shows, with its unit.
        up: what the vertical axis shows.
        logarithmic: whether the upward axis is.
    """
    largest = max((y for points in curves.values() for _, y in points if math.isfinite(y)), default=0.0)
    least = largest * SMALLEST if logarithmic else -math.inf
    drawn = {
        name: [
            (x, math.log10(y) if logarithmic else y)
            for x, y in thinned(points, _MOST_POINTS)
            if math.isfinite(x + y) and y > least
        ]
        for name, points in curves.items()
    }
    drawn = {name: points for name, points in drawn.items() if len(points) > 1}
    if not drawn:
        return ""
    xs, ys = ([point[axis] for points in drawn.values() for point in points] for axis in (0, 1))
    x_axis = _Axis(min(xs), max(xs), LEFT, WIDTH - RIGHT)
    y_axis = _Axis(min(ys), max(ys), HEIGHT - BOTTOM, TOP)
    legend, parts = [], [*_grid(x_axis, y_axis, logarithmic=logarithmic), *_titles(across, up)]
    for number, (name, points) in enumerate(drawn.items()):
        colour = EITHER[number % len(EITHER)]
        line = " ".join(f"{x_axis.at(x):.1f},{y_axis.at(y):.1f}" for x, y in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        y = 14 + _ROW * number
        legend.append(f'<rect x="{LEFT}" y="{y - 9}" width="10" height="10" fill="{colour}"/>')
        legend.append(f'<text x="{LEFT + 16}" y="{y}">{escape(_cut(name))}</text>')
    above = _ROW * len(drawn)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT + above}" width="{WIDTH}" role="img" '
        f'style="max-width:100%" fill="currentColor" font-family="sans-serif" font-size="12">{"".join(legend)}'
        f'<g transform="translate(0 {above})">{"".join(parts)}</g></svg>'
    )


def _cut(name: str) -> str:
    """A name that fits into the legend: of a long one the beginning and the end."""
    half = _NAME // 2
    return name if len(name) <= _NAME else f"{name[: boundary_before(name, half)]}…{name[1 - half :]}"


class _Axis:
    """Values on a line of pixels from ``begin`` to ``end``."""

    def __init__(self, low: float, high: float, begin: float, end: float) -> None:
        room = (high - low) * 0.03 or max(1e-9, abs(low) * 0.1)
        self.low, self.high, self._begin, self._end = low - room, high + room, begin, end

    def at(self, value: float) -> float:
        return self._begin + (value - self.low) / (self.high - self.low) * (self._end - self._begin)

    def logarithmic_ticks(self) -> Iterator[float]:
        """The logarithms of a few of 1, 2 and 5 times powers of ten, or, on a long axis, of powers of ten alone."""
        powers = range(math.floor(self.low), math.ceil(self.high) + 1)
        every = math.ceil((len(powers) - 1) / 8)
        factors = (1, 2, 5) if len(powers) <= 4 else (1,)
        ticks = [power + math.log10(factor) for power in powers if power % every == 0 for factor in factors]
        inside = [tick for tick in ticks if self.low <= tick <= self.high]
        yield from inside if len(inside) > 1 else map(math.log10, _Axis(10**self.low, 10**self.high, 0, 1).ticks())

    def ticks(self) -> Iterator[float]:
        """About five round values."""
        rough = (self.high - self.low) / 5
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
        first = math.ceil(self.low / step)
        yield from (number * step for number in range(first, math.floor(self.high / step) + 1))


def _grid(x_axis: _Axis, y_axis: _Axis, *, logarithmic: bool) -> Iterator[str]:
    for value in x_axis.ticks():
        yield f'<text x="{x_axis.at(value):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{value:,.6g}</text>'
    for value in y_axis.logarithmic_ticks() if logarithmic else y_axis.ticks():
        y, shown = y_axis.at(value), f"{10.0**value if logarithmic else value:.6g}"
        yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="currentColor" opacity="0.15"/>'
        yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{shown}</text>'


def _titles(across: str, up: str) -> Iterator[str]:
    middle = (TOP + HEIGHT - BOTTOM) / 2
    yield f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 6}" text-anchor="middle">{escape(across)}</text>'
    yield f'<text x="12" y="{middle}" text-anchor="middle" transform="rotate(-90 12 {middle})">{escape(up)}</text>'
