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
- The text can be given a Unicode form (``normalization.py``); what is counted and hashed is the normalised text.
- Files are joined in the order given; if a file does not end in a newline, one is inserted before the next file.
- A text of documents has a boundary after each of them instead (``documents.py``).
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO

from rnngen.arguments import STDIN
from rnngen.corpus.documents import FILES, LINES, NONE, Documents, batches, looks_like_a_list, note_on_separator
from rnngen.corpus.files.find import UTF_8, find, open_file
from rnngen.corpus.files.find import ErrorRule as ErrorRule
from rnngen.corpus.files.find import find_files as find_files
from rnngen.corpus.files.summary import Observations, SourceSummary
from rnngen.corpus.formats.decoding import Decoding
from rnngen.corpus.formats.json_lines import looks_like_json_lines
from rnngen.corpus.formats.reader import Content, Reader
from rnngen.corpus.formats.separated import likely_delimiter
from rnngen.corpus.labels import Labels
from rnngen.corpus.normalization import Normalization, normalized_pieces
from rnngen.corpus.pieces import TextHash
from rnngen.corpus.piped import Copied, copy_pipe, copy_stdin
from rnngen.corpus.progress import OnProgress
from rnngen.errors import CorpusError

_MOST_NOTES = 3  # on files, of a kind
_LOOKED_AT = 20  # files that are looked at to choose a rule for documents


