"""Tables of scores as text, CSV and LaTeX."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from rnngen.plaintext.widths import cut, pad, width

_NARROWEST = 12  # cells of the first column, however narrow the terminal


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        label: its heading.
        cells: from the top down.
    """

    label: str
    cells: Sequence[str]


def as_text(columns: Sequence[Column], cells: int) -> str:
    """Columns side by side: the first at the left and cut to the width of the screen, the others at the right."""
    first, *others = columns
    widths = [max(map(width, (each.label, *each.cells)), default=0) for each in others]
    room = max(_NARROWEST, cells - sum(widths) - 2 * len(others))
    names = [cut(name, room, "middle") for name in first.cells]
    left = max(map(width, (first.label, *names)))
    rows = [[first.label, *(each.label for each in others)]]
    rows += [[name, *(each.cells[number] for each in others)] for number, name in enumerate(names)]
    lines = (
        [pad(name, left), *(pad(cell, size, ">") for cell, size in zip(rest, widths, strict=True))]
        for name, *rest in rows
    )
    return "".join("  ".join(line).rstrip() + "\n" for line in lines)


def as_csv(rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows with a heading; what a row lacks is empty."""
    rows = list(rows)
    out = io.StringIO()
    writer = csv.DictWriter(out, list(dict.fromkeys(key for row in rows for key in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def as_latex(columns: Sequence[Column], notes: Iterable[str] = ()) -> str:
    r"""A table for LaTeX's package ``booktabs``, with notes as comments above."""
    first, *_ = columns
    heading = " & ".join(_escaped(each.label) for each in columns)
    rows = (" & ".join(_escaped(_dashed(each.cells[number])) for each in columns) for number in range(len(first.cells)))
    said = [r"needs \usepackage{booktabs}", *notes]
    lines = [
        *(f"% {line}" for note in said for line in note.splitlines()),
        rf"\begin{{tabular}}{{l{'r' * (len(columns) - 1)}}}",
        r"\toprule",
        rf"{heading} \\",
        r"\midrule",
        *(rf"{row} \\" for row in rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


_LATEX = {each: rf"\{each}" for each in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "±": r"$\pm$",
    "…": r"\dots{}",
    "–": "--",
}


def _dashed(cell: str) -> str:
    """A cell, with a dash instead of a hyphen where nothing is known."""
    return "–" if cell == "-" else cell


def _escaped(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)
