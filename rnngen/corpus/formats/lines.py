"""The lines of a text that comes in pieces."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator


def lines_of(pieces: Iterable[str], *, universal: bool = False) -> Iterator[str]:
    """The lines, each with its end, which only the last one may lack.

    Args:
        pieces: of the text.
        universal: whether a lone CR ends a line too, not only LF and CRLF.
    """
    newline, ends = ("", ("\n", "\r")) if universal else ("\n", ("\n",))
    held: list[str] = []  # the beginning of a line
    carriage_return = ""  # which LF may follow
    for piece in pieces:
        text = carriage_return + piece
        carriage_return = "\r" if text.endswith("\r") else ""
        for line in io.StringIO(text.removesuffix("\r"), newline=newline):
            if line.endswith(ends):
                yield "".join([*held, line]) if held else line
                held = []
            else:
                held.append(line)
    if last := "".join([*held, carriage_return]):
        yield last
