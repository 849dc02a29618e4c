"""The lines of a text that comes in pieces, and lines that can be read again."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterable, Iterator

_FEW_LINES = 100
_LONG_RETURNS = 20


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


class RereadableLines:
    """Lines, of which those of a row can be read again, as rows of their own.

    A file in which every line opens a quote would be read again from each of them to its end. So only rows of a few
    lines are always read again, and longer ones a limited number of times.

    Args:
        lines: each with its end.
        keeps: whether lines are held for ``return_to_second``; they take memory.

    Attributes:
        number: of the line that was read last, counted from 1.
    """

    def __init__(self, lines: Iterable[str], *, keeps: bool) -> None:
        self.number = 0
        self._lines = iter(lines)
        self._keeps = keeps
        self._row: list[str] = []
        self._again: deque[str] = deque()
        self._long_returns = _LONG_RETURNS

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self.number += 1
        if self._keeps:
            self._row.append(line)
        return line

    def begin_row(self) -> None:
        """Note that the next line begins a row."""
        self._row.clear()

    def return_to_second(self) -> int:
        """Go on with the second line of the row that was read last.

        Returns:
            How many lines were lost instead, because too many long rows were read again already.
        """
        again = self._row[1:]
        if len(again) > _FEW_LINES:
            if not self._long_returns:
                return len(again)
            self._long_returns -= 1
        self._again.extendleft(reversed(again))
        self.number -= len(again)
        return 0
