"""Texts that can be read only once, standard input and pipes: copied to a temporary file before they are used."""

from __future__ import annotations

import io
import os
import select
import sys
import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from rnngen.corpus.files.compressed import readable_compression
from rnngen.corpus.files.examine import examine
from rnngen.corpus.files.find import refuse
from rnngen.corpus.files.kinds import START_BYTES
from rnngen.corpus.formats.decoding import CHUNK_BYTES
from rnngen.corpus.progress import OnProgress
from rnngen.errors import CorpusError

WAIT = 10.0
"""Seconds after which a pipe that no process writes to is an error; one that some process has open is waited for."""

_IN_MEMORY = 64 << 20  # bytes up to which the copy is not written to a file


@dataclass(frozen=True, eq=False)
class Copied:
    """A copy of a text that can be read only once.

    Attributes:
        path: of the pipe; None: standard input.
        content: the copy; it is closed with the last reference to this object.
    """

    path: Path | None
    content: IO[bytes]

    @property
    def name(self) -> object:
        """Its name in messages."""
        return self.path or "standard input"

    @property
    def size(self) -> int:
        """In bytes."""
        return self.content.seek(0, io.SEEK_END)


def copy_stdin(
    stream: IO[bytes] | None, command: str | None, on_progress: OnProgress | None, encoding: str | None
) -> Copied:
    """Copy standard input to its end.

    Args:
        stream: where it is read from; None: the process's standard input.
        command: see ``Decoding``.
        on_progress: called with the number of bytes read so far ("reading").
        encoding: see ``find``.

    Raises:
        CorpusError: it is closed, cannot be read, or is not text; or there is no space for the copy.
    """
    if stream is None:
        if sys.stdin is None or sys.stdin.closed:
            raise CorpusError("is closed", where="standard input", expected="text to read")
        stream = sys.stdin.buffer
    return _copy(stream, None, b"", command, on_progress, encoding)


def copy_pipe(path: Path, command: str | None, on_progress: OnProgress | None, encoding: str | None) -> Copied:
    """Copy what comes from a named pipe, or from a process as in ``<(sort text.txt)``.

    Arguments as for ``copy_stdin``.

    Raises:
        CorpusError: as ``copy_stdin``, or no process has opened it for writing within ``WAIT`` seconds.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb", buffering=0) as stream:
            select.select([stream], [], [], WAIT)
            try:
                start = stream.read(CHUNK_BYTES)
            except BlockingIOError:
                start = None
            if start == b"":
                raise CorpusError("nothing was written to this pipe", where=path, expected="a text")
            os.set_blocking(descriptor, True)
            return _copy(stream, path, start or b"", command, on_progress, encoding)
    except OSError as error:
        raise CorpusError(f"cannot be read ({error.strerror})", where=path) from error


def _copy(
    stream: IO[bytes],
    path: Path | None,
    start: bytes,
    command: str | None,
    on_progress: OnProgress | None,
    encoding: str | None,
) -> Copied:
    """Copy a stream to its end, after the bytes that have been read of it before."""
    content = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 (lives as long as the copy)
    copied = Copied(path, content)
    weakref.finalize(copied, content.close)
    begun, is_known, size = b"", False, 0
    chunk = start or _read(stream, copied.name)
    while chunk or not is_known:
        if not is_known:
            begun += chunk[:START_BYTES]
            is_known = len(begun) >= START_BYTES or not chunk
            if is_known and not readable_compression(begun):  # what that contains is examined when it is read
                kind = examine(io.BytesIO(begun[:START_BYTES]), "", copied.name, encoding).kind
                if kind:
                    raise refuse(kind, copied.name, None, command, encoding)
        try:
            content.write(chunk)
        except OSError as error:
            raise CorpusError(
                f"cannot be copied to a temporary file ({error.strerror})",
                where=copied.name,
                hint="Set TMPDIR to a folder with more space, or give the text as a file.",
            ) from error
        size += len(chunk)
        if on_progress and chunk:
            on_progress("reading", size, None)
        chunk = chunk and _read(stream, copied.name)
    return copied


def _read(stream: IO[bytes], where: object) -> bytes:
    """The next bytes of a stream, none at its end; a stream that does not block is waited for."""
    try:
        while (chunk := cast("bytes | None", stream.read(CHUNK_BYTES))) is None:
            select.select([stream], [], [])
    except OSError as error:
        raise CorpusError(f"cannot be read ({error.strerror})", where=where) from error
    return chunk
