"""What a file is, found from its first bytes, and whether it can be read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import IO

from rnngen.corpus.files.compressed import SUFFIXES, cut_short, decompressed, is_stump, readable_compression
from rnngen.corpus.files.kinds import BINARY, START_BYTES, FileKind, compressed_tar, kind_of, table_format
from rnngen.options.encodings import AUTO, codec_of

PLAIN = "text"

_ROWS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "tsv"}
_TABLES = (".parquet", ".arrow", ".feather")


@dataclass(frozen=True)
class Examined:
    """What was found.

    Attributes:
        start: the first ``START_BYTES`` of its content, decompressed.
        kind: its kind if it cannot be read; None: it is a text, or has rows.
        format: ``text``, ``jsonl``, ``csv``, ``tsv``, ``parquet``, ``arrow`` or ``arrow stream``.
        has_nul: whether it is plain text with a NUL byte that is a character of its own.
        archive: how it is compressed; None: it is not.
    """

    start: bytes
    kind: FileKind | None = None
    format: str = PLAIN
    has_nul: bool = False
    archive: FileKind | None = None


def examine(stream: IO[bytes], name: str, where: object, encoding: str | None) -> Examined:
    """Examine a file that is open at its beginning.

    Args:
        stream: the file.
        name: its name, whose suffix tells JSON Lines and CSV from plain text; empty: it has none.
        where: its name in messages.
        encoding: the value of the option; None: the text has to be UTF-8.

    Raises:
        CorpusError: it is compressed and damaged, or too short for what its name says.
        OSError: it cannot be read.
    """
    packed = stream.read(START_BYTES) or b""
    archive = readable_compression(packed)
    if archive is None:
        if is_stump(packed, suffix := PurePath(name.lower()).suffix):
            raise cut_short(f"a {suffix} file", where, 0)
        return _examined(packed, name, encoding)
    stream.seek(0)
    content = _examined(decompressed(stream, archive, where).read(START_BYTES), name, encoding)
    kind = kind_of(content.start) if readable_compression(content.start) else content.kind
    tar = compressed_tar(content.start, name)
    return replace(content, kind=tar or (kind and kind.within(archive)), archive=archive)


def _examined(start: bytes, name: str, encoding: str | None) -> Examined:
    if table := table_format(start):
        return Examined(start, format=table)
    suffix = suffix_of(name)
    if suffix in _TABLES and start:
        return Examined(start, FileKind(f"a {suffix} file without a table"))
    kind = kind_of(start, name)
    codec = codec_of(encoding) if encoding and encoding != AUTO else None
    has_wide = is_wide(codec) or (encoding == AUTO and kind is not None and kind.encoding != "")
    if kind and has_wide:
        kind = _wide_kind(start, kind, codec)
    form = _ROWS.get(suffix, PLAIN)
    return Examined(start, kind, form, form == PLAIN and b"\0" in start and not has_wide)


def _wide_kind(start: bytes, kind: FileKind, codec: str | None) -> FileKind | None:
    """The kind of what is to be read as UTF-16 or UTF-32; None: it is that.

    Args:
        start: its first bytes.
        kind: what they seem to be.
        codec: of the encoding that was given; None: what they seem to be.
    """
    if kind.encoding or codec is None:
        return None
    if kind != BINARY:
        return kind
    return kind_of(start.decode(codec, "replace").encode("utf-8", "replace"))  # few of its bytes may be zero


def suffix_of(name: str) -> str:
    """The last part of a file's name in lower case, as in ``.csv``, under that of its compression."""
    path = PurePath(name.lower())
    return PurePath(path.stem).suffix if path.suffix in SUFFIXES else path.suffix


def stem_of(name: str) -> str:
    """A file's name without its suffix, and without that of its compression: ``lab`` of ``lab.jsonl.gz``."""
    path = PurePath(name)
    return PurePath(path.stem).stem if path.suffix.lower() in SUFFIXES else path.stem


def is_wide(codec: str | None) -> bool:
    """Whether characters are of two or four bytes each."""
    return codec is not None and codec.startswith(("utf-16", "utf-32"))
