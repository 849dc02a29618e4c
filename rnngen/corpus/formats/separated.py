"""CSV and TSV, by the rules of Python's ``csv`` module, with a header row."""

from __future__ import annotations

import contextlib
import csv
import re
from collections.abc import Iterable, Iterator, Sequence

from rnngen.corpus.formats.decoding import invalid_characters
from rnngen.corpus.formats.fields import choice, listed, value_of
from rnngen.corpus.formats.lines import RereadableLines
from rnngen.corpus.formats.remedies import with_commas
from rnngen.corpus.formats.rows import DEFAULT_FIELD, Rows
from rnngen.errors import CorpusError, shortened

_DELIMITERS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "vertical bars"}

_COLUMN = re.compile(r"[^\W\d][\w .-]{0,39}")
_LEAST_ROWS, _MOST_ROWS, _LONG_TEXT = 5, 50, 20

MANY_LINES = 20
"""A quoted field of more lines, most of which look like rows, may have lost a quote."""

LONGEST_FIELD = 1 << 30
"""In characters. A quote that is never closed ends there at the latest."""


def likely_delimiter(beginning: str) -> str | None:
    """What separates the fields of a plain text that has names of columns and rows, it seems: a comma or a tab.

    All rows have as many fields as the first one, which are names, and one column has texts of some length.

    Args:
        beginning: of the text; its last line may be cut.
    """
    lines = beginning.split("\n", _MOST_ROWS)[:-1]
    for delimiter in (",", "\t"):
        found: list[list[str]] = []
        with contextlib.suppress(csv.Error):  # a quote is open at the end
            found.extend(row for row in csv.reader(lines, delimiter=delimiter, strict=True) if row)
        if len(found) <= _LEAST_ROWS:
            continue
        header, *rows = found
        are_names = len(set(header)) == len(header) > 1 and all(map(_COLUMN.fullmatch, header))
        if not are_names or any(len(row) != len(header) for row in rows):
            continue
        if max(sum(map(len, column)) for column in zip(*rows, strict=True)) >= _LONG_TEXT * len(rows):
            return delimiter
    return None


def separated(lines: Iterable[str], delimiter: str, rows: Rows) -> Iterator[str]:
    """The text of each row; a blank line is none.

    If a row whose quotes are broken is left out, only its first line is: the next one is read as a row of its own.

    Args:
        lines: of the file, each with its end.
        delimiter: between fields.
        rows: the rules.

    Raises:
        CorpusError: the header lacks the field, a row has another number of fields, or its quotes are wrong.
    """
    csv.field_size_limit(max(LONGEST_FIELD, csv.field_size_limit()))
    source = RereadableLines(lines, keeps=rows.errors == "skip")
    reader = csv.reader(source, delimiter=delimiter, strict=True)
    header: list[str] | None = None
    column, labels = 0, None
    joined = _JoinedRows(rows, delimiter)
    while True:
        source.begin_row()
        begin = source.number
        place = f"line {begin + 1:,}"
        try:
            row = next(reader, None)
        except csv.Error as error:
            if header is None:
                raise _broken_header(rows, place, error) from error
            rows.refuse(place, "begins a row that is not CSV", "broken quotes", found=str(error))
            if lost := source.return_to_second():  # a quote that is never closed takes all rows to the end of the file
                rows.observed.lines["below broken quotes"] += lost
            continue
        if row is None:
            joined.tell()
            return
        if header and source.number - begin > MANY_LINES:
            joined.look_at(row, begin + 1)
        if not row:
            continue
        if header is None:
            header, column, labels = row, _column(row, delimiter, rows), _label_column(row, rows)
            continue
        if rows.errors == "skip" and (reason := invalid_characters(delimiter.join(row))):
            rows.observed.rows[reason] += 1
        elif len(row) != len(header):
            rows.refuse(
                place,
                "begins a row of another length",
                "another number of fields",
                expected=f"{_fields(len(header))}, as in the header",
                found=_fields(len(row)),
            )
        else:
            label = None if labels is None else row[labels]
            if text := rows.labelled(rows.text(row[column], header[column], place), label, place):
                yield text


