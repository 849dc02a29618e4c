"""Differences between operating systems, one function each.

No other module asks which system it runs on. The tests of each function simulate the other systems by setting
``WINDOWS``.
"""

from __future__ import annotations

import contextlib
import errno
import io
import mmap
import os
import re
import shlex
import signal
import time
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Any, BinaryIO, Protocol, TextIO, TypeVar

WINDOWS = os.name == "nt"


class _Copies(Protocol):
    def copy(self) -> Any: ...


T = TypeVar("T", bound=_Copies)

PAUSES = (0.03, 0.06, 0.12, 0.24, 0.48, 0.96)
"""Seconds between attempts to rename a file that another process has open: about two in all."""

_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\.|$)", re.IGNORECASE)
_LONGEST_NAME = 200  # bytes, of the 255 that file systems allow: a suffix may follow


def sync_folder(folder: Path) -> None:
    """Wait until renames in a folder are on disk. Windows cannot open folders and has no such call."""
    if WINDOWS:
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_file(source: Path, target: Path) -> None:
    """Rename a file over another, atomically.

    Windows refuses this while any process has the target open or mapped, such as a reader of the run or a virus
    scanner; the rename is then tried again for about two seconds.

    Raises:
        PermissionError: the target stayed open; both files are unchanged.
        OSError: another failure.
    """
    _patiently(lambda: source.replace(target))


def rename_folder(source: Path, target: Path) -> None:
    """Rename a folder to an unused name, with the same patience as ``replace_file`` while a file in it is open.

    Raises:
        OSError: it cannot be renamed, or the name is in use.
    """
    _patiently(lambda: source.rename(target))


def _patiently(rename: Callable[[], object]) -> None:
    for pause in PAUSES if WINDOWS else ():
        try:
            rename()
            return
        except PermissionError:
            time.sleep(pause)
    rename()


def map_privately(file: BinaryIO) -> mmap.mmap:
    """An open file's content in memory; writing to it does not change the file.

    On Windows a mapped file can be neither replaced nor removed, so the content is copied.

    Raises:
        ValueError: the file is empty.
    """
    if not WINDOWS:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    content = file.read()
    if not content:
        raise ValueError("cannot map an empty file")
    copied = mmap.mmap(-1, len(content))
    copied[:] = content
    return copied


def without_file(array: T) -> T:
    """An array that does not keep its mapped file from being removed: on Windows a copy, elsewhere the same array."""
    return array.copy() if WINDOWS else array


def idle_seconds() -> float | None:
    """Total idle seconds since the system started, over the processors that this process may use.

    None on systems other than Linux, and if ``/proc`` cannot be read.
    """
    try:
        mine = os.sched_getaffinity(0)
        tick = os.sysconf("SC_CLK_TCK")
        lines = Path("/proc/stat").read_text(encoding="ascii").splitlines()
        rows = (line.split() for line in lines if re.match(r"cpu\d", line))
        return sum(int(row[4]) for row in rows if int(row[0][3:]) in mine) / tick
    except (AttributeError, OSError, ValueError, IndexError):
        return None


def load_average() -> float | None:
    """Mean number of processes that ran or waited to run over the last minute; None if the system does not say."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):  # Windows has no such thing
        return None


def stop_signals() -> tuple[signal.Signals, ...]:
    """The signals of this system that ask a program to end; exit codes are 128 plus their numbers.

    A hang-up signal that is ignored, as under nohup, is not among them.
    """
    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")  # SIGHUP: not on Windows; SIGBREAK, Ctrl-Break: only there
    found = [signal.Signals(getattr(signal, name)) for name in names if hasattr(signal, name)]
    return tuple(s for s in found if s.name != "SIGHUP" or signal.getsignal(s) is not signal.SIG_IGN)


def open_closed_streams() -> None:
    """Open the null device in place of each standard stream that is closed.

    Otherwise the next file that is opened, one of a run, would take its number, and with it what libraries write there.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one


def use_utf8(stream: TextIO | None) -> None:
    """Make an output stream accept any text: files and pipes are written in UTF-8, like all files of this package.

    A terminal keeps the encoding of the locale, and any stream the one that PYTHONIOENCODING names. A character that
    the encoding lacks becomes ``?``, unless the stream already has a way to write it, as standard error has.
    """
    if not isinstance(stream, io.TextIOWrapper):  # closed, or captured by a test or a notebook
        return
    chosen = bool(os.environ.get("PYTHONIOENCODING", "").partition(":")[0])
    try:
        stream.reconfigure(
            encoding=None if chosen or stream.isatty() else "utf-8",
            errors=stream.errors if stream.errors in _TAKE_ALL else "replace",
        )
    except (ValueError, OSError):  # closed
        return


_TAKE_ALL = ("backslashreplace", "xmlcharrefreplace", "namereplace", "ignore", "replace")


def unescaped(text: str) -> str:
    """Text with the bytes that the locale's encoding could not decode decoded as UTF-8.

    Python represents such bytes in arguments and file names as lone surrogates. Those that are not UTF-8 either remain.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        with contextlib.suppress(UnicodeError):  # surrogates that Python did not make
            return text.encode(errors="surrogateescape").decode(errors="surrogateescape")
    return text


def reader_is_gone(error: OSError) -> bool:
    """Whether a write failed because the reader of the pipe has ended; Windows calls that an invalid argument."""
    return isinstance(error, BrokenPipeError) or (WINDOWS and error.errno == errno.EINVAL)


def safe_file_name(stem: str, default: str = "run") -> str:
    """A name like ``stem`` that every system allows for a file or a folder, with anything appended to it.

    Letters, digits, ``_``, ``.`` and ``-`` are kept; the name does not begin or end with a dot or a hyphen, is not one
    that Windows reserves for devices (CON, NUL, COM1, with any extension), and has a bounded length.

    Args:
        stem: any text.
        default: the name if nothing of ``stem`` is left, and the prefix of a reserved name.
    """
    name = re.sub(r"[^\w.-]+", "-", stem).strip("-.")
    name = name.encode("utf-8", errors="ignore")[:_LONGEST_NAME].decode("utf-8", errors="ignore").rstrip("-.")
    return f"{default}-{name}" if _RESERVED.match(name) else name or default


def path_order(path: PurePath) -> tuple[str, ...]:
    """A sort key that orders paths the same way on all systems; Windows paths compare without case by default."""
    return path.parts


def quote_argument(text: str) -> str:
    """An argument quoted for the user's shell, in a command to be copied."""
    if not WINDOWS:
        return shlex.quote(text)
    return text if re.fullmatch(r"[\w.:/\\-]+", text) else f'"{text}"'  # cmd and PowerShell; no path has a " there


def split_arguments(text: str) -> list[str]:
    """Split a line into words and quoted words, as a shell does; on Windows a backslash escapes nothing.

    Raises:
        ValueError: a quote is open.
    """
    words = shlex.shlex(text, posix=True, punctuation_chars=False)
    words.whitespace_split, words.commenters = True, ""
    if WINDOWS:
        words.escape = ""
    return list(words)
