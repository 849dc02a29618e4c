"""Files, folders, globs and standard input, read as one stream of text.

The rules are the same for training, evaluation and prompts:

- Text is UTF-8. A byte that is not, or a NUL byte, is an error that names its offset; with ``errors="replace"`` it
  becomes U+FFFD.
- A byte order mark at the start of a file is dropped; CRLF and lone CR become LF.
- Another kind of file (an archive, an image, UTF-16) is an error that names the kind, even with ``errors="replace"``.
- A folder stands for all text files below it, sorted by path, and a glob for the text files among its matches
  (``files/find.py``); what is skipped is recorded.
- The text can be given a Unicode form (``normalization.py``); what is counted and hashed is the normalised text.
- Files are joined in the order given; if a file does not end in a newline, one is inserted before the next file.
- A text of documents has a boundary after each of them instead (``documents.py``).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, BinaryIO

from rnngen.arguments import STDIN
from rnngen.corpus.decoding import Reader
from rnngen.corpus.documents import LINES, NONE, Documents, looks_like_a_list
from rnngen.corpus.files.find import ErrorRule as ErrorRule
from rnngen.corpus.files.find import find, open_file
from rnngen.corpus.files.find import find_files as find_files
from rnngen.corpus.files.summary import SourceSummary
from rnngen.corpus.normalization import Normalization, normalized_pieces
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
        errors, command, lenient: see ``Reader``.
        stdin: where ``-`` reads from; the process's standard input by default.
        max_bytes: see ``find``.
        documents: the rule by which the text consists of documents (see ``documents.py``); None: choose it.
        normalize: the form that the text is given.
        on_progress: called with the number of bytes read from standard input and pipes so far ("reading").

    Attributes:
        summary: how many files are read, and what was skipped, as far as the text has been read.
        documents: the rule.
        hashed: of the text as it was read last, up to where it was read.

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
        max_bytes: int | None = None,
        documents: str | None = NONE,
        normalize: Normalization = "none",
        on_progress: OnProgress | None = None,
    ) -> None:
        self.sources = list(sources)
        self._normalize: Normalization = normalize
        self._files: list[Path | Copied] = []
        self._hashes: list[str] = []  # of the text up to the end of each file, as it was read first
        self.summary = SourceSummary()
        self.hashed = TextHash()
        copied: Copied | None = None
        for source in self.sources:
            if source == STDIN:
                copied = copied or copy_stdin(stdin, command, on_progress)
                self._files.append(copied)
                self.summary += SourceSummary(1)
                continue
            found = find([source], errors, command if len(self.sources) == 1 else None, max_bytes)
            self._files += [copy_pipe(file, command, on_progress) if file.is_fifo() else file for file in found.files]
            self.summary += SourceSummary(len(found.files), tuple(found.skipped))
        self._reader = Reader(errors, command if len(self._files) == 1 else None, lenient)
        self.summary = replace(self.summary, bytes=self.size)
        self.documents = self._choose_documents() if documents is None else documents

    def _choose_documents(self) -> str:
        beginning = next(self._pieces(self._files[0], is_first=False), "")
        return LINES if looks_like_a_list(beginning) else NONE

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
        documents = None if self.documents == NONE else Documents(self.documents)
        last = "\n"
        for number, file in enumerate(self._files):
            if documents is None and last != "\n":
                hashed.add("\n")
                yield "\n"
                last = "\n"
            is_first = number == len(self._hashes)
            pieces = normalized_pieces(self._pieces(file, is_first), self._normalize)
            for piece in documents.cut(pieces) if documents else pieces:
                last = piece[-1:]
                hashed.add(piece)
                yield piece
            if is_first:
                self._hashes.append(hashed.sha256)
            elif self._hashes[number] != hashed.sha256:
                raise _changed(file)
        if documents:
            self.summary = replace(self.summary, empty=documents.empty)

    def _pieces(self, file: Path | Copied, is_first: bool) -> Iterator[str]:
        if isinstance(file, Copied):
            file.content.seek(0)
            yield from self._reader.decode(file.content, None, file.name)
            return
        with open_file(file) as stream:
            before = _version(stream)
            yield from self._reader.decode(stream, file)
            if is_first and _version(stream) != before:  # later the hash tells, and is not deceived by a touched file
                raise _changed(file)


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
