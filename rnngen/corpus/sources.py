"""Files, folders, globs and standard input, read as one stream of text.

The rules, the same for training, evaluation and prompts:

- Text is UTF-8. A byte that is not is an error that names its offset, unless ``errors="replace"`` was
  asked for, which turns it into U+FFFD.
- A byte order mark at the start of a file is dropped; CRLF and lone CR become LF.
- A NUL byte means the file is not text: an error for a file given by name, skipped inside a folder.
- A folder stands for all files below it, sorted by path, without hidden and binary ones.
- Files are joined in the order given; a file that does not end in a newline gets one before the next.
"""

from __future__ import annotations

import codecs
import glob
import hashlib
import io
import sys
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from rnngen.errors import CorpusError
from rnngen.platforms import path_order

CHUNK_BYTES = 1 << 20
ErrorRule = Literal["strict", "replace"]

_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def find_files(sources: Sequence[str]) -> list[Path]:
    """The files that ``sources`` (paths, folders, globs) stand for, in order.

    Raises:
        CorpusError: a source that stands for no file.
    """
    files: list[Path] = []
    for source in sources:
        path = Path(source)
        try:
            exists = source != "" and path.exists()
        except OSError as error:  # a name longer than a path can be
            raise CorpusError(f"cannot be read ({error.strerror})", where=source[:80]) from error
        if exists and path.is_dir():
            found = [file for file in sorted(path.rglob("*"), key=path_order) if _is_visible_text(file, path)]
            if not found:
                raise CorpusError("the folder has no text files", where=path, expected="at least one UTF-8 text file")
        elif exists:
            if not path.is_file():  # a pipe can be read only once
                raise CorpusError("is not a regular file", where=path, hint="Pipe it in: ... | rnngen train -")
            found = [path]
        else:
            found = [Path(name) for name in sorted(glob.glob(source, recursive=True)) if Path(name).is_file()]  # noqa: PTH207 (a pattern may be absolute)
            if not found:
                raise CorpusError(
                    "no such file",
                    where=source or "an empty name",
                    expected="a text file, a folder, a glob, or - for standard input",
                )
        files.extend(found)
    return files


def _is_visible_text(file: Path, root: Path) -> bool:
    hidden = any(part.startswith(".") for part in file.relative_to(root).parts)
    if hidden or not file.is_file():
        return False
    with _open(file) as stream:
        try:
            start = stream.read(8192)
        except OSError as error:
            raise CorpusError(f"cannot be read ({error.strerror})", where=file) from error
    return b"\0" not in start and not start.startswith(_UTF16_MARKS)


