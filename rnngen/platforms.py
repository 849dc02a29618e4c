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
import stat
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

OPEN_UNTRUSTED = os.O_RDONLY | sum(
    getattr(os, name, 0) for name in ("O_BINARY", "O_CLOEXEC", "O_NOCTTY", "O_NOFOLLOW", "O_NONBLOCK")
)
"""Flags to open a file that may be anything: no link is followed, and a pipe does not block. Windows lacks the last
three."""

OPEN_PARTIAL = os.O_RDWR | os.O_CREAT | sum(getattr(os, name, 0) for name in ("O_BINARY", "O_CLOEXEC", "O_NOFOLLOW"))
"""Flags to go on writing a file, or begin it; no link is followed."""

_JUNCTION = 0xA0000003  # the tag of a link between folders on Windows


def is_link(status: os.stat_result) -> bool:
    """Whether what ``lstat`` found is a link, or what Windows calls a junction."""
    return stat.S_ISLNK(status.st_mode) or getattr(status, "st_reparse_tag", 0) == _JUNCTION


def open_folder(path: Path, within: int | None = None, *, follow: bool = True) -> int | None:
    """The descriptor of a folder; None on Windows, which cannot open folders.

    Args:
        path: of the folder.
        within: the descriptor of the folder that a relative path begins at; the current one by default.
        follow: whether the path itself may be a link.

    Raises:
        OSError: it is not a folder, or cannot be opened.
    """
    if WINDOWS:
        return None
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    return os.open(path, flags if follow else flags | os.O_NOFOLLOW, dir_fd=within)


def lock_folder(descriptor: int | None) -> bool | None:
    """Lock an open folder for this process, until the descriptor is closed.

    Returns:
        Whether it is locked: False if another process has locked it, None if this system cannot lock folders.
    """
    if descriptor is None:
        return None
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # some network file systems
        return None
    return True


def open_locked(folder: Path) -> int | None:
    """Lock a folder for as long as the returned descriptor is open, at most until the process ends, however it ends.

    The lock follows the folder when that is renamed, and only concerns those who ask for it. None: Windows and some
    file systems have no such lock.

    Raises:
        BlockingIOError: the folder is locked already.
        OSError: there is no such folder, or it is a link.
    """
    descriptor = open_folder(folder, follow=False)
    locked = lock_folder(descriptor)
    if descriptor is None or locked:
        return descriptor
    os.close(descriptor)
    if locked is False:
        raise BlockingIOError(errno.EWOULDBLOCK, os.strerror(errno.EWOULDBLOCK), str(folder))
    return None


def replace_file(source: Path, target: Path, within: int | None = None) -> None:
    """Rename a file over another, or a folder to an unused name, atomically.

    Windows refuses this while any process has the target open or mapped, such as a reader of the run or a virus
    scanner; the rename is then tried again for about two seconds.

    Args:
        source: the file.
        target: its new name.
        within: the descriptor of the folder that relative paths begin at; the current one by default.

    Raises:
        PermissionError: the target stayed open; both files are unchanged.
        OSError: another failure.
    """
    _patiently(lambda: os.replace(source, target, src_dir_fd=within, dst_dir_fd=within))


def rename_folder(source: Path, target: Path) -> None:
    """Rename a folder to an unused name, with the same patience as ``replace_file`` while a file in it is open.

    Raises:
        OSError: it cannot be renamed, or the name is in use.
    """
    _patiently(lambda: source.rename(target))


def rename_new(source: Path, target: Path) -> None:
    """Rename a file to an unused name; what another process writes there at the same moment is not replaced.

    Raises:
        FileExistsError: the name is in use; the source is unchanged.
        OSError: another failure.
    """
    if WINDOWS:
        rename_folder(source, target)  # which replaces nothing there
        return
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links: claim the name, then replace what was claimed
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        source.replace(target)
    else:
        source.unlink()


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
