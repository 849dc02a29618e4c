"""The files of a run, read without following a link; ``folder.py`` writes them.

A run's folder may be a link itself, for example to a larger disk. Everything in it must really be in it: a link is
refused before it is followed, and a pipe or a device before it is opened.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from rnngen.errors import CheckpointError
from rnngen.platforms import is_link, map_privately
from rnngen.untrusted import open_regular, parse_json, read_regular

if TYPE_CHECKING:
    import mmap

MAX_JSON_BYTES = 1 << 24
"""Of a file that is parsed as a whole; a run whose text is 50,000 files has a configuration of a few of them."""

MAX_LINE = 1 << 12
"""Bytes of a line of a log; this package writes rows of 200."""

_PIECE = 1 << 20
_KINDS = {"file": stat.S_ISREG, "folder": stat.S_ISDIR}


def exists(path: Path, *kinds: str) -> bool:
    """Whether a file or folder of a run exists. Nothing is opened, and no link below the run's folder is followed.

    Args:
        path: in the run's folder.
        kinds: what it may be: ``"file"``, ``"folder"``.

    Raises:
        CheckpointError: it is something else: a link, which may lead anywhere, or a pipe or a device, which may never
            end.
    """
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise cannot_read(path, error) from error
    check_kind(status, path, kinds)
    return True


def check_kind(status: os.stat_result, path: Path, kinds: Sequence[str]) -> None:
    """Refuse what is not a file or a folder of a run.

    Args:
        status: what the system says, without following a link.
        path: for the message.
        kinds: see ``exists``.

    Raises:
        CheckpointError: see ``exists``.
    """
    if is_link(status):
        raise CheckpointError("is a link; a run's files lie in its own folder", where=path)
    found = next((kind for kind, matches in _KINDS.items() if matches(status.st_mode)), "a pipe, a socket or a device")
    if found not in kinds:
        raise CheckpointError(f"is not a {kinds[0]}", where=path, expected=f"a {kinds[0]} of this run", found=found)


def read_file(path: Path, max_bytes: int | None = None) -> bytes | None:
    """A file's content; None if there is no such file.

    Args:
        path: of the file.
        max_bytes: what it may hold at most; None: any amount, if this package bounds what it reads in another way.

    Raises:
        CheckpointError: it is not a file but a link, a pipe or a device, or it is larger or cannot be read.
    """
    try:
        return read_regular(path, sys.maxsize if max_bytes is None else max_bytes) if exists(path, "file") else None
    except FileNotFoundError:
        return None
    except OSError as error:
        raise cannot_read(path, error) from error


def read_needed(path: Path, max_bytes: int | None = None) -> bytes:
    """A file's content.

    Raises:
        CheckpointError: as ``read_file``, or there is no such file.
    """
    content = read_file(path, max_bytes)
    if content is None:
        raise CheckpointError("is missing", where=path)
    return content


def read_beginning(path: Path, size: int, *, only: bool = False) -> bytes | None:
    """The first bytes of a file; None if there is no such file, or if it does not have that many.

    Args:
        path: of the file.
        size: how many bytes.
        only: whether the file must end there; if it does not, the result is None.

    Raises:
        CheckpointError: as ``read_file``.
    """
    try:
        if not exists(path, "file"):
            return None
        with open_regular(path) as file:
            found = os.fstat(file.fileno()).st_size
            return None if found < size or (only and found > size) else file.read(size)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise cannot_read(path, error) from error


def open_file(path: Path) -> BinaryIO:
    """Open a file for reading it in parts.

    Raises:
        CheckpointError: as ``read_needed``.
    """
    try:
        if exists(path, "file"):
            return open_regular(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise cannot_read(path, error) from error
    raise CheckpointError("is missing", where=path)


def read_pieces(path: Path, size: int) -> Iterator[bytes]:
    """The first bytes of a file, or all of it if it is shorter, in pieces of about a megabyte.

    Raises:
        CheckpointError: as ``read_needed``.
    """
    return _parts(path, size, lambda stream, left: stream.read(min(left, _PIECE)))


def whole_lines(path: Path, size: int) -> int:
    """The bytes of the whole lines among the first ``size`` of a file: the rest of a line is left where it was cut.

    Raises:
        CheckpointError: as ``read_needed``.
    """
    last = b"\n"
    for piece in read_pieces(path, size) if size else ():
        last = last[-MAX_LINE:] + piece
    return size if last.endswith(b"\n") else max(0, size - len(last) + last.rfind(b"\n") + 1)


def read_lines(path: Path, size: int | None = None) -> Iterator[bytes]:
    """The lines of a file; one that is longer than ``MAX_LINE`` comes in parts of that length.

    Args:
        path: of the file.
        size: the bytes that count; None: all.

    Raises:
        CheckpointError: as ``read_needed``.
    """
    left = sys.maxsize if size is None else size
    return _parts(path, left, lambda stream, left: stream.readline(min(left, MAX_LINE)))


def _parts(path: Path, left: int, read: Callable[[BinaryIO, int], bytes]) -> Iterator[bytes]:
    """The first bytes of a file, as ``read`` gives them, which is called with how many are left."""
    with open_file(path) as stream:
        while left > 0:
            try:
                part = read(stream, left)
            except OSError as error:
                raise cannot_read(path, error) from error
            if not part:
                return
            yield part
            left -= len(part)


def map_file(path: Path) -> mmap.mmap | None:
    """A file's content, mapped into memory, privately; None if there is no such file, or if it is empty.

    Raises:
        CheckpointError: as ``read_file``.
    """
    try:
        if not exists(path, "file"):
            return None
        with open_regular(path) as file:
            return map_privately(file)
    except (FileNotFoundError, ValueError):  # an empty file cannot be mapped
        return None
    except OSError as error:
        raise cannot_read(path, error) from error


def read_json(path: Path, content: bytes | None = None) -> Any:
    """Parse a JSON file.

    Args:
        path: the file.
        content: what it holds, if that was read before.

    Raises:
        CheckpointError: as ``read_needed``, or it is not JSON (see ``parse_json``).
    """
    try:
        return parse_json(read_needed(path, MAX_JSON_BYTES) if content is None else content)
    except ValueError as error:
        raise CheckpointError("is not JSON", where=path, found=error) from error


def to_json(value: Any) -> bytes:
    """Readable JSON, ending in a newline."""
    try:
        return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
    except UnicodeEncodeError:  # a file's name that is not UTF-8
        return (json.dumps(value, indent=2, allow_nan=False) + "\n").encode()


def to_json_line(**values: Any) -> str:
    """A row of a log: JSON on one line."""
    return json.dumps(values, allow_nan=False) + "\n"


def cannot_read(path: Path, error: OSError) -> CheckpointError:
    """The error for a file or folder that the system cannot read."""
    return CheckpointError(f"cannot be read ({error.strerror})", where=path)
