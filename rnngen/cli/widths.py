"""The width of text in terminal cells: a Chinese character or an emoji takes two, a combining mark none."""

from __future__ import annotations

import re
from typing import Literal


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


def squeezed(text: str, cells: int) -> str:
    """One line of text, with an ellipsis in its middle if it takes more than a number of cells."""
    if width(text) <= cells:
        return text
    from wcwidth import iter_graphemes

    clusters = list(iter_graphemes(text))
    kept = len(clusters)
    while kept > 0:
        kept -= 1
        shown = "".join(clusters[: (kept + 1) // 2]) + "…" + "".join(clusters[len(clusters) - kept // 2 :])
        if width(shown) <= cells:
            return shown
    return "…" if cells > 0 else ""


def pad(text: str, cells: int, align: Literal["<", ">"] = "<") -> str:
    """Pad one line of text with spaces to a number of cells, with the text at the left (``<``) or right (``>``)."""
    spaces = " " * (cells - width(text))
    return text + spaces if align == "<" else spaces + text
