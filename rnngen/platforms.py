"""What differs between operating systems, one function each.

Nothing else in the package asks which system it runs on. Each function has tests that pretend to be elsewhere by
setting ``WINDOWS``.
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
"""Seconds between attempts to rename what another process has open: about two in all."""

_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\.|$)", re.IGNORECASE)
_LONGEST_NAME = 200  # bytes, of the 255 that file systems allow: something may be appended


def sync_folder(folder: Path) -> None:
    """Wait until renames in a folder are on the disk. Windows cannot open folders, and has no such call."""
    if WINDOWS:
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_file(source: Path, target: Path) -> None:
    """Rename a file over another, atomically.

    Windows refuses this while any process has the target open or mapped, be it a reader of the run or a virus
    scanner; such a refusal is tried again for about two seconds.

    Raises:
        PermissionError: the target stayed open; both files are as before.
        OSError: another reason.
    """
    _patiently(lambda: source.replace(target))


def rename_folder(source: Path, target: Path) -> None:
    """Rename a folder to a name that is free; Windows refuses it while any file within is open, as in ``replace_file``.

    Raises:
        OSError: it cannot be renamed, or the name is not free.
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
    """An open file's content in memory, writable, without effect on the file.

    On Windows a mapped file can be neither replaced nor removed, so the content is copied, and the file is free again
    as soon as it is closed.

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
    """An array that may outlive the file it is mapped from: on Windows, which removes no mapped file, a copy."""
    return array.copy() if WINDOWS else array


def idle_seconds() -> float | None:
    """Seconds, added up, in which the processors that this process may use have been idle since the system started.

    Only Linux tells: None elsewhere, and where ``/proc`` cannot be read.
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
    """Processes that ran or waited to run, a mean over the last minute; None where the system does not tell."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):  # Windows has no such thing
        return None


def stop_signals() -> tuple[signal.Signals, ...]:
    """The signals that ask a program to end and exist here; exit codes are 128 plus their numbers.

    A hang-up that was told to be ignored, as by nohup, is none of them.
    """
    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")  # SIGHUP: not on Windows; SIGBREAK, Ctrl-Break: only there
    found = [signal.Signals(getattr(signal, name)) for name in names if hasattr(signal, name)]
    return tuple(s for s in found if s.name != "SIGHUP" or signal.getsignal(s) is not signal.SIG_IGN)


def use_utf8(stream: TextIO | None) -> None:
    """Make an output stream take any text: in a file or a pipe as UTF-8, as everywhere in this package.

    A terminal keeps the encoding of the locale, and whatever is written the one that PYTHONIOENCODING names. What
    that encoding lacks becomes ``?``, unless the stream has a way to write it, as standard error has.
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
    """Text in which UTF-8 that the locale's encoding lacks is read all the same.

    Of arguments and names of files, Python keeps the bytes that it cannot decode as lone surrogates. Where they are not
    UTF-8 either, they stay.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        with contextlib.suppress(UnicodeError):  # other surrogates than Python's
            return text.encode(errors="surrogateescape").decode(errors="surrogateescape")
    return text


def reader_is_gone(error: OSError) -> bool:
    """Whether a write failed because nobody reads the pipe any more; Windows calls that an invalid argument."""
    return isinstance(error, BrokenPipeError) or (WINDOWS and error.errno == errno.EINVAL)


def safe_file_name(stem: str, default: str = "run") -> str:
    """A name like ``stem`` that every system allows for a file or a folder, with anything appended to it.

    Letters, digits, ``_``, ``.`` and ``-`` stay; it does not begin or end with a dot or a hyphen; it is none of the
    names that Windows reserves for devices (CON, NUL, COM1, with any extension); and it is not too long.

    Args:
        stem: any text.
        default: the name where nothing is left, and what stands before a reserved one.
    """
    name = re.sub(r"[^\w.-]+", "-", stem).strip("-.")
    name = name.encode("utf-8", errors="ignore")[:_LONGEST_NAME].decode("utf-8", errors="ignore").rstrip("-.")
    return f"{default}-{name}" if _RESERVED.match(name) else name or default


def path_order(path: PurePath) -> tuple[str, ...]:
    """A key that sorts paths alike everywhere; by themselves, those of Windows are compared without case."""
    return path.parts


def quote_argument(text: str) -> str:
    """An argument as the user's shell takes it, in a command to be copied."""
    if not WINDOWS:
        return shlex.quote(text)
    return text if re.fullmatch(r"[\w.:/\\-]+", text) else f'"{text}"'  # cmd and PowerShell; no path has a " there


def split_arguments(text: str) -> list[str]:
    """Words and quoted words, as in a shell; on Windows a backslash separates folders and escapes nothing.

    Raises:
        ValueError: a quote is open.
    """
    words = shlex.shlex(text, posix=True, punctuation_chars=False)
    words.whitespace_split, words.commenters = True, ""
    if WINDOWS:
        words.escape = ""
    return list(words)
