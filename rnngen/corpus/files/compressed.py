"""Compressed files, decompressed as they are read: gzip, bzip2, xz and zstd.

They are recognised by their first bytes. Members that follow each other in one file are read as one text. Memory does
not depend on how far a file expands.
"""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Any, Protocol, cast

from rnngen.corpus.files.kinds import FileKind, compression_of
from rnngen.errors import CorpusError

SUFFIXES = (".gz", ".bz2", ".xz", ".zst")

_CHUNK_BYTES = 1 << 16
_PIECE_BYTES = 1 << 18  # decompressed at once
_MAX_MEMORY = 1 << 28  # for the decompression of xz, more than the highest level needs
_MAX_WINDOW = 1 << 27  # of zstd, which refuses more unless told otherwise


class _Decompressor(Protocol):
    """Decompresses one member."""

    eof: bool
    unused_data: bytes

    def decompress(self, data: bytes, limit: int, /) -> bytes:
        """Up to ``limit`` more bytes; fewer mean that more data is needed, or that the member has ended."""


class _Gzip:
    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, limit: int, /) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, limit)


_DECOMPRESSORS: dict[str, Callable[[], Any]] = {
    "a gzip archive": _Gzip,
    "a bzip2 archive": bz2.BZ2Decompressor,
    "an xz archive": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, _MAX_MEMORY),
}
_ZSTD = "a zstd archive"


_SHORTEST = 14  # bytes of a file that some compression of no text makes


def is_stump(start: bytes, suffix: str) -> bool:
    """Whether a file that is not compressed is too short to be what its name says."""
    return suffix in SUFFIXES and len(start) < _SHORTEST


def readable_compression(start: bytes) -> FileKind | None:
    """The kind of a compressed file that can be read, from its first bytes; None: it is something else."""
    kind = compression_of(start)
    return kind if kind and (kind.name in _DECOMPRESSORS or kind.name == _ZSTD) else None


def decompressed(stream: IO[bytes], kind: FileKind | None, where: object) -> IO[bytes]:
    """The content of a file, decompressed if it is compressed.

    Args:
        stream: the file, open at its beginning.
        kind: how it is compressed, as ``readable_compression`` tells; None: it is not.
        where: its name in messages.

    Returns:
        Its content. Reading it raises ``CorpusError`` where the file is damaged.
    """
    if kind is None:
        return stream
    member = _DECOMPRESSORS.get(kind.name)
    pieces = _members(stream, member, kind, where) if member else _zstd_frames(stream, kind, where)
    return io.BufferedReader(_Pieces(pieces), _PIECE_BYTES)


class _Pieces(io.RawIOBase):
    """Bytes that come in pieces, as a stream."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        if not self._rest:
            self._rest = memoryview(next(self._pieces, b""))
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


def _members(stream: IO[bytes], make: Callable[[], _Decompressor], kind: FileKind, where: object) -> Iterator[bytes]:
    done, data = 0, _read(stream, _CHUNK_BYTES, where)
    while data:
        member = make()
        while not member.eof:
            try:
                piece = member.decompress(data, _PIECE_BYTES)
            except (zlib.error, lzma.LZMAError, OSError, ValueError, EOFError) as error:
                raise _damaged(kind, where, done, str(error)) from error
            done += len(piece)
            if piece:
                yield piece
            data = b""
            if len(piece) < _PIECE_BYTES and not member.eof:
                data = _read(stream, _CHUNK_BYTES, where)
                if not data:
                    raise cut_short(kind.name, where, done)
        data = member.unused_data.lstrip(b"\0")  # a file may be padded
        while not data and (more := _read(stream, _CHUNK_BYTES, where)):
            data = more.lstrip(b"\0")


def _zstd_frames(stream: IO[bytes], kind: FileKind, where: object) -> Iterator[bytes]:
    """Decompress block by block (RFC 8878): none expands to more than 128 KiB, and the end of the file is known."""
    import zstandard

    done = 0

    def take(size: int) -> bytes:
        data = _read(stream, size, where)
        if len(data) < size:
            raise cut_short(kind.name, where, done)
        return data

    make = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW)
    while magic := _read(stream, 4, where):
        magic += take(4 - len(magic))
        if magic[1:] == b"\x2a\x4d\x18" and magic[0] >> 4 == 5:  # a frame to be skipped
            left = int.from_bytes(take(4), "little")
            while left:
                left -= len(take(min(left, _CHUNK_BYTES)))
            continue
        descriptor = take(1)[0]
        is_single, has_checksum = descriptor >> 5 & 1, descriptor >> 2 & 1
        rest = take((1 - is_single) + (0, 1, 2, 4)[descriptor & 3] + (is_single, 2, 4, 8)[descriptor >> 6])
        frame = make.decompressobj()
        try:
            frame.decompress(magic + bytes([descriptor]) + rest)
            is_last = False
            while not is_last:
                header = take(3)
                number = int.from_bytes(header, "little")
                is_last, size = bool(number & 1), number >> 3
                block = take(1 if number >> 1 & 3 == 1 else size)  # one byte that is repeated, or the content
                piece = frame.decompress(header + block)
                done += len(piece)
                if piece:
                    yield piece
            if has_checksum:
                frame.decompress(take(4))
        except zstandard.ZstdError as error:
            raise _damaged(kind, where, done, str(error)) from error
        if not frame.eof:
            raise _damaged(kind, where, done, "the frame does not end where it says")


def _read(stream: IO[bytes], size: int, where: object) -> bytes:
    try:
        return cast("bytes | None", stream.read(size)) or b""
    except OSError as error:
        raise CorpusError(f"cannot be read ({error.strerror})", where=where) from error


def cut_short(what: str, where: object, done: int) -> CorpusError:
    """The error for a compressed file without its end.

    Args:
        what: its kind.
        where: its name.
        done: how many bytes of content it has.
    """
    return CorpusError(
        f"is cut short: {what} without its end",
        where=where,
        expected="a whole file",
        found=f"its end after {done:,} bytes of content",
        hint="Copy or download it again.",
    )


def _damaged(kind: FileKind, where: object, done: int, why: str) -> CorpusError:
    return CorpusError(
        f"is damaged: {kind.name} that cannot be decompressed ({why})",
        where=where,
        expected="a whole file",
        found=f"the damage after about {done:,} bytes of content",
        hint="Copy or download it again.",
    )
