"""A named text downloaded, unpacked and written as plain files, one per standard part."""

from __future__ import annotations

import codecs
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from rnngen.corpus.files.new_file import write_new
from rnngen.corpus.named.built import BUILDERS
from rnngen.corpus.named.meant import hint_for
from rnngen.corpus.named.store import fetch
from rnngen.corpus.named.texts import TEXTS, NamedText, Part
from rnngen.corpus.named.transfer import Limits
from rnngen.corpus.progress import OnProgress
from rnngen.errors import CorpusError, UsageError
from rnngen.platforms import quote_argument
from rnngen.untrusted import open_regular

FOLDER = Path("corpora")
_CHUNK_BYTES = 1 << 20
_CONTINUATION = bytes(range(0x80, 0xC0))  # all bytes of a character but its first
_ENCRYPTED = 1  # flag of a member of a zip archive
_BOOK = re.compile(r"^\*\*\* ?START OF TH.*?\n(.*?)^\*\*\* ?END OF TH", flags=re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class GottenText:
    """A named text on disk.

    Attributes:
        text: what it is.
        files: part → file; the only key is empty if there are no standard parts.
    """

    text: NamedText
    files: dict[str, Path]

    @property
    def commands(self) -> tuple[str, str]:
        """What to type to train on the training part and to score on the test part."""
        named = {part: quote_argument(str(path)) for part, path in self.files.items()}
        given = [named.get("train") or named[""]]
        given += [f"--{part} {named[part]}" for part in ("valid", "test") if part in named]
        given += [self.text.options] if self.text.options else []
        return f"rnngen train {' '.join(given)}", "rnngen eval"


def get(name: str, out: Path | None, on_progress: OnProgress, limits: Limits | None = None) -> GottenText:
    """Write a named text into a folder, after downloading it if it is not in the user's cache.

    Files that have this content already stay as they are.

    Args:
        name: of the text.
        out: the folder; by default ``corpora``.
        on_progress: called with the bytes that have arrived or been written.
        limits: what servers are granted.

    Raises:
        UsageError: there is no text of this name, or something else has a file's name.
        CorpusError: it cannot be downloaded or written.
    """
    if name not in TEXTS:
        raise UsageError(
            "no text of this name can be downloaded",
            expected=", ".join(TEXTS),
            found=name,
            hint=hint_for(name, TEXTS, BUILDERS),
        )
    text, folder = TEXTS[name], out or FOLDER
    archives = {download: fetch(download, on_progress, limits or Limits()) for download in text.downloads}
    files: dict[str, Path] = {}
    for part in text.parts:
        files[part.name] = folder / (f"{name}.{part.name}.txt" if part.name else f"{name}.txt")
        archive = archives[part.download]
        write_new(files[part.name], lambda part=part, archive=archive: _content(part, archive, on_progress))  # type: ignore[misc]
    return GottenText(text, files)


def _content(part: Part, path: Path, on_progress: OnProgress) -> Iterator[bytes]:
    """A part of a download as UTF-8, in pieces."""
    with open_regular(path) as file:
        if part.is_book:
            yield _book(file.read(), path)
            return
        raw = _chunks(file) if part.member is None else _member(file, part, path)
        done = 0
        for piece in _cut(raw, part.start, part.stop, path):
            yield piece
            done += len(piece)
            on_progress("writing", done, None)


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK_BYTES):
        yield chunk


def _member(file: IO[bytes], part: Part, path: Path) -> Iterator[bytes]:
    """One member of a zip archive. Names in the archive are only compared, and no size in it is believed.

    Raises:
        CorpusError: it is not in the archive, is damaged, or is larger than it can be.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            member = archive.getinfo(part.member or "")
            if member.flag_bits & _ENCRYPTED:
                raise zipfile.BadZipFile("it is encrypted")
            with archive.open(member) as stream:
                size = 0
                for chunk in _chunks(stream):
                    size += len(chunk)
                    if size > part.most_bytes:
                        raise zipfile.BadZipFile(f"it has more than {part.most_bytes:,} bytes")
                    yield chunk
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError, NotImplementedError) as error:
        raise CorpusError(
            f"{part.member} cannot be unpacked ({error})", where=path, hint="Remove the archive and try again."
        ) from error


def _cut(chunks: Iterator[bytes], start: int, stop: int | None, path: Path) -> Iterator[bytes]:
    """The characters that begin at the bytes from ``start`` up to ``stop``, exclusive.

    The bytes of a character that the end of the file cuts are left out.

    Raises:
        CorpusError: it is not UTF-8.
    """
    decoder, position, begun = codecs.getincrementaldecoder("utf-8")(), 0, start == 0
    for chunk in chunks:
        piece = chunk[max(0, start - position) :]
        position += len(chunk)
        if not begun:
            piece = piece.lstrip(_CONTINUATION)
            begun = bool(piece)
        beyond = b"" if stop is None else piece[max(0, len(piece) - max(0, position - stop)) :]
        try:
            text = decoder.decode(piece[: len(piece) - len(beyond)])
            while beyond and decoder.getstate()[0]:  # a character that the border cuts
                text, beyond = text + decoder.decode(beyond[:1]), beyond[1:]
        except UnicodeDecodeError as error:
            raise CorpusError("is not UTF-8", where=path, found=f"an invalid byte before byte {position:,}") from error
        yield text.encode()
        if beyond:
            return


def _book(content: bytes, path: Path) -> bytes:
    """The text of a book between the lines that Project Gutenberg puts before and after it, with LF as line end.

    Raises:
        CorpusError: it is not UTF-8, or has no such lines.
    """
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise CorpusError("is not UTF-8", where=path, found=f"an invalid byte at {error.start:,}") from error
    found = _BOOK.search(text)
    if found is None:
        raise CorpusError("is not a book of Project Gutenberg", where=path, expected="its lines START OF and END OF")
    return f"{found[1].strip()}\n".encode()
