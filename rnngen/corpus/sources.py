"""Files, folders, globs and standard input, read as one stream of text.

The rules are the same for training, evaluation and prompts:

- Text is UTF-8, or in the ``encoding`` that is given. A byte that is not, or a NUL, is an error that names its offset;
  with ``errors="replace"`` it becomes U+FFFD, and with ``errors="skip"`` the line or row that has it is left out.
- A byte order mark at the start of a file is dropped; CRLF and lone CR become LF.
- A compressed file is read as what it contains (``files/compressed.py``).
- JSON Lines, CSV, TSV, Parquet and Arrow have one document per row (``formats/rows.py``).
- Another kind of file (an archive of files, an image) is an error that names the kind, whatever ``errors`` is.
- A folder stands for all text files below it, sorted by path, and a glob for the text files among its matches
  (``files/find.py``); what is skipped is recorded.
- Files are joined in the order given; if a file does not end in a newline, one is inserted before the next file.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, BinaryIO

from rnngen.arguments import STDIN
from rnngen.corpus.files.find import UTF_8, find, open_file
from rnngen.corpus.files.find import ErrorRule as ErrorRule
from rnngen.corpus.files.find import find_files as find_files
from rnngen.corpus.files.summary import LeftOut, SourceSummary
from rnngen.corpus.formats.decoding import CHUNK_BYTES, Decoding
from rnngen.corpus.formats.reader import Content, Reader
from rnngen.corpus.pieces import TextHash
from rnngen.corpus.piped import Copied, copy_pipe, copy_stdin
from rnngen.corpus.progress import OnProgress
from rnngen.errors import CorpusError


class TextSource:
    """One or several sources as one text, which can be read several times, in pieces of about a megabyte.

    What can be read only once, standard input and pipes, is first copied to a temporary file. A file that changes while
    it is read, or after it was read first, is an error.

    Args:
        sources: paths, folders, globs, or ``-`` for standard input.
        errors, encoding, command, lenient: see ``Decoding``.
        text_field: the field of a row that has its text; None: see ``formats/rows.py``.
        stdin: where ``-`` reads from; the process's standard input by default.
        max_bytes: see ``find``.
        on_progress: called with the number of bytes read from standard input and pipes so far ("reading").

    Attributes:
        hashed: of the text as it was read last, up to where it was read.
        has_rows: whether a file that has been read has rows.

    Raises:
        CorpusError: a source stands for no file, or is not text.
    """

    def __init__(
        self,
        sources: Sequence[str],
        errors: ErrorRule = "strict",
        stdin: IO[bytes] | None = None,
        *,
        encoding: str = UTF_8,
        text_field: str | None = None,
        command: str | None = None,
        lenient: str = "`errors=replace`",
        max_bytes: int | None = None,
        on_progress: OnProgress | None = None,
    ) -> None:
        self.sources = list(sources)
        self._files: list[Path | Copied] = []
        self._hashes: list[str] = []  # of the text up to the end of each file, as it was read first
        self._found = SourceSummary()
        self._left_out: list[LeftOut] = []  # of each file, as it was read first
        self.hashed = TextHash()
        self.has_rows = False
        decoding = encoding if lenient else None  # there is an option for it
        copied: Copied | None = None
        for source in self.sources:
            if source == STDIN:
                copied = copied or copy_stdin(stdin, command, on_progress, decoding)
                self._files.append(copied)
                self._found += SourceSummary(1)
                continue
            found = find([source], errors, command if len(self.sources) == 1 else None, max_bytes, decoding)
            self._files += [
                copy_pipe(file, command, on_progress, decoding) if file.is_fifo() else file for file in found.files
            ]
            self._found += SourceSummary(len(found.files), tuple(found.skipped))
        decoded = Decoding(errors, encoding, command if len(self._files) == 1 else None, lenient)
        self._reader = Reader(decoded, text_field, rows=bool(lenient))

    @property
    def summary(self) -> SourceSummary:
        """How many files are read, what was skipped, and, once they have been read, what was left out of them."""
        encodings = Counter(self._reader.decoding.chosen.values())
        return self._found + SourceSummary(0, (), sum(self._left_out, LeftOut()), encodings)

    @property
    def name(self) -> str:
        """The name of this text in messages and run names."""
        first = "stdin" if self.sources[0] == STDIN else Path(self.sources[0]).name or "corpus"
        return first if len(self.sources) == 1 else f"{first} and {len(self.sources) - 1} more"

    @property
    def size(self) -> int:
        """The current size of the files in bytes."""
        total = 0
        for file in self._files:
            try:
                total += file.size if isinstance(file, Copied) else file.stat().st_size
            except OSError as error:
                raise CorpusError(f"cannot be read ({error.strerror})", where=file) from error
        return total

    def __iter__(self) -> Iterator[str]:
        """The text, in pieces; the same text every time, or an error at the end of the file that has changed."""
        hashed = self.hashed = TextHash()
        last = "\n"
        for number, file in enumerate(self._files):
            if last != "\n":
                hashed.add("\n")
                yield "\n"
                last = "\n"
            is_first = number == len(self._hashes)
            left_out = LeftOut()
            for piece in self._pieces(file, is_first, left_out):
                last = piece[-1]
                hashed.add(piece)
                yield piece
            if is_first:
                self._left_out.append(left_out)
                self._hashes.append(hashed.sha256)
            elif self._hashes[number] != hashed.sha256:
                raise _changed(file)

    def _pieces(self, file: Path | Copied, is_first: bool, left_out: LeftOut) -> Iterator[str]:
        if isinstance(file, Copied):
            file.content.seek(0)
            yield from self._text_of(self._reader.open(file.content, None, file.name, left_out))
            return
        with open_file(file) as stream:
            before = _version(stream)
            yield from self._text_of(self._reader.open(stream, file, file, left_out))
            if is_first and _version(stream) != before:  # later the hash tells, and is not deceived by a touched file
                raise _changed(file)

    def _text_of(self, content: Content) -> Iterator[str]:
        """The pieces of a text, or rows joined by newlines, in pieces of about a megabyte."""
        if not content.has_rows:
            yield from content.texts
            return
        self.has_rows = True
        held: list[str] = []
        size, is_begun = 0, False
        for row in content.texts:
            held += ["\n", row] if is_begun else [row]
            is_begun = True
            size += len(row) + 1
            if size >= CHUNK_BYTES:
                yield "".join(held)
                held, size = [], 0
        if held:
            yield "".join(held)


def refuse_unused_field(text_field: str | None, texts: Iterable[TextSource]) -> None:
    """Refuse the option ``text_field`` where no text that has been read has rows.

    Raises:
        CorpusError: it was given.
    """
    listed = list(texts)
    if text_field is not None and not any(text.has_rows for text in listed):
        raise CorpusError(
            "`text_field` has no effect: there are no rows",
            where=listed[0].name,
            expected="JSON Lines, CSV, TSV, Parquet or Arrow, by the end of its name",
        )


def _version(file: BinaryIO) -> tuple[int, int]:
    """What differs after an open file was written to."""
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns


def _changed(file: object) -> CorpusError:
    return CorpusError(
        "changed while it was read",
        where=file,
        expected="a text that nothing writes to",
        hint="Try again when nothing writes to it.",
    )
