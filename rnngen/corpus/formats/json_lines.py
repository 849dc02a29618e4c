"""JSON Lines: one object per line."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from rnngen.corpus.formats.decoding import invalid_characters
from rnngen.corpus.formats.rows import DEFAULT_FIELD, Rows
from rnngen.corpus.labels import Labels
from rnngen.errors import shortened

_BLANK = " \t\r\n"
_MISSING = object()


def json_lines(lines: Iterable[str], rows: Rows) -> Iterator[str]:
    """The text of each row; a blank line is none.

    Args:
        lines: of the file.
        rows: the rules.

    Raises:
        CorpusError: a line is not an object with a text in the field, or has several of them.
    """
    field = rows.field or DEFAULT_FIELD
    parse = _parser([field] if rows.labels is None else [field, rows.labels.field])
    for number, line in enumerate(lines, 1):
        place = f"line {number:,}"
        if rows.errors == "skip" and (reason := invalid_characters(line)):
            rows.left_out.rows[reason] += 1
            continue
        content = line.rstrip(_BLANK)
        if not content:
            continue
        try:
            row = parse(content)
        except json.JSONDecodeError as error:
            found = f"{error.msg.removesuffix(' at')} (column {error.pos + 1:,})"
            rows.refuse(place, "is not JSON", "broken JSON", expected="one object per line", found=found)
            continue
        except _RepeatedError as error:
            name = repr(shortened(error.name))
            rows.refuse(place, f"has {name} twice in an object", f"{name} twice", expected="one value for each name")
            continue
        except RecursionError:
            rows.refuse(place, "is not JSON", "JSON nested too deeply", expected="fewer levels of nesting")
            continue
        if not isinstance(row, dict):
            rows.refuse(place, "is not an object", "JSON that is no object", expected='an object, as in {"text": "…"}')
            continue
        value = _value(row, field)
        if value is _MISSING:
            rows.lacks(place, field, row)
        elif text := rows.labelled(rows.text(value, field, place), _label(row, rows.labels), place):
            yield text


class _RepeatedError(Exception):
    """An object has several values for a name."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def _parser(fields: Sequence[str]) -> Callable[[str], Any]:
    """What parses a line, and raises ``_RepeatedError`` if a name that leads to one of the fields is repeated.

    Which of the values counts would be a guess. Other names do not matter.
    """
    names = {*fields, *(part for field in fields for part in field.split("."))}

    def as_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        row = dict(pairs)
        if len(row) < len(pairs):
            counts = Counter(name for name, _ in pairs)
            if repeated := next((name for name in counts if counts[name] > 1 and name in names), None):
                raise _RepeatedError(repeated)
        return row

    decoder = json.JSONDecoder(object_pairs_hook=as_object)
    without_numbers = json.JSONDecoder(object_pairs_hook=as_object, parse_int=lambda _: 0)  # slower

    def parse(content: str) -> Any:
        try:
            return decoder.decode(content)
        except json.JSONDecodeError:
            raise
        except ValueError:  # an integer of more digits than Python converts
            return without_numbers.decode(content)

    return parse


def _label(row: Mapping[str, Any], labels: Labels | None) -> Any:
    label = None if labels is None else _value(row, labels.field)
    if labels is None or label is not _MISSING:
        return label
    labels.note_other_fields(row)
    return None


def _value(row: Mapping[str, Any], field: str) -> Any:
    """The value of a field; dots in its name reach into objects, unless the name itself has them."""
    if field in row:
        return row[field]
    value: Any = row
    for part in field.split("."):
        value = value.get(part, _MISSING) if isinstance(value, dict) else _MISSING
    return value
