"""The width of text in terminal cells: a Chinese character or an emoji takes two, a combining mark none."""

from __future__ import annotations

from typing import Literal


def width(text: str) -> int:
    """The number of terminal cells that one line of text takes."""
    from rich.cells import cell_len

    return cell_len(text)


def pad(text: str, cells: int, align: Literal["<", ">"] = "<") -> str:
    """Pad one line of text with spaces to a number of cells, with the text at the left (``<``) or right (``>``)."""
    spaces = " " * (cells - width(text))
    return text + spaces if align == "<" else spaces + text
