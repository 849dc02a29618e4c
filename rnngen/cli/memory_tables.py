"""Accuracy by distance, of one run or several: as a table with a chart, as JSON, as a picture."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rnngen.cli.plots import write_plot
from rnngen.errors import UsageError
from rnngen.plaintext.widths import cut, pad, width

if TYPE_CHECKING:
    from rnngen.cli.console import Console
    from rnngen.inspection.memory import Bin, Planted

_LABEL, _COUNT, _GAP = 12, 8, 2  # cells of distances, of numbers of decisions, and between columns
_NARROWEST = 12  # cells of a column with a run: 100 (100-100)


class Measured(NamedTuple):
    """What was measured of one run.

    Attributes:
        run: the run's folder.
        name: the run's folder in words.
        model: the network in words.
        text: what it read.
        counts: distance → decisions that are right, and all.
    """

    run: Path
    name: str
    model: str
    text: Planted
    counts: Mapping[int, tuple[int, int]]


def in_bins(measured: Sequence[Measured]) -> list[list[Bin]]:
    """The accuracy of each run in the same bins of distances.

    Raises:
        UsageError: their texts are not in the same language.
    """
    from rnngen.inspection.memory import bin_edges, binned

    names = list(dict.fromkeys((each.text.language.name, each.text.kinds) for each in measured))
    if len(names) > 1:
        found = ", ".join(f"{name} with {kinds} kinds" for name, kinds in names)
        raise UsageError("the runs' texts differ", expected="one language, or `text=FILE`", found=found)
    edges = bin_edges(distance for each in measured for distance in each.counts)
    return [binned(each.counts, edges) for each in measured]


def show(console: Console, measured: Sequence[Measured]) -> None:
    """Write a table, a sentence about each run, and a chart."""
    from rnngen.inspection.memory import verdict
    from rnngen.runs.compared import distinct_names

    bins, text = in_bins(measured), measured[0].text
    chance = text.chance
    names = distinct_names([each.run for each in measured])
    columns = shutil.get_terminal_size().columns if console.shows_output else 10_000
    lines = [
        f"{text.language.name}: {text.language.title} ({text.kinds} {text.language.kinds})",
        f"right in {len(text.lines):,} lines, in %, by distance in symbols (95 % interval)",
        f"without memory: {100 * chance:.3g} %",
        "",
        _tables(names, bins, columns),
        *(
            console.filled(f"{name} {verdict(each, chance)}", rest="  ").rstrip()
            for name, each in zip(names, bins, strict=True)
        ),
    ]
    middle = {
        name: [((each.first + each.last) / 2, 100 * each.accuracy) for each in some]
        for name, some in zip(names, bins, strict=True)
    }
    ends = [point[0] for points in middle.values() for point in points]
    curves = {**middle, "without memory": [(min(ends), 100 * chance), (max(ends), 100 * chance)]}
    console.write("\n".join(lines) + "\n\n")
    write_plot(console, curves, "distance in symbols", "right, in %")


def _tables(names: Sequence[str], bins: Sequence[Sequence[Bin]], columns: int) -> str:
    """A row per bin and a column per run, for as many runs as fit beside one another, then for the next ones."""
    cells = [{each.name: f"{100 * each.accuracy:.0f} ({_interval(each)})" for each in some} for some in bins]
    rows = list(dict.fromkeys(name for some in cells for name in some))
    counts = {each.name: f"{each.n:,}" for some in reversed(bins) for each in some}
    room = columns - _LABEL - _COUNT
    fitting = max(1, room // (_NARROWEST + _GAP))
    blocks = []
    for begin in range(0, len(names), fitting):
        some = slice(begin, begin + fitting)
        widest = max(_NARROWEST, room // len(names[some]) - _GAP)
        heads = [cut(name, widest, "middle") for name in names[some]]
        wide = [max(_NARROWEST, width(head)) + _GAP for head in heads]
        lines = [_line("distance", heads, "n", wide)]
        lines += [_line(row, [each.get(row, "-") for each in cells[some]], counts[row], wide) for row in rows]
        blocks.append("".join(lines))
    return "\n".join(blocks)


def _line(label: str, cells: Sequence[str], count: str, wide: Sequence[int]) -> str:
    columns = "".join(pad(cell, w, ">") for cell, w in zip(cells, wide, strict=True))
    return f"{pad(label, _LABEL)}{columns}{pad(count, _COUNT, '>')}\n"


def _interval(each: Bin) -> str:
    low, high = each.interval
    return f"{100 * low:.0f}-{100 * high:.0f}"


def as_json(measured: Sequence[Measured]) -> dict[str, Any]:
    """All numbers."""
    from rnngen.inspection.memory import verdict

    bins, text = in_bins(measured), measured[0].text
    return {
        "language": text.language.name,
        "kinds": text.kinds,
        "chance": text.chance,
        "runs": [
            {
                "run": str(each.run),
                "model": each.model,
                "lines": len(each.text.lines),
                "words": verdict(some, text.chance),
                "bins": [_bin_as_json(one) for one in some],
                "by_distance": [
                    {"distance": distance, "right": right, "n": n} for distance, (right, n) in each.counts.items()
                ],
            }
            for each, some in zip(measured, bins, strict=True)
        ],
    }


def _bin_as_json(each: Bin) -> dict[str, Any]:
    low, high = each.interval
    span = {"first": each.first, "last": each.last}
    return {**span, "right": each.right, "n": each.n, "accuracy": each.accuracy, "low": low, "high": high}


def drawn(measured: Sequence[Measured], picture: Path) -> None:
    """Write the accuracies as a picture."""
    from rnngen.rendering.memory_chart import memory_chart
    from rnngen.rendering.pictures import write_picture
    from rnngen.runs.compared import distinct_names

    text = measured[0].text
    runs = dict(zip(distinct_names([each.run for each in measured]), in_bins(measured), strict=True))
    title = f"{text.language.name}: how far back networks remember {text.language.title}"
    subtitle = f"right, by distance, with 95 % intervals; {len(text.lines):,} lines"
    write_picture(memory_chart(runs, text.chance), title, picture, subtitle)
