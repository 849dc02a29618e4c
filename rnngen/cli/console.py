"""The streams of a process, and what may be written to each.

Results go to standard output, everything else to standard error. Every command is given one ``Console``, so that a
test, or another program, can run the command line on streams of its own.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from rnngen.cli.spelling import on_command_line
from rnngen.errors import RnngenError
from rnngen.formats import visible
from rnngen.graphemes import finished
from rnngen.plaintext.widths import filled, sentence
from rnngen.platforms import reader_is_gone, unescaped

if TYPE_CHECKING:
    import rich.console

FLUSH_SECONDS = 1 / 30


class ReaderGone(Exception):  # noqa: N818 (not an error: the reader had enough)
    """The reader of standard output has closed it, as in ``rnngen sample | head -1``."""


class Console:
    """Standard input, output and error of a command.

    Args:
        out: for results; None: it is closed.
        err: for everything else; None: nothing is written.
        stdin: what a user types on in a session; None: it is closed. Texts that are piped in are read from the
            standard input of the process.

    Attributes:
        shows_output: whether results appear on a screen.
        shows_notes: whether everything else does.
    """

    def __init__(self, out: TextIO | None, err: TextIO | LossyStream | None, stdin: TextIO | None = None) -> None:
        self.out, self.stdin = out, stdin
        self.err = err if isinstance(err, LossyStream) else LossyStream(err)
        self.shows_output = out is not None and out.isatty()
        self.shows_notes = err is not None and err.isatty()
        self._warned = False

    @classmethod
    def of_process(cls) -> Console:
        """The streams that this process has now."""
        return cls(sys.stdout, sys.stderr, sys.stdin)

    def write(self, text: str, *, harmless: bool = False) -> None:
        """Put a result on standard output; on a terminal, control characters are made visible, if not ``harmless``.

        A warning comes first, once, if characters are lost because the encoding of standard output lacks them.

        Raises:
            ReaderGone: nobody reads it any more.
            RnngenError: it cannot be written.
        """
        if self.out is None:
            raise RnngenError("standard output is closed")
        text = unescaped(text)
        text = visible(text) if self.shows_output and not harmless else text
        if not self._warned and getattr(self.out, "errors", None) == "replace" and not _has(self.out, text):
            self._warned = True
            self._warn_of_loss(self.out)
        try:
            self.out.write(text)
            self.out.flush()
        except OSError as failed:
            if reader_is_gone(failed):
                raise ReaderGone from failed
            raise RnngenError(f"standard output cannot be written ({failed.strerror})") from failed

    def can_show(self, text: str) -> bool:
        """Whether the encoding of standard output has all characters of a text."""
        return self.out is None or _has(self.out, text)

    def _warn_of_loss(self, out: TextIO) -> None:
        lacks = "lone surrogates are no characters"
        if not _has(out, "\uffff"):
            lacks = f"the encoding of standard output, {out.encoding}, lacks some of the characters"
        self.note(
            f"warning: {lacks}: each is written as ?. Set PYTHONIOENCODING=utf-8 or a UTF-8 locale, or use --json"
        )

    def write_pieces(self, pieces: Iterable[str], on_write: Callable[[], object]) -> bool:
        """Put a text that comes in pieces on standard output: the first two (a prompt, and the piece after it) at once,
        the others thirty times per second; the last grapheme cluster once it is known that it does not grow.

        Args:
            pieces: of the text; if they are interrupted, those that have come are written.
            on_write: called after each write.

        Returns:
            Whether the text ends with a line end.

        Raises:
            As ``write``.
        """
        held: list[str] = []
        due = 0.0
        last = ""
        begun = False
        try:
            for piece in pieces:
                held.append(piece)
                if time.perf_counter() >= due and (size := finished(text := "".join(held))):
                    held[:] = [text[size:]]
                    last = text[size - 1]
                    self.write(text[:size])
                    on_write()
                    due = time.perf_counter() + FLUSH_SECONDS if begun else 0.0
                    begun = True
        finally:
            if text := "".join(held):
                last = text[-1]
                self.write(text)
        return last == "\n"

    def write_json(self, value: dict[str, Any]) -> None:
        """Put a result on standard output as one line of JSON; a number that is not finite becomes null.

        If the encoding of standard output lacks a character, all but ASCII is escaped, so that nothing is lost.
        """
        import json  # here: the other results do without

        line = unescaped(json.dumps(_finite(value), ensure_ascii=False, allow_nan=False))
        if self.out is not None and not _has(self.out, line):
            line = json.dumps(json.loads(line))
        self.write(line + "\n")

    def note(self, text: str) -> None:
        """Put a message on standard error."""
        self.err.write(self._wrapped(visible(unescaped(on_command_line(text)))) + "\n")
        self.err.flush()

    def error(self, text: str) -> None:
        """Say in one line what went wrong."""
        coloured = self.shows_notes and "NO_COLOR" not in os.environ
        label = "\033[1;31merror:\033[0m" if coloured else "error:"
        one_line = visible(unescaped(on_command_line(text))).replace("\n", " ")
        self.err.write(self._wrapped(f"rnngen: error: {one_line}").replace("error:", label, 1) + "\n")
        self.err.flush()

    def show_help(self, text: str) -> None:
        """Show the help of a command that was typed without what it needs."""
        self.err.write(f"{text}\n")
        self.err.flush()

    def _wrapped(self, text: str) -> str:
        """Lines that a terminal would break within words are broken between them; commands to copy stay whole."""
        if not self.shows_notes:
            return text
        import shutil

        columns = shutil.get_terminal_size().columns
        return "\n".join(_wrap(line, columns) for line in text.split("\n"))

    @property
    def columns(self) -> int | None:
        """The width of the terminal that shows the results; None: they are not on one."""
        import shutil

        return shutil.get_terminal_size().columns if self.shows_output else None

    def filled(self, text: str, first: str = "", rest: str | None = None) -> str:
        """A sentence as lines of standard output: see ``plaintext.widths.sentence``."""
        return sentence(text, self.columns, first, rest)

    def table(self, rows: Sequence[Sequence[str]]) -> str:
        """Columns side by side, as text; on a terminal, cells that do not fit continue below."""
        import shutil

        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid(padding=(0, 2))
        for number in range(max(map(len, rows), default=0)):
            grid.add_column(no_wrap=number == 0, overflow="fold")  # the first is a name, to be copied whole
        for row in rows:
            grid.add_row(*(Text(unescaped(cell)) for cell in row))
        width = shutil.get_terminal_size().columns if self.shows_output else 10_000
        out = Console(file=io.StringIO(), width=width, no_color=True, force_terminal=False)
        with out.capture() as captured:
            out.print(grid)
        return "".join(line.rstrip() + "\n" for line in captured.get().splitlines())

    def rich_err(self) -> rich.console.Console:
        """Standard error for Rich, which may not hide the cursor: a killed or suspended command cannot show it."""
        from rich.console import Console

        class WithCursor(Console):
            def show_cursor(self, show: bool = True) -> bool:
                return False

        return WithCursor(file=self.err, highlight=False)  # type: ignore[arg-type]

    def abandon_output(self) -> None:
        """Write to nowhere from now on, so that the interpreter's last flush cannot fail."""
        with contextlib.suppress(OSError, ValueError, AttributeError):
            if self.out is not None:
                os.dup2(os.open(os.devnull, os.O_WRONLY), self.out.fileno())


class LossyStream:
    """Standard error that may be closed, full, or a terminal that has hung up: what cannot be written is lost.

    Args:
        stream: what to write to; None: nowhere.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = io.TextIOBase() if stream is None else stream  # which refuses to be written to

    def write(self, text: str) -> int:
        """Write if that is possible."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush if that is possible."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _has(stream: TextIO, text: str) -> bool:
    """Whether the encoding of a stream has all characters of a text."""
    try:
        text.encode(stream.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _wrap(line: str, columns: int) -> str:
    if (line.isascii() and len(line) <= columns) or line.lstrip().startswith("rnngen "):
        return line
    text = line.lstrip()
    indent = line[: len(line) - len(text)]
    return filled(text, columns, indent, indent)
