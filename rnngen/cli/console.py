"""The terminal: what goes where, what a terminal may be shown, and the shapes of numbers.

Results go to standard output, everything else to standard error.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import sys
import time
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from rnngen.cli.spelling import on_command_line
from rnngen.errors import RnngenError
from rnngen.platforms import reader_is_gone, unescaped

if TYPE_CHECKING:
    from rich.console import Console


class ReaderGone(Exception):  # noqa: N818 (not an error: the reader had enough)
    """Who read standard output has closed it, as in ``rnngen sample | head -1``."""


def write(text: str, *, harmless: bool = False) -> None:
    """Put a result on standard output; on a terminal, control characters are made visible, if not ``harmless``.

    A warning comes first, once, where characters are lost because the encoding of standard output lacks them.

    Raises:
        ReaderGone: nobody reads it any more.
        RnngenError: it cannot be written.
    """
    if sys.stdout is None:
        raise RnngenError("standard output is closed")
    text = unescaped(text)
    text = visible(text) if sys.stdout.isatty() and not harmless else text
    if getattr(sys.stdout, "errors", None) == "replace" and not _holds(sys.stdout, text):
        _warn_of_loss(sys.stdout)
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as failed:
        if reader_is_gone(failed):
            raise ReaderGone from failed
        raise RnngenError(f"standard output cannot be written ({failed.strerror})") from failed


def _holds(stream: TextIO, text: str) -> bool:
    """Whether the encoding of a stream has all characters of a text."""
    try:
        text.encode(stream.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


_warned: weakref.WeakSet[TextIO] = weakref.WeakSet()


def _warn_of_loss(stream: TextIO) -> None:
    """Say once what happens to characters that a stream cannot write."""
    if stream in _warned:
        return
    _warned.add(stream)
    lacks = "lone surrogates are no characters"
    if not _holds(stream, "\uffff"):
        lacks = f"the encoding of standard output, {stream.encoding}, lacks some of the characters"
    note(f"warning: {lacks}: each is written as ?. Set PYTHONIOENCODING=utf-8 or a UTF-8 locale, or use --json")


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


FLUSH_SECONDS = 1 / 30


def write_pieces(pieces: Iterable[str], on_write: Callable[[], object]) -> bool:
    """Put a text that comes in pieces on standard output: the first two (a prompt, and what follows)
    at once, the others thirty times a second.

    Args:
        pieces: the text; it may be interrupted, then what has come is written.
        on_write: called after each write.

    Returns:
        Whether it ends with a line end.

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
            if time.perf_counter() >= due and (text := "".join(held)):
                held.clear()
                last = text[-1]
                write(text)
                on_write()
                due = time.perf_counter() + FLUSH_SECONDS if begun else 0.0
                begun = True
    finally:
        if text := "".join(held):
            last = text[-1]
            write(text)
    return last == "\n"


def shows_output() -> bool:
    """Whether standard output is on the screen."""
    return sys.stdout is not None and sys.stdout.isatty()


def write_json(value: dict[str, Any]) -> None:
    """Put a result on standard output as one line of JSON; a number that is not finite becomes null.

    Where the encoding of standard output lacks a character, all but ASCII is escaped: nothing is lost.
    """
    import json  # here: the other results do without

    line = unescaped(json.dumps(_finite(value), ensure_ascii=False, allow_nan=False))
    if sys.stdout is not None and not _holds(sys.stdout, line):
        line = json.dumps(json.loads(line))
    write(line + "\n")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def note(text: str) -> None:
    """Tell the user something beside the result."""
    sys.stderr.write(_wrapped(visible(unescaped(on_command_line(text)))) + "\n")
    sys.stderr.flush()


def show_help(text: str) -> None:
    """Show the help of a command that was typed without what it needs."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def error(text: str) -> None:
    """Say in one line what went wrong."""
    plain = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    label = "\033[1;31merror:\033[0m" if plain else "error:"
    line = _wrapped(f"rnngen: error: {visible(unescaped(on_command_line(text))).replace(chr(10), ' ')}")
    sys.stderr.write(line.replace("error:", label, 1) + "\n")
    sys.stderr.flush()


def _wrapped(text: str) -> str:
    """Lines that a terminal would break within words are broken between them; commands to copy stay whole."""
    if not sys.stderr.isatty():
        return text
    import shutil

    columns = shutil.get_terminal_size().columns
    return "\n".join(_wrap(line, columns) for line in text.split("\n"))


def _wrap(line: str, columns: int) -> str:
    if len(line) <= columns or line.lstrip().startswith("rnngen "):
        return line
    import textwrap

    indent = line[: len(line) - len(line.lstrip())]
    return textwrap.fill(line, columns, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns side by side, as text; on a terminal, cells that do not fit go on below."""
    import shutil

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    for number in range(max(map(len, rows), default=0)):
        grid.add_column(no_wrap=number == 0, overflow="fold")  # the first is a name, to be copied whole
    for row in rows:
        grid.add_row(*(Text(unescaped(cell)) for cell in row))
    width = shutil.get_terminal_size().columns if shows_output() else 10_000
    out = Console(file=io.StringIO(), width=width, no_color=True, force_terminal=False)
    with out.capture() as captured:
        out.print(grid)
    return "".join(line.rstrip() + "\n" for line in captured.get().splitlines())


def visible(text: str) -> str:
    """Text in which no character can move the cursor, colour the screen or ring the bell."""
    return text.translate(_VISIBLE)


_BIDI = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))  # they reorder what is around them
_VISIBLE = {
    **{code: chr(0x2400 + code) for code in range(0x20) if code not in (0x09, 0x0A)},
    0x7F: "\u2421",
    **dict.fromkeys((*range(0x80, 0xA0), *_BIDI, *range(0xD800, 0xE000)), "\ufffd"),  # surrogates: bytes of names
}


def stderr_console() -> Console:
    """Rich's console on standard error."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def count(number: float) -> str:
    """12345678 → ``12.3M``."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= 0.9995 * size:  # what would round up to the unit
            return f"{number / size:.3g}{unit}"
    return f"{number:.0f}"


def share(part: int, total: int) -> str:
    """3 of 1000 → ``0.3%``; where a part would be rounded to nothing or to all, the counts: ``3 of 1,200,000``."""
    if part in (0, total):
        return "100%" if part else "0%"
    percent = f"{part / total:.1%}"
    return f"{part:,} of {total:,}" if percent in ("0.0%", "100.0%") else percent


def duration(seconds: float) -> str:
    """83.4 → ``1 min 23 s``."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"
