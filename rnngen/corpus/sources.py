"""Files, folders, globs and standard input, read as one stream of text.

The rules are the same for training, evaluation and prompts:

- Text is UTF-8. A byte that is not, or a NUL byte, is an error that names its offset; with ``errors="replace"`` it
  becomes U+FFFD.
- A byte order mark at the start of a file is dropped; CRLF and lone CR become LF.
- Another kind of file (an archive, an image, UTF-16) is an error that names the kind, even with ``errors="replace"``.
- A folder stands for all text files below it, sorted by path, and a glob for the text files among its matches
  (``files/find.py``); what is skipped is recorded.
- Files are joined in the order given; if a file does not end in a newline, one is inserted before the next file.
"""

from __future__ import annotations

import codecs
import io
import sys
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from rnngen.arguments import STDIN
from rnngen.corpus.files.find import ErrorRule as ErrorRule
from rnngen.corpus.files.find import find, open_file, refuse
from rnngen.corpus.files.find import find_files as find_files
from rnngen.corpus.files.kinds import START_BYTES, argument, converted, kind_of
from rnngen.corpus.files.legacy_encodings import CONTEXT_BYTES, is_mostly_utf8, likely_encoding
from rnngen.corpus.files.summary import SourceSummary
from rnngen.corpus.progress import OnProgress
from rnngen.errors import CorpusError

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Reader:
    """How bytes are decoded, and what the hints in error messages suggest to type.

    Attributes:
        errors: ``strict`` refuses what is not UTF-8; ``replace`` puts U+FFFD in its place.
        command: the command that reads standard input instead of the only file, as in ``rnngen train -``; None: none.
        lenient: the option that selects ``replace``; empty: there is none.
    """

    errors: ErrorRule = "strict"
    command: str | None = None
    lenient: str = "`errors=replace`"

    def decode(self, stream: IO[bytes], file: Path | None) -> Iterator[str]:
        """Decode one file (None: standard input) in pieces, by the rules at the top of this module.

        Raises:
            CorpusError: it is not UTF-8, or cannot be read.
        """
        decoder = codecs.getincrementaldecoder("utf-8")(self.errors)
        newlines = io.IncrementalNewlineDecoder(None, translate=True)
        offset = 0  # of the chunk's first byte in the file
        while True:
            try:
                chunk = stream.read(CHUNK_BYTES)
            except OSError as error:
                raise CorpusError(f"cannot be read ({error.strerror})", where=_called(file)) from error
            skip = len(codecs.BOM_UTF8) if offset == 0 and chunk.startswith(codecs.BOM_UTF8) else 0
            nul = chunk.find(b"\0")
            if nul >= 0 and self.errors == "strict":
                raise CorpusError(
                    "is not text",
                    where=_called(file),
                    expected="UTF-8 text",
                    found=f"a NUL byte at offset {offset + nul}",
                    hint=f"To read it all the same: {self.lenient}" if self.lenient else None,
                )
            pending = len(decoder.getstate()[0])  # bytes of a character that the end of the chunk cuts
            try:
                text = decoder.decode(chunk[skip:], final=not chunk)
            except UnicodeDecodeError as error:
                bad = offset + skip - pending + error.start
                around = error.object[max(0, error.start - CONTEXT_BYTES // 2) : error.start + CONTEXT_BYTES // 2]
                raise CorpusError(
                    "is not UTF-8",
                    where=_called(file),
                    expected="UTF-8 text",
                    found=f"byte 0x{error.object[error.start]:02x} at offset {bad}",
                    hint=self._hint(around, file),
                ) from error
            if nul >= 0:
                text = text.replace("\0", "\ufffd")
            piece = newlines.decode(text, final=not chunk)
            if piece:
                yield piece
            if not chunk:
                return
            offset += len(chunk)

    def _hint(self, around: bytes, file: Path | None) -> str:
        """What to do about a text that is not UTF-8, from the bytes around the first invalid one."""
        replace = f"{self.lenient} puts U+FFFD in place of each such byte." if self.lenient else ""
        if is_mostly_utf8(around):
            return replace or "Correct it: the rest is UTF-8."
        encoding = likely_encoding(around)
        kind = converted(encoding, "")
        if file is None or self.command:
            convert = kind.hint(file, self.command).replace("Read", "read", 1)
        else:  # converted in place: it may be one file of a folder
            convert = f"convert it: {kind.extraction(argument(file))} > NEW && mv NEW {argument(file)}"
        return f"{replace} If it is {encoding}: {convert}".strip()


def _called(file: Path | None) -> object:
    return "standard input" if file is None else file


class TextSource:
    """One or several sources as one text, which can be read several times, in pieces of about a megabyte.

    Standard input can be read only once, so it is first copied to a temporary file.

    Args:
        sources: paths, folders, globs, or ``-`` for standard input.
        errors, command, lenient: see ``Reader``.
        stdin: where ``-`` reads from; the process's standard input by default.
        on_progress: called with the number of bytes read from standard input so far ("reading").

    Attributes:
        summary: how many files are read, and what was skipped.

    Raises:
        CorpusError: a source stands for no file, or is not text.
    """

    def __init__(
        self,
        sources: Sequence[str],
        errors: ErrorRule = "strict",
        stdin: IO[bytes] | None = None,
        *,
        command: str | None = None,
        lenient: str = "`errors=replace`",
        on_progress: OnProgress | None = None,
    ) -> None:
        self.sources = list(sources)
        self._spool: IO[bytes] | None = None
        self._files: list[Path | None] = []  # None is standard input
        self.summary = SourceSummary()
        for source in self.sources:
            if source == STDIN:
                self._read_stdin(stdin, on_progress, command)
                self._files.append(None)
                self.summary += SourceSummary(1)
            else:
                found = find([source], errors, command if len(self.sources) == 1 else None)
                self._files.extend(found.files)
                self.summary += SourceSummary(len(found.files), tuple(found.skipped))
        self._reader = Reader(errors, command if len(self._files) == 1 else None, lenient)

    def _read_stdin(self, stdin: IO[bytes] | None, on_progress: OnProgress | None, command: str | None) -> None:
        if stdin is None:
            if sys.stdin is None or sys.stdin.closed:
                raise CorpusError("is closed", where="standard input", expected="text to read")
            stdin = sys.stdin.buffer
        if self._spool is not None:
            return
        self._spool = tempfile.SpooledTemporaryFile(max_size=64 << 20)  # noqa: SIM115 (lives as long as self)
        weakref.finalize(self, self._spool.close)
        start, done = b"", 0
        while chunk := stdin.read(CHUNK_BYTES):
            if len(start) < START_BYTES:
                start = (start + chunk)[:START_BYTES]
                if len(start) == START_BYTES and (kind := kind_of(start)):
                    raise refuse(kind, "standard input", None, command)
            self._spool.write(chunk)
            done += len(chunk)
            if on_progress:
                on_progress("reading", done, None)
        if len(start) < START_BYTES and (kind := kind_of(start)):
            raise refuse(kind, "standard input", None, command)

    @property
    def name(self) -> str:
        """The name of this text in messages and run names."""
        first = "stdin" if self.sources[0] == STDIN else Path(self.sources[0]).name or "corpus"
        return first if len(self.sources) == 1 else f"{first} and {len(self.sources) - 1} more"

    @property
    def size(self) -> int:
        """The current size of the files in bytes."""
        spooled = 0
        if self._spool is not None:
            self._spool.seek(0, io.SEEK_END)
            spooled = self._spool.tell()
        total = 0
        for file in self._files:
            try:
                total += spooled if file is None else file.stat().st_size
            except OSError as error:
                raise CorpusError(f"cannot be read ({error.strerror})", where=file) from error
        return total

    def __iter__(self) -> Iterator[str]:
        """The text, in pieces; the same pieces every time."""
        last = "\n"
        for file in self._files:
            if last != "\n":
                yield "\n"
                last = "\n"
            for piece in self._pieces(file):
                last = piece[-1]
                yield piece

    def _pieces(self, file: Path | None) -> Iterator[str]:
        if file is None:
            assert self._spool is not None
            self._spool.seek(0)
            yield from self._reader.decode(self._spool, None)
        else:
            with open_file(file) as stream:
                yield from self._reader.decode(stream, file)
