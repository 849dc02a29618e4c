"""The texts of one file, whatever its format: pieces of one text, or one text per row."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

from rnngen.corpus.files.compressed import decompressed
from rnngen.corpus.files.examine import PLAIN, Examined, examine
from rnngen.corpus.files.find import UTF_8, refuse
from rnngen.corpus.files.kinds import FileKind
from rnngen.corpus.files.summary import Observations
from rnngen.corpus.formats.decoding import CHUNK_BYTES, Decoding, choose
from rnngen.corpus.formats.json_lines import json_lines
from rnngen.corpus.formats.lines import lines_of
from rnngen.corpus.formats.rows import Rows
from rnngen.corpus.formats.separated import separated
from rnngen.corpus.formats.tables import TABLES, table_rows
from rnngen.corpus.labels import Labels
from rnngen.errors import CorpusError
from rnngen.options.encodings import AUTO, codec_of

_DELIMITERS = {"csv": ",", "tsv": "\t"}


class Content(NamedTuple):
    """What a file contains.

    Attributes:
        texts: the pieces of one text, or the text of each row.
        has_rows: which of them.
    """

    texts: Iterator[str]
    has_rows: bool


@dataclass(frozen=True)
class Reader:
    """How files are read.

    Attributes:
        decoding: how bytes become text.
        text_field: the value of the option; without a name, files are read as rows only if it is given.
        default_field: the field of a row that has its text if the option is not given; None: see ``rows.py``.
        rows: whether files of rows are read as rows; else they are plain texts.
        labels: of the rows; None: they have none.
    """

    decoding: Decoding
    text_field: str | None = None
    default_field: str | None = None
    rows: bool = True
    labels: Labels | None = None

    def open(self, stream: IO[bytes], file: Path | None, where: object, observed: Observations) -> Content:
        """Begin to read a file, by the rules of ``sources.py``.

        Args:
            stream: the file, open at its beginning; it can be read again from there.
            file: its path; None: it comes through standard input or a pipe, and has no name that tells its format.
            where: its name in messages.
            observed: counts what is left out.

        Returns:
            Its content, which raises ``CorpusError`` where it cannot be read.

        Raises:
            CorpusError: it is damaged, or is no text.
        """
        encoding = self.decoding.encoding if self.decoding.lenient else None
        try:
            examined = examine(stream, file.name if file else "", where, encoding)
            if examined.start:
                stream.seek(0)
        except OSError as error:
            raise CorpusError(f"cannot be read ({error.strerror})", where=where) from error
        if examined.kind:  # it has changed since it was found
            raise refuse(examined.kind, where, file, self.decoding.command, encoding)
        if examined.format in TABLES and not self.rows:
            raise refuse(FileKind(TABLES[examined.format]), where, file, None, None)
        form = self._format(examined, is_named=file is not None)
        if encoding == AUTO and str(where) not in self.decoding.chosen and form not in TABLES:
            self.decoding.chosen[str(where)] = choose(decompressed(stream, examined.archive, where), where)
            if examined.start:
                stream.seek(0)
        content = decompressed(stream, examined.archive, where)
        if form == PLAIN:
            return Content(self.decoding.decode(content, file, where, observed), False)
        rows = Rows(where, self.decoding.errors, self.text_field or self.default_field, observed, self.labels)
        if form not in TABLES:
            replaced = observed.replaced
            characters = self.decoding.characters(content, file, where, numbered=True, replaced=replaced)
            lines = lines_of(characters, universal=form != "jsonl")
            texts = json_lines(lines, rows) if form == "jsonl" else separated(lines, _DELIMITERS[form], rows)
            return Content(texts, True)
        texts = _packed_rows(content, form, rows) if examined.archive else table_rows(content, form, rows)
        return Content(texts, True)

    def _format(self, examined: Examined, *, is_named: bool) -> str:
        if not self.rows:
            return PLAIN
        if examined.format != PLAIN or is_named or self.text_field is None:
            return examined.format
        codec = codec_of(self.decoding.encoding) or UTF_8
        first = examined.start.decode(codec, "replace").lstrip("\ufeff \t\r\n")
        return "jsonl" if first.startswith("{") else "tsv" if "\t" in first.partition("\n")[0] else "csv"


def _packed_rows(content: IO[bytes], form: str, rows: Rows) -> Iterator[str]:
    """The rows of a table that is compressed as a whole, from a copy that can be read at any place."""
    with tempfile.TemporaryFile() as copy:
        try:
            shutil.copyfileobj(content, copy, CHUNK_BYTES)
            copy.seek(0)
        except OSError as error:
            raise CorpusError(
                f"cannot be decompressed to a temporary file ({error.strerror})",
                where=rows.where,
                hint="Set TMPDIR to a folder with more space.",
            ) from error
        yield from table_rows(copy, form, rows)