def _open(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise CorpusError(f"cannot be read ({error.strerror})", where=path) from error


def _decode(stream: IO[bytes], name: object, errors: ErrorRule) -> Iterator[str]:
    """Text of one file, in pieces, under the rules at the top of this module."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors)
    newlines = io.IncrementalNewlineDecoder(None, translate=True)
    offset = 0  # of the chunk's first byte in the file
    while True:
        chunk = stream.read(CHUNK_BYTES)
        if offset == 0 and chunk.startswith(_UTF16_MARKS):
            raise CorpusError(
                "starts with a UTF-16 byte order mark", where=name, expected="UTF-8 text", found="UTF-16",
                hint="Convert it: iconv -f UTF-16 -t UTF-8 FILE > NEW",
            )  # fmt: skip
        skip = len(codecs.BOM_UTF8) if offset == 0 and chunk.startswith(codecs.BOM_UTF8) else 0
        nul = chunk.find(b"\0")
        if nul >= 0 and errors == "strict":
            raise CorpusError(
                "is not text", where=name, expected="UTF-8 text", found=f"a NUL byte at offset {offset + nul}",
                hint="Give a text file, or --errors replace to read it all the same.",
            )  # fmt: skip
        pending = len(decoder.getstate()[0])  # bytes of a character cut by the chunk's end
        try:
            text = decoder.decode(chunk[skip:], final=not chunk)
        except UnicodeDecodeError as error:
            bad = offset + skip - pending + error.start
            raise CorpusError(
                "is not UTF-8", where=name, expected="UTF-8 text",
                found=f"byte 0x{error.object[error.start]:02x} at offset {bad}",
                hint="Convert the file to UTF-8, or pass --errors replace.",
            ) from error  # fmt: skip
        if nul >= 0:
            text = text.replace("\0", "\ufffd")
        piece = newlines.decode(text, final=not chunk)
        if piece:
            yield piece
        if not chunk:
            return
        offset += len(chunk)


class TextSource:
    """One or several sources read as one text, as often as needed, in pieces of about a megabyte.

    Standard input can be read only once, so it is spooled to a temporary file first.

    Args:
        sources: paths, folders, globs, or ``-`` for standard input.
        errors: ``strict`` refuses what is not UTF-8; ``replace`` puts U+FFFD there.
        stdin: where ``-`` reads from; the process's standard input by default.
    """

    def __init__(self, sources: Sequence[str], errors: ErrorRule = "strict", stdin: IO[bytes] | None = None) -> None:
        self.sources = list(sources)
        self.errors: ErrorRule = errors
        self._spool: IO[bytes] | None = None
        self._files: list[Path | None] = []  # None is standard input
        for source in self.sources:
            if source == "-":
                self._read_stdin(stdin)
                self._files.append(None)
            else:
                self._files.extend(find_files([source]))

    def _read_stdin(self, stdin: IO[bytes] | None) -> None:
        if stdin is None:
            if sys.stdin is None or sys.stdin.closed:
                raise CorpusError("is closed", where="standard input", expected="text to read")
            stdin = sys.stdin.buffer
        if self._spool is None:
            self._spool = tempfile.SpooledTemporaryFile(max_size=64 << 20)  # noqa: SIM115 (lives as long as self)
            weakref.finalize(self, self._spool.close)
            while chunk := stdin.read(CHUNK_BYTES):
                self._spool.write(chunk)

    @property
    def name(self) -> str:
        """What to call this text in messages and run names."""
        first = "stdin" if self.sources[0] == "-" else Path(self.sources[0]).name or "corpus"
        return first if len(self.sources) == 1 else f"{first} and {len(self.sources) - 1} more"

    def __iter__(self) -> Iterator[str]:
        """The text, in pieces; the same pieces every time."""
        last = "\n"
        for file in self._files:
            if last != "\n":
                yield "\n"
                last = "\n"
            if file is None:
                assert self._spool is not None
                self._spool.seek(0)
                pieces = _decode(self._spool, "standard input", self.errors)
                for piece in pieces:
                    last = piece[-1]
                    yield piece
            else:
                with _open(file) as stream:
                    for piece in _decode(stream, file, self.errors):
                        last = piece[-1]
                        yield piece


@dataclass(frozen=True)
class TextCounts:
    """How long a text is. ``words`` are what white space separates."""

    characters: int = 0
    words: int = 0
    bytes: int = 0


class TextCounter:
    """Counts a text that comes in pieces, and takes its SHA-256."""

    def __init__(self) -> None:
        self.characters = self.words = self.bytes = 0
        self._in_word = False
        self._sha = hashlib.sha256()

    def add(self, piece: str) -> None:
        """Count one more piece."""
        if not piece:
            return
        encoded = piece.encode("utf-8")
        self._sha.update(encoded)
        self.characters += len(piece)
        self.bytes += len(encoded)
        # a word cut by the border between two pieces is one word
        self.words += len(piece.split()) - (self._in_word and not piece[0].isspace())
        self._in_word = not piece[-1].isspace()

    @property
    def counts(self) -> TextCounts:
        """What was counted so far."""
        return TextCounts(self.characters, self.words, self.bytes)

    @property
    def sha256(self) -> str:
        """The SHA-256 of the text so far, as UTF-8."""
        return self._sha.hexdigest()


def count(pieces: Iterable[str]) -> TextCounter:
    """Count a whole text."""
    counter = TextCounter()
    for piece in pieces:
        counter.add(piece)
    return counter


def cut(pieces: Iterable[str], start: int, stop: int) -> Iterator[str]:
    """The characters from ``start`` to ``stop`` (exclusive) of a text that comes in pieces."""
    position = 0
    for piece in pieces:
        if position >= stop:
            return
        part = piece[max(0, start - position) : max(0, stop - position)]
        if part:
            yield part
        position += len(piece)
