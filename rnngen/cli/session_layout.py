"""How texts stand on the lines of a session: one beside another, on a line with numbers, or before the prompt.

Around text that is written from right to left stand Unicode's isolates, so that the numbers and marks of the interface
keep their places beside it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import zip_longest

from rnngen.formats import visible
from rnngen.plaintext.widths import first_cells, last_cells, pad, width, wrapped

WIDE = 100
"""Columns from which a terminal has room for texts side by side."""

NARROWEST = 24  # cells of a text beside others
GAP = 3
_LONGEST = 60  # cells of a text among others
_LINE_END, _TAB = "↵", "→"


ISOLATES = "\u2068", "\u2069"


def isolated(text: str) -> str:
    """A text whose direction of writing does not reach beyond it."""
    from_right = any(unicodedata.bidirectional(character) in ("R", "AL", "AN") for character in text)
    return text.join(ISOLATES) if from_right else text


def one_line(text: str) -> str:
    """A text as part of one line: without its middle if it is long, and nothing in it moves the cursor."""
    line = _clean(text.replace("\n", _LINE_END))
    if width(line) <= _LONGEST:
        return isolated(line)
    half = _LONGEST // 2 - 2
    return f"{isolated(first_cells(line, half))} … {isolated(last_cells(line, half))}"


def tail(text: str, cells: int) -> str:
    """The end of the last line of a text, which another one continues, of at most so many cells."""
    line = visible(text.rpartition("\n")[2].replace("\t", _TAB))
    end = last_cells(line, cells)
    return isolated(end) if end == line else f"…{isolated(last_cells(line, cells - 1))}"


def side_by_side(texts: Sequence[str], columns: int) -> str:
    """Numbered texts: in columns where the terminal is wide enough, else below one another.

    Args:
        texts: to be shown, with ↵ at their line ends.
        columns: of the terminal.
    """
    room = (columns - 3) // len(texts) - GAP
    if columns < WIDE or room < NARROWEST:
        return "\n".join(_below(number, text, columns) for number, text in enumerate(texts, start=1))
    cells = [[f"/{number}", *_lines(text, room)] for number, text in enumerate(texts, start=1)]
    rows = zip_longest(*cells, fillvalue="")
    between = " " * GAP
    return "".join("  " + between.join(isolated(pad(cell, room)) for cell in row).rstrip() + "\n" for row in rows)


def _below(number: int, text: str, columns: int) -> str:
    first, *rest = map(isolated, _lines(text, columns - 7))
    return f"  /{number}  {first}\n" + "".join(f"      {line}\n" for line in rest)


def _lines(text: str, cells: int) -> list[str]:
    """The lines of a text, in no more than so many cells."""
    body = text.lstrip("\n")
    begun = _LINE_END * (len(text) - len(body))  # in front of the first line, not above it
    shown = " ".join(filter(None, [begun, _clean(body)]))
    *ended, last = (shown or "(nothing)").split("\n")
    found = [line for each in ended for line in wrapped(each + _LINE_END, cells)]
    return found + (wrapped(last, cells) if last or not ended else [])


def _clean(text: str) -> str:
    """A text in which nothing moves the cursor, or combines with a character before it: a circle takes its place."""
    text = visible(text.replace("\t", _TAB))
    return f"◌{text}" if text and unicodedata.category(text[0])[0] == "M" else text