class TextSource:
    """One or several sources as one text, which can be read several times, in pieces of about a megabyte.

    What can be read only once, standard input and pipes, is first copied to a temporary file. A file that changes while
    it is read, or after it was read first, is an error.

    Args:
        sources: paths, folders, globs, or ``-`` for standard input.
        errors, encoding, command, lenient: see ``Decoding``.
        text_field: the field of a row that has its text; None: ``default_field``.
        default_field: the same, where it is not the user who names it; None: see ``formats/rows.py``.
        stdin: where ``-`` reads from; the process's standard input by default.
        max_bytes: see ``find``.
        documents: the rule by which the text consists of documents (see ``documents.py``); None: choose it.
        otherwise: the rule of a text that is neither rows nor lists, if it is chosen.
        normalize: the form that the text is given.
        labels: of its rows, if it consists of documents; None: they have none.
        on_progress: called with the number of bytes read from standard input and pipes so far ("reading").

    Attributes:
        documents: the rule.
        hashed: of the text as it was read last, up to where it was read.
        of_rows: numbers of the files that have been read and have rows.
        is_separated: whether what separates its documents occurred in a file without rows that has been read.

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
        default_field: str | None = None,
        command: str | None = None,
        lenient: str = "`errors=replace`",
        max_bytes: int | None = None,
        documents: str | None = NONE,
        otherwise: str = NONE,
        normalize: Normalization = "none",
        labels: Labels | None = None,
        on_progress: OnProgress | None = None,
    ) -> None:
        self.sources = list(sources)
        self._normalize: Normalization = normalize
        self._files: list[Path | Copied] = []
        self._hashes: list[str] = []  # of the text up to the end of each file, as it was read first
        self._found = SourceSummary()
        self._observed: list[Observations] = []  # of each file, as it was read first
        self.hashed = TextHash()
        self.of_rows: set[int] = set()
        self.is_separated = False
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
        self._reader = Reader(decoded, text_field, default_field, rows=bool(lenient))
        self._found += SourceSummary(bytes=self.size)
        self.documents = self._choose_documents(otherwise) if documents is None else documents
        if self.documents != NONE:
            self._reader = replace(self._reader, labels=labels)

    def _choose_documents(self, otherwise: str) -> str:
        """The rule for a text whose user gives none, from the beginnings of its first files, in whatever order."""
        any_rows, are_lists = False, []
        for file in self._files[:_LOOKED_AT]:
            with self._open(file) as stream:
                content = self._content(file, stream, Observations())
                any_rows |= content.has_rows
                if not content.has_rows:
                    are_lists.append(looks_like_a_list(next(content.texts, "")))
        if are_lists and all(are_lists):
            return LINES
        return FILES if any_rows else otherwise

    @property
    def summary(self) -> SourceSummary:
        """How many files are read, what was skipped, and, once they have been read, what was left out of them."""
        encodings = Counter(self._reader.decoding.chosen.values())
        observed = sum(self._observed, Observations())
        places, notes = observed.separators, observed.notes[:_MOST_NOTES]
        if others := len(observed.notes) - len(notes):
            notes.append(f"{others:,} more files are like {'this' if len(notes) == 1 else 'these'}")
        notes += note_on_separator(self.documents, places["all"], places["lines"])
        return self._found + SourceSummary(
            observed=observed, encodings=encodings, of_rows=len(self.of_rows), notes=tuple(notes)
        )

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
            if self.documents == NONE and last != "\n":
                hashed.add("\n")
                yield "\n"
                last = "\n"
            is_first = number == len(self._hashes)
            observed = Observations()
            for piece in self._pieces(number, observed):
                last = piece[-1:]
                hashed.add(piece)
                yield piece
            if is_first:
                self._observed.append(observed)
                self._hashes.append(hashed.sha256)
            elif self._hashes[number] != hashed.sha256:
                raise _changed(file)

    def _pieces(self, number: int, observed: Observations) -> Iterator[str]:
        file, is_first = self._files[number], number == len(self._hashes)
        with self._open(file) as stream:
            before = _version(stream)
            content = self._content(file, stream, observed)
            if content.has_rows:
                self.of_rows.add(number)
            yield from self._text_of(content, file, observed)
            if is_first and _version(stream) != before:  # later the hash tells, and is not deceived by a touched file
                raise _changed(file)

    @contextlib.contextmanager
    def _open(self, file: Path | Copied) -> Iterator[IO[bytes]]:
        if isinstance(file, Copied):
            file.content.seek(0)
            yield file.content
        else:
            with open_file(file) as stream:
                yield stream

    def _content(self, file: Path | Copied, stream: IO[bytes], observed: Observations) -> Content:
        path, where = (None, file.name) if isinstance(file, Copied) else (file, file)
        return self._reader.open(stream, path, where, observed)

    def _text_of(self, content: Content, file: Path | Copied, observed: Observations) -> Iterator[str]:
        """The text of one file in pieces, with its boundaries if it consists of documents."""
        rule = FILES if content.has_rows else self.documents  # a row is a document, whatever it contains
        documents = None if self.documents == NONE else Documents(rule, self._normalize)
        if not content.has_rows:
            pieces = normalized_pieces(self._watched(content.texts, file, observed), self._normalize)
            yield from documents.cut(pieces) if documents else pieces
            self.is_separated |= bool(documents and documents.is_separated)
        else:
            rows = documents.join(content.texts) if documents else _joined(content.texts)
            yield from normalized_pieces(rows, self._normalize)
        if documents and documents.empty:
            observed.empty["line" if rule == LINES else "document"] += documents.empty
        if documents and documents.places:
            observed.separators.update(all=documents.places.total, lines=documents.places.lines)

    def _watched(self, pieces: Iterator[str], file: Path | Copied, observed: Observations) -> Iterator[str]:
        """The pieces of a plain text, with a note if it looks like rows."""
        first = next(pieces, "")
        if self._reader.rows and (likely := _likely_format(first)):
            form, suffix = likely
            remedy = "give `text_field=NAME`" if isinstance(file, Copied) else f"name it {suffix}"
            name = file.name if isinstance(file, Copied) else file
            observed.notes.append(
                f"{name} looks like {form}, and is read as plain text: {remedy} so that its rows are documents"
            )
        if first:
            yield first
        yield from pieces


def _likely_format(beginning: str) -> tuple[str, str] | None:
    """The format of rows that a plain text seems to have, and the ending of its files' names; None: it has none."""
    if looks_like_json_lines(beginning):
        return "JSON Lines", ".jsonl"
    delimiter = likely_delimiter(beginning)
    return {",": ("CSV", ".csv"), "\t": ("TSV", ".tsv")}[delimiter] if delimiter else None


def _joined(rows: Iterable[str]) -> Iterator[str]:
    """Rows as the lines of one text, in pieces of about a megabyte."""
    separator = ""
    for batch in batches(rows):
        yield separator + "\n".join(batch)
        separator = "\n"


def _version(stream: IO[bytes]) -> tuple[int, int]:
    """What differs after an open file was written to; of a copy in memory, nothing."""
    try:
        status = os.fstat(stream.fileno())
    except OSError:  # it has no file
        return 0, 0
    return status.st_size, status.st_mtime_ns


def _changed(file: object) -> CorpusError:
    return CorpusError(
        "changed while it was read",
        where=file,
        expected="a text that nothing writes to",
        hint="Try again when nothing writes to it.",
    )
