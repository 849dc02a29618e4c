"""Parquet and Arrow tables, read in batches of rows, only the column with the text."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from itertools import repeat
from typing import IO, Any

from rnngen.corpus.formats.decoding import with_replacements
from rnngen.corpus.formats.fields import choice, choice_within, listed, named
from rnngen.corpus.formats.rows import DEFAULT_FIELD, Rows
from rnngen.errors import CorpusError

_BATCH_ROWS = 1024
_BUFFER_BYTES = 1 << 20
_END_OF_STREAM = b"\xff" * 4 + bytes(4)

TABLES = {"parquet": "a Parquet table", "arrow": "an Arrow table", "arrow stream": "an Arrow stream"}
"""Formats with what they are called."""


def table_rows(stream: IO[bytes], form: str, rows: Rows) -> Iterator[str]:
    """The text of each row.

    Args:
        stream: the open file, which can be read at any place.
        form: ``parquet``, ``arrow`` or ``arrow stream``.
        rows: the rules.

    Raises:
        CorpusError: pyarrow is not installed, the file is damaged, or it has no such column of texts.
    """
    try:
        import pyarrow
        import pyarrow.ipc
        import pyarrow.parquet
    except ImportError as error:
        raise CorpusError(
            f"is {TABLES[form]}, and pyarrow is not installed",
            where=rows.where,
            hint='Install it: pip install "rnngen[tables]"',
        ) from error
    damage = (pyarrow.ArrowException, OSError, ValueError, RuntimeError, MemoryError, KeyError, OverflowError)
    number = 0
    try:
        for field, column, labels in _columns(stream, form, rows):
            for start in range(0, len(column), _BATCH_ROWS):
                texts = column.slice(start, _BATCH_ROWS).to_pylist()
                names = repeat(None) if labels is None else labels.slice(start, _BATCH_ROWS).to_pylist()
                for raw, name in zip(texts, names, strict=labels is not None):
                    number += 1
                    place = f"row {number:,}"
                    label = None if name is None else name.decode("utf-8", "surrogateescape")
                    if text := rows.labelled(_text(raw, field, place, rows), label, place):
                        yield text
    except damage as error:
        raise CorpusError(
            f"is damaged: {TABLES[form]} that cannot be read ({_first_line(error)})",
            where=rows.where,
            expected="a whole file",
            found=f"the damage after {number:,} rows",
        ) from error


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).partition("\n")[0].rstrip(".")


def _text(raw: bytes | None, field: str, place: str, rows: Rows) -> str | None:
    if raw is None:
        return rows.text(None, field, place)
    try:
        value = raw.decode("utf-8", "rnngen-invalid" if rows.errors == "replace" else "strict")
    except UnicodeDecodeError as error:
        found = f"byte 0x{raw[error.start]:02x} at offset {error.start} of the text"
        rows.refuse(place, f"is not UTF-8 in {field!r}", "invalid bytes", expected="UTF-8 text", found=found)
        return None
    if rows.errors == "replace":
        value = with_replacements(value, rows.observed.replaced)
    return rows.text(value, field, place)


def _columns(stream: IO[bytes], form: str, rows: Rows) -> Iterator[tuple[str, Any, Any]]:
    """The name of the column with the text; it, in consecutive parts, and that with the labels (or None), as bytes."""
    import pyarrow as pa
    import pyarrow.ipc
    import pyarrow.parquet

    if form == "parquet":
        file = pyarrow.parquet.ParquetFile(
            stream, pre_buffer=False, buffer_size=_BUFFER_BYTES, page_checksum_verification=True
        )
        field, path = _field(file.schema_arrow, rows)
        labels = _label_path(file.schema_arrow, rows)
        names = [".".join(each) for each in (path, labels) if each]
        for batch in file.iter_batches(_BATCH_ROWS, columns=names, use_threads=False):
            yield field, _bytes(batch, path), labels and _bytes(batch, labels)
        return
    if form == "arrow":
        schema = pyarrow.ipc.open_file(stream).schema
        field, path = _field(schema, rows)
        labels = _label_path(schema, rows)
        included = sorted({schema.get_field_index(each[0]) for each in (path, labels) if each})
        only = pa.ipc.IpcReadOptions(included_fields=included, use_threads=False)
        reader = pyarrow.ipc.open_file(stream, options=only)
        for number in range(reader.num_record_batches):
            batch = reader.get_batch(number)
            yield field, _bytes(batch, path), labels and _bytes(batch, labels)
        return
    with pyarrow.ipc.open_stream(stream) as batches:
        field, path = _field(batches.schema, rows)
        labels = _label_path(batches.schema, rows)
        for batch in batches:
            yield field, _bytes(batch, path), labels and _bytes(batch, labels)
        stream.seek(-len(_END_OF_STREAM), io.SEEK_END)
        if stream.read() != _END_OF_STREAM:  # pyarrow reads what there is
            raise pyarrow.ArrowInvalid("it is cut short")


def _field(schema: Any, rows: Rows) -> tuple[str, list[str]]:
    """The name of the field with the text, and the column and the fields within it that lead there.

    Raises:
        CorpusError: there is none, or it has something else than texts.
    """
    types = {each.name: each.type for each in schema}
    texts = [name for name, kind in types.items() if _is_text(kind)]
    field = rows.field or (texts[0] if DEFAULT_FIELD not in types and len(texts) == 1 else DEFAULT_FIELD)
    path = [field] if field in types else field.split(".")
    kind = _type(types, path)
    if kind is None or schema.names.count(path[0]) > 1:
        several, found = kind is not None, named(types, _members)
        raise CorpusError(
            f"has {'several columns' if several else 'no column'} {field!r}",
            where=rows.where,
            found=listed(found),
            hint=choice("text_field", field, [name for name, each in found.items() if _is_text(each)]),
        )
    if not _is_text(kind):
        raise CorpusError(
            f"has no texts in {field!r}",
            where=rows.where,
            expected="a column of strings",
            found=f"{kind}",
            hint=choice_within("text_field", field, _texts_within(kind)),
        )
    return field, path


def _label_path(schema: Any, rows: Rows) -> list[str] | None:
    """Where the labels are; None: the table has none.

    Raises:
        CorpusError: they are something else than texts, integers, true or false.
    """
    types = {each.name: each.type for each in schema}
    if rows.labels is None:
        return None
    field = rows.labels.field
    path = [field] if field in types else field.split(".")
    kind = _type(types, path)
    if kind is None:
        rows.labels.note_other_fields(named(types, _members))
        return None
    if not (_is_text(kind) or _is_whole(kind)) or schema.names.count(path[0]) > 1:
        raise CorpusError(
            f"has no labels in {field!r}",
            where=rows.where,
            expected="one column of strings, integers, or true and false",
            found=f"{kind}",
            hint=choice_within("label_field", field, _texts_within(kind)),
        )
    return path


def _type(types: Mapping[str, Any], path: list[str]) -> Any:
    """The type at a path; None: there is no such field, or it is not unique."""
    kind = types.get(path[0])
    for part in path[1:]:
        inner = [kind.field(i) for i in range(kind.num_fields)] if kind is not None and _is_struct(kind) else []
        kind = next((each.type for each in inner if each.name == part), None)
    return kind


def _members(kind: Any) -> dict[str, Any] | None:
    return {each.name: each.type for each in kind} if _is_struct(kind) else None


def _texts_within(kind: Any) -> list[str]:
    return [name for name, each in named(_members(kind) or {}, _members, 1).items() if _is_text(each)]


def _is_struct(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_struct(kind))


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_whole(kind: Any) -> bool:
    """Whether a column has integers, or true and false: as labels they are what JSON writes for them."""
    import pyarrow as pa

    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_integer(kind) or pa.types.is_boolean(kind))


def _bytes(batch: Any, path: list[str]) -> Any:
    """The column of a batch as bytes, whose places in memory have been checked."""
    import pyarrow as pa
    import pyarrow.compute

    column = batch.column(path[0])
    if len(path) > 1:
        column.validate(full=True)
        column = pyarrow.compute.struct_field(column, path[1:])
    if pa.types.is_dictionary(column.type):
        column.validate(full=True)
        column = column.dictionary_decode()
    if _is_whole(column.type):
        column.validate(full=True)
        column = column.cast(pa.string())
    if pa.types.is_string_view(column.type):
        column.validate(full=True)
        column = column.cast(pa.large_string())
    column.validate()
    column = column.cast(pa.large_binary() if pa.types.is_large_string(column.type) else pa.binary())
    column.validate(full=True)
    return column
