"""Text measured in terminal cells: a Chinese character or an emoji takes two, a combining mark none."""

from __future__ import annotations

from typing import Literal


def width(text: str) -> int:
    """How many cells a text of one line takes on a terminal."""
    from rich.cells import cell_len

    return cell_len(text)


def pad(text: str, cells: int, align: Literal["<", ">"] = "<") -> str:
    """A text of one line, filled with spaces to so many cells; ``align``: at its left or its right end."""
    spaces = " " * (cells - width(text))
    return text + spaces if align == "<" else spaces + text
