"""The width of text in terminal cells: a Chinese character or an emoji takes two, a combining mark none."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Literal

from rnngen.graphemes import boundary_before


def width(text: str) -> int:
    """The number of terminal cells that one line of text takes."""
    from rich.cells import cell_len

    return cell_len(text)


def folded(text: str, cells: int) -> str:
    """A text whose words are broken between grapheme clusters where they are wider than a number of cells.

    Rich breaks such words too, but within clusters of Thai and Hindi.
    """
    return re.sub(r"\S+", lambda word: "\n".join(_parts(word.group(), cells)), text)


def _parts(word: str, cells: int) -> list[str]:
    if width(word) <= cells:
        return [word]
    from wcwidth import iter_graphemes  # here: most words are narrower

    parts = [""]
    for cluster in iter_graphemes(word):
        if parts[-1] and width(parts[-1] + cluster) > cells:
            parts.append("")
        parts[-1] += cluster
    return parts


def cut(text: str, cells: int, at: Literal["beginning", "middle", "end"] = "end") -> str:
    """One line of text in at most a number of cells: what does not fit becomes ``…``, at this place."""
    if width(text) <= cells:
        return text
    left = max(0, cells - 1)
    begin = {"beginning": 0, "middle": left - left // 2, "end": left}[at]
    return f"{first_cells(text, begin)}…{last_cells(text, left - begin)}" if cells > 0 else ""


def filled(text: str, cells: int, first: str = "", rest: str = "") -> str:
    """One line of text as lines of at most ``cells`` cells, in which words and names of files stay whole.

    Args:
        text: to be broken.
        cells: of a line.
        first: what the first line begins with.
        rest: what the others begin with, as wide as ``first``, or wider.
    """
    begin, *others = wrapped(text, max(1, cells - width(rest)), whole_words=True)
    return "\n".join([first + begin, *(rest + line for line in others)])


WIDEST, PIPED = 100, 80
"""Cells of a sentence, on a terminal and elsewhere."""


def sentence(text: str, columns: int | None, first: str = "", rest: str | None = None) -> str:
    """A sentence as lines that are easy to read: of at most 100 cells, off a terminal of 80.

    Args:
        text: without line ends.
        columns: of the terminal; None: there is none.
        first: what the first line begins with.
        rest: what the others begin with; by default as many spaces.
    """
    cells = PIPED if columns is None else min(columns, WIDEST)
    return filled(text, cells, first, " " * len(first) if rest is None else rest) + "\n"


def wrapped(text: str, cells: int, *, whole_words: bool = False) -> list[str]:
    """One line of text as lines of at most so many cells, broken after spaces and at wide characters.

    A word that is wider than a line is broken between grapheme clusters, unless ``whole_words``. No line begins with
    punctuation that closes, or ends with punctuation that opens, beside a wide character.
    """
    from wcwidth import iter_graphemes

    lines: list[str] = []
    line, used, before, cut = "", 0, " ", 0  # cut: where the line can be broken
    for cluster in iter_graphemes(text):
        size = width(cluster)
        if line and _can_break(before, cluster):
            cut = len(line)
        while line and used + size > cells and cluster != " " and (cut or not whole_words):
            cut = cut or len(line)
            lines.append(line[:cut].rstrip(" "))
            line, cut = line[cut:], 0
            used = width(line)
        line, used, before = line + cluster, used + size, cluster
    return [*lines, line]


def _can_break(before: str, after: str) -> bool:
    if before == " ":
        return after != " "
    if width(before) < 2 and width(after) < 2:
        return False
    opens, closes = ("Ps", "Pi"), ("Pe", "Pf", "Po")
    return unicodedata.category(before[0]) not in opens and unicodedata.category(after[0]) not in closes


def last_cells(text: str, cells: int) -> str:
    """The end of one line of text, of at most so many cells; no cluster is cut."""
    from wcwidth import iter_graphemes

    end = text[boundary_before(text, len(text) - 8 * cells) :]  # enough, and soon measured
    return "".join(reversed(_fitting(reversed(list(iter_graphemes(end))), cells)))


def first_cells(text: str, cells: int) -> str:
    """The beginning of one line of text, of at most so many cells; no cluster is cut."""
    from wcwidth import iter_graphemes

    return "".join(_fitting(iter_graphemes(text), cells))


def _fitting(clusters: Iterable[str], cells: int) -> list[str]:
    found = []
    for cluster in clusters:
        cells -= width(cluster)
        if cells < 0:
            break
        found.append(cluster)
    return found


def pad(text: str, cells: int, align: Literal["<", ">"] = "<") -> str:
    """Pad one line of text with spaces to a number of cells, with the text at the left (``<``) or right (``>``)."""
    spaces = " " * (cells - width(text))
    return text + spaces if align == "<" else spaces + text
