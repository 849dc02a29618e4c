"""What a session shows: the text as it grows, alternatives, and lines of the interface."""

from __future__ import annotations

import collections.abc
import contextlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence

from rnngen.cli.console import Console
from rnngen.cli.longjob import LongJob
from rnngen.cli.session_layout import side_by_side
from rnngen.plaintext.widths import last_cells
from rnngen.sampling.session import Session

_SHOWN_AGAIN = 3
"""Lines of the screen that the end of a long line fills when it is shown once more."""


class Screen:
    """The terminal of a session.

    Args:
        console: of the command.
        session: whose text is shown.

    Attributes:
        interrupted: whether Ctrl-C was pressed, to be cleared by what waits for it.
    """

    def __init__(self, console: Console, session: Session) -> None:
        self._console, self._session = console, session
        self.interrupted = False

    @property
    def columns(self) -> int:
        """The width of the terminal."""
        return shutil.get_terminal_size().columns

    def write(self, text: str) -> None:
        """Show a text; control characters are made visible."""
        self._console.write(text)

    def write_lines(self, text: str) -> None:
        """Show lines that were laid out, with isolates that are to be effective."""
        self._console.write(text, harmless=True)

    def write_last_line_with(self, add: Callable[[], object]) -> None:
        """Show the last line of the text with what is added to it."""
        line, before = "" if self._session.ended else self._last_line(), self._session.text
        begins_line = not line
        add()
        added = self._session.text.removeprefix(before)
        self.write(line + (added.lstrip("\n") if begins_line else added) + "\n")
        self.write_end()

    def _last_line(self) -> str:
        return self._end_of(self._session.text.rpartition("\n")[2])

    def _end_of(self, line: str) -> str:
        cells = _SHOWN_AGAIN * self.columns - 1
        end = last_cells(line, cells)
        return line if end == line else f"…{end}"

    def write_growing(self, pieces: collections.abc.Generator[str]) -> None:
        """Show what the model writes, after the line that it continues; Ctrl-C stops it."""
        self.write(self._last_line())
        self.interrupted = False
        with contextlib.closing(pieces):  # whatever happens: what was written belongs to the text
            ends_line = self._console.write_pieces(self._until_interrupted(pieces), lambda: None)
        if not ends_line:
            self.write("\n")
        if self.interrupted:  # the terminal drops output that it has not shown yet, the last line with words above all
            self.write(self._end_of(self._session.text.rstrip("\n").rpartition("\n")[2]) + "\n")
        else:
            self.write_end()

    def write_end(self) -> None:
        """Say so if the document has ended."""
        if self._session.ended:
            self.write("(end of the document)\n")

    def _until_interrupted(self, pieces: Iterable[str]) -> Iterator[str]:
        """The pieces, up to the one during which the user pressed Ctrl-C."""
        for piece in pieces:
            yield piece
            if self.interrupted:
                return

    def waiting(self) -> LongJob:
        """The progress of what is shown only when it is whole."""
        self.interrupted = False
        return LongJob(self._console, "writing", None, "tokens", shown=True)

    def write_alternatives(self, texts: Sequence[str]) -> None:
        """Show numbered texts, side by side where there is room."""
        self.write_lines(side_by_side(texts, self.columns))