class _JoinedRows:
    """Notes rows that seem to hold others, since a quote was lost, or is one too many.

    Args:
        rows: the rules, with the place for the note.
        delimiter: between fields.
    """

    def __init__(self, rows: Rows, delimiter: str) -> None:
        self._rows, self._delimiter = rows, delimiter
        self._number, self._first = 0, ""

    def look_at(self, row: Sequence[str], line: int) -> None:
        """Look at a row of many lines, which begins at this one: most of those of a joined field look like rows."""
        for field in row:
            inner = field.splitlines()
            like_rows = sum(each.count(self._delimiter) == len(row) - 1 for each in inner)
            if len(inner) > MANY_LINES and len(row) > 1 and 2 * like_rows > len(inner):
                self._number += 1
                self._first = self._first or f"{len(inner):,} lines from line {line:,} on"
                return

    def tell(self) -> None:
        """Leave a note, if there were any."""
        if not self._number:
            return
        more = f", and {self._number - 1:,} more like it" if self._number > 1 else ""
        self._rows.observed.notes.append(
            f"{self._rows.where}: a quoted field has {self._first}{more}, and most of them look like rows: a quote may "
            "be missing, or one too many"
        )


def _fields(number: int) -> str:
    return f"{number:,} field{'' if number == 1 else 's'}"


def _column(header: Sequence[str], delimiter: str, rows: Rows) -> int:
    """Which column has the text.

    Raises:
        CorpusError: none, or several.
    """
    field = rows.field or (header[0] if len(header) == 1 else DEFAULT_FIELD)
    if len(header) == 1 and rows.field != header[0]:
        other = next((each for each in "\t;|," if each != delimiter and each in header[0]), None)
        if other:
            raise _other_delimiter(header[0], delimiter, other, rows)
    if header.count(field) == 1:
        return header.index(field)
    if field in header:
        raise _several(field, header, rows)
    raise CorpusError(
        f"has no column {shortened(field)!r}",
        where=rows.where,
        expected="a first row with the names of the columns",
        found=listed(header),
        hint=f"{choice('text_field', field, header)} If the first row is data, put a row of names above it.",
    )


def _other_delimiter(header: str, delimiter: str, other: str, rows: Rows) -> CorpusError:
    """The error for a file that has its fields separated by something else, it seems."""
    suffix = {",": ".csv", "\t": ".tsv"}.get(other)
    command = with_commas(rows.where, other)
    if suffix:
        hint = f"Give it a name that ends in {suffix}."
    elif command:
        hint = f"To separate them by commas, type: {command}"
    else:
        hint = "Save it with commas between fields."
    if header.isprintable() and "`" not in header:
        hint = f"If that is the name of the only column: {value_of('text_field', header)}. Else: {hint}"
    return CorpusError(
        "has a header with one column",
        where=rows.where,
        expected=f"fields separated by {_DELIMITERS.get(delimiter, delimiter)}",
        found=f"{_DELIMITERS[other]} between {listed(header.split(other)).replace('the fields ', '')}",
        hint=hint,
    )


def _several(field: str, header: Sequence[str], rows: Rows) -> CorpusError:
    return CorpusError(
        f"has {header.count(field)} columns {shortened(field)!r}",
        where=rows.where,
        found=listed(header),
        hint="Rename all but one of them.",
    )


def _label_column(header: Sequence[str], rows: Rows) -> int | None:
    """Which column has the label; None: none.

    Raises:
        CorpusError: several.
    """
    if rows.labels is None:
        return None
    field = rows.labels.field
    if field not in header:
        rows.labels.note_other_fields(header)
        return None
    if header.count(field) > 1:
        raise _several(field, header, rows)
    return header.index(field)


def _broken_header(rows: Rows, place: str, error: csv.Error) -> CorpusError:
    return CorpusError(f"{place} is not CSV", where=rows.where, expected="a header", found=str(error))
