"""The loss while a network learns, drawn in characters: dots of Braille for training, a letter for each validation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

    from rnngen.training.monitor import Monitor

Points = Sequence[tuple[float, float]]

ROWS, TALL_ROWS = 7, 12  # of the drawing
LOW, TALL = 20, 40  # lines of a terminal from which on there is a plot, and a tall one
FRAME = 2  # lines below the drawing
COLUMNS = 100  # of the plot, at most
AXIS = 8  # columns left of the drawing
VALID = "o"
FEWEST = 4  # points from which on there is something to see
EARLY = 0.1  # share of the steps whose losses may be higher than the plot: they would flatten all others
_BRAILLE, _DOTS = 0x2800, ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))  # by column and row within a character
_DOT = re.compile(r"[^ o]")
_TRAIN_STYLE, _VALID_STYLE, _AXIS_STYLE = Style(color="cyan"), Style(color="yellow", bold=True), Style(dim=True)


def last_step(step: float, steps: int) -> float:
    """The right end of the plot: all steps, or a half, a quarter, an eighth of them, so that it moves seldom."""
    end = float(steps)
    while end / 2 >= max(step, 1):
        end /= 2
    return end


def span(train: Points, valid: Points) -> tuple[float, float]:
    """The lowest and the highest loss to draw; the first ones may be higher."""
    first, last = train[0][0], train[-1][0]
    late = [y for x, y in (*train, *valid) if x >= first + EARLY * (last - first)]
    low, high = min(late), max(late)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def draw(train: Points, valid: Points, first: float, last: float, columns: int, rows: int) -> list[str]:
    """The drawing, a text per row: the training loss as a line of Braille dots, validations as ``o``.

    Args:
        train: (step, nats per token), in order.
        valid: the same.
        first: the step at the left end.
        last: the step at the right end.
        columns: number of characters in a row.
        rows: number of rows.
    """
    low, high = span(train, valid)

    def place(value: float, begin: float, end: float, size: int) -> int:
        return min(size - 1, max(0, round((value - begin) / (end - begin) * (size - 1))))

    heights: dict[int, list[float]] = {}
    for x, y in train:
        heights.setdefault(place(x, first, last, 2 * columns), []).append(y)
    cells = [[0] * columns for _ in range(rows)]
    before: int | None = None
    for x, ys in sorted(heights.items()):
        y = 4 * rows - 1 - place(sum(ys) / len(ys), low, high, 4 * rows)
        for dot in range(min(y, y if before is None else before), max(y, y if before is None else before) + 1):
            cells[dot // 4][x // 2] |= _DOTS[x % 2][dot % 4]
        before = y
    drawing = [[chr(_BRAILLE + cell) if cell else " " for cell in row] for row in cells]
    for x, y in valid:
        drawing[rows - 1 - place(y, low, high, rows)][place(x, first, last, columns)] = VALID
    return ["".join(row) for row in drawing]


class LossPlot:
    """A plot of the losses of a run that is being trained, for Rich; nothing on a terminal with few lines.

    Args:
        monitor: follows the run.
        first: number of steps taken before.
        prefix: what the unit of the losses begins with.
    """

    def __init__(self, monitor: Monitor, first: int, prefix: str = "") -> None:
        self._monitor, self._first, self._unit = monitor, first, f"{prefix}nats per token"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The lines."""
        train = self._monitor.losses.points
        if console.height < LOW or len(train) < FEWEST:
            return
        rows = TALL_ROWS if console.height >= TALL else ROWS
        columns = min(COLUMNS, options.max_width - 1) - AXIS
        first, steps = self._first, self._monitor.steps - self._first
        last = first + last_step(self._monitor.step - first, steps)
        valid = [each for each in self._monitor.validations if each[0] > first]
        low, high = span(train, valid)
        marks = {0: high, rows // 2: high + (low - high) * (rows // 2) / (rows - 1), rows - 1: low}
        plain = options.ascii_only
        for number, line in enumerate(draw(train, valid, first, last, columns, rows)):
            edge = "|" if plain else "┤" if number in marks else "│"
            yield Segment(f"{f'{marks[number]:.2f}' if number in marks else '':>{AXIS - 2}} {edge}", _AXIS_STYLE)
            for is_valid, same in groupby(line, key=VALID.__eq__):  # few segments: the terminal draws them at once
                text = "".join(same)
                yield Segment(_DOT.sub(".", text) if plain else text, _VALID_STYLE if is_valid else _TRAIN_STYLE)
            yield Segment.line()
        yield Segment(" " * (AXIS - 1) + ("+" + "-" * columns if plain else "└" + "─" * columns), _AXIS_STYLE)
        yield Segment.line()
        yield from self._legend(f"steps {first:,} {'-' if plain else '…'} {last:,.0f}", columns, "." if plain else "⠒")
        yield Segment.line()

    def _legend(self, axis: str, columns: int, train: str) -> list[Segment]:
        words = [
            Segment(f"{'':{AXIS}}{self._unit}: ", _AXIS_STYLE),
            Segment(train, _TRAIN_STYLE),
            Segment(" train  ", _AXIS_STYLE),
            Segment(VALID, _VALID_STYLE),
            Segment(" valid", _AXIS_STYLE),
        ]
        room = columns - sum(len(each.text) for each in words) + AXIS
        return [*words, Segment(axis.rjust(room), _AXIS_STYLE)] if room > len(axis) + 1 else words
