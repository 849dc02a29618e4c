"""Charts of every step of training, drawn in characters: a column stands for neighbouring steps, and hides none."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rnngen.runs.curves import SMALLEST
from rnngen.runs.steps import Bin, Range

COLUMNS = 66
LABEL = 10  # characters to the left of the axis
RANGE, CUT, MEDIAN, LINE = "│", "░", "●", "─"


@dataclass(frozen=True)
class Marks:
    """What one run is drawn with.

    Attributes:
        inside: the range of a column.
        above: what of it was clipped away.
        median: of the column.
        median_above: the same where that was clipped.
    """

    inside: str
    above: str
    median: str
    median_above: str


ALONE = Marks(RANGE, CUT, MEDIAN, MEDIAN)


def marks_of(letter: str) -> Marks:
    """What one of several runs is drawn with."""
    return Marks(letter, letter.upper(), letter, letter.upper())


def draw(
    runs: Sequence[tuple[Marks, Sequence[Bin | None], float]],
    of: Callable[[Bin], Range],
    height: int,
    *,
    logarithmic: bool,
) -> str:
    """Draw a value of several runs, one over the other.

    Args:
        runs: how each is drawn, its columns, and the line that it is clipped at, or infinity.
        of: the value.
        height: lines.
        logarithmic: whether the axis is.
    """

    def scaled(value: float) -> float:
        return math.log10(max(value, smallest)) if logarithmic else value

    ranges = [of(each) for _, bins, _ in runs for each in bins if each]
    positive = [r.low for r in ranges if r.low > 0]
    smallest = min(positive, default=SMALLEST)
    lines = sorted({clip for *_, clip in runs if math.isfinite(clip)})
    values = [scaled(v) for v in (*(r.low for r in ranges), *(r.high for r in ranges), *lines)]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    high = high if high > low else low + 1
    step = (high - low) / (height - 1)

    def row(value: float) -> int:
        return min(height - 1, max(0, round((high - scaled(value)) / step)))

    width = max((len(bins) for _, bins, _ in runs), default=0)
    grid = [[" "] * width for _ in range(height)]
    line_of = {clip: max(row(clip), int(any(r.high > clip for r in ranges))) for clip in lines}
    for y in line_of.values():
        grid[y] = [LINE] * width
    for marks, bins, clip in runs:
        cut = line_of.get(clip, -1)

        def place(value: float, clip: float = clip, cut: int = cut) -> int:
            """The row of a value: above the line's if it was clipped, however little."""
            if cut < 0:
                return row(value)
            return min(row(value), cut - 1) if value > clip else max(row(value), cut)

        for column, each in enumerate(bins):
            if each is None:
                continue
            value = of(each)
            for y in range(place(value.high), place(value.low) + 1):
                grid[y][column] = marks.above if y < cut else marks.inside
            middle = place(value.median)
            grid[middle][column] = marks.median_above if middle < cut else marks.median
    named = {y: f"clip {clip:.3g}" for clip, y in line_of.items()}
    shown = []
    for y, cells in enumerate(grid):
        at = high - y * step
        regular = f"{10**at if logarithmic else at:.3g}" if y % 3 == 0 or y == height - 1 else ""
        label = named.get(y, "" if {y - 1, y + 1} & named.keys() else regular)
        shown.append(f"{label:>{LABEL}} ┤{''.join(cells).rstrip()}")
    return "\n".join(shown) + "\n"


def clipped_line(bins: Sequence[Bin | None], name: str = "clipped") -> str:
    """How many steps of each column were clipped: nothing, tenths from 1 to 9, or # for all."""

    def share(each: Bin | None) -> str:
        if each is None or not each.clipped:
            return " " if each is None else "·"
        return "#" if each.clipped == each.steps else str(max(1, round(9 * each.clipped / each.steps)))

    return f"{name:>{LABEL}}  {''.join(map(share, bins)).rstrip()}\n"


def axis(width: int, last: int) -> str:
    """The horizontal axis: steps from 1 to the last."""
    end = f"step {last:,}"
    return f"{'':>{LABEL}} └{'─' * width}\n{'':>{LABEL}}  1{end:>{max(width - 1, len(end) + 1)}}\n"
