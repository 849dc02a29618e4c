"""One unit along a text, as lectures draw it: below each token, how far each gate is open, and what is in the cell."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnngen.formats import visible
from rnngen.plaintext.widths import pad, width

if TYPE_CHECKING:
    from rnngen.cli.console import Console
    from rnngen.inspection.gates import LayerTrace, Values

BARS, DIGITS = " ▁▂▃▄▅▆▇█", " 12345678"
"""Marks for 0 to 1, and those for an encoding that lacks them."""
_JOINED = 16  # maximum number of characters that are drawn as one
_OPEN, _POSITIVE, _NEGATIVE = "green", "red", "blue"

GATES = {"forget": "erase f", "input": "write i", "output": "read o", "reset": "reset r", "update": "update z"}
"""Gate → what it does, and its letter, in the order of the lectures."""
STATES = {"c": "contents c", "h": "state h"}
LEGEND = {
    "forget": "f full keeps, empty erases",
    "input": "i full writes",
    "output": "o full reads",
    "reset": "r empty hides the state from the candidate",
    "update": "z full keeps, empty overwrites",
}


class Row(NamedTuple):
    """A row below the text.

    Attributes:
        name: at its left.
        values: from 0 to 1, (T,).
        style: of its marks, where there are colours.
    """

    name: str
    values: NDArray[np.floating[Any]]
    style: str


def series_of(trace: LayerTrace, unit: int) -> dict[str, Values]:
    """Gates and states of one unit by their names in a lecture, in its order, (T,) each."""
    gates = {words: trace.gates[gate][:, unit] for gate, words in GATES.items() if gate in trace.gates}
    states = {words: trace.states[name][:, unit] for name, words in STATES.items() if name in trace.states}
    return {**gates, **states}


def rows_of(trace: LayerTrace, unit: int) -> list[Row]:
    """The rows of one unit: a gate has one, a state two, of its positive and of its negative values."""
    rows = []
    for name, values in series_of(trace, unit).items():
        if name not in STATES.values():
            rows.append(Row(name, values, _OPEN))
            continue
        top = largest(values)
        rows.append(Row(f"{name} +", np.maximum(values, 0) / top, _POSITIVE))
        rows.append(Row(f"{'':>{len(name)}} -", np.maximum(-values, 0) / top, _NEGATIVE))
    return rows


def largest(values: Values) -> float:
    """The largest absolute value of a series, by which it is scaled."""
    return max(float(np.abs(values).max()), 1e-9)


def legend_of(trace: LayerTrace, unit: int) -> str:
    """What the rows of a unit say, in two lines."""
    gates = [words for gate, words in LEGEND.items() if gate in trace.gates]
    tops = [f"{name} {largest(trace.states[name][:, unit]):.3g}" for name in STATES if name in trace.states]
    scale = f"+ positive, - negative; full is {', '.join(tops)}"
    return "\n".join(filter(None, ["; ".join(gates), scale]))


def write_rows(console: Console, pieces: Sequence[str], rows: Sequence[Row]) -> None:
    """Draw the rows below the text, one column per token, in blocks as wide as the terminal."""
    from rich.text import Text

    from rnngen.cli.surprisal import ColouredOutput

    marks = BARS if console.can_show(BARS) else DIGITS
    output, margin = ColouredOutput(console), 2 + max(len(row.name) for row in rows)
    for block in blocks(pieces, shutil.get_terminal_size().columns - margin - 1):
        text = "".join(cell for _, cell in block)
        lines = [(" " * margin + text, "")]
        for row in rows:
            drawn = "".join(mark(marks, row.values[t]) * width(cell) for t, cell in block)
            lines.append((pad(row.name, margin) + drawn, row.style))
        if not output.has_colours:
            console.write("".join(f"{line.rstrip()}\n" for line, _ in lines) + "\n")
            continue
        for line, style in lines:
            drawn_line = Text(line[:margin])
            drawn_line.append(line[margin:], style)
            output.write_rich(drawn_line.append("\n"))
        console.write("\n")


def mark(marks: str, value: float) -> str:
    """The mark for a value from 0 to 1."""
    return marks[min(len(marks) - 1, max(0, round(float(value) * (len(marks) - 1))))]


def blocks(pieces: Sequence[str], columns: int) -> list[list[tuple[int, str]]]:
    """The tokens, each with what is drawn for it, one cell or more, in lines of a number of cells."""
    lines: list[list[tuple[int, str]]] = [[]]
    used, before = 0, ""
    for t, piece in enumerate(pieces):
        cell = cell_of(piece)
        if width(cell) == 0 or width(before + cell) != width(before) + width(cell):  # would be drawn with the last one
            cell = f"◌{cell}"
        if lines[-1] and used + width(cell) > columns:
            lines.append([])
            used, before = 0, ""
        lines[-1].append((t, cell))
        used, before = used + width(cell), (before + cell)[-_JOINED:]
    return lines


def cell_of(piece: str) -> str:
    """A token on one line: white space other than a space has a sign, and a part of a character a dot."""
    return visible(piece).replace("\n", "↵").replace("\t", "→") or "·"
