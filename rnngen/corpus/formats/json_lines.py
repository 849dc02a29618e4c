"""JSON Lines: one object per line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rnngen.corpus.formats.decoding import invalid_characters
from rnngen.corpus.formats.rows import DEFAULT_FIELD, Rows
from rnngen.corpus.labels import Labels

_DECODER = json.JSONDecoder()
_WITHOUT_NUMBERS = json.JSONDecoder(parse_int=lambda _: 0)  # slower
_BLANK = " \t\r\n"
_MISSING = object()


def json_lines(lines: Iterable[str], rows: Rows) -> Iterator[str]:
    """The text of each row; a blank line is none.

    Args:
        lines: of the file.
        rows: the rules.

    Raises:
        CorpusError: a line is not an object with a text in the field.
    """
    field = rows.field or DEFAULT_FIELD
    for number, line in enumerate(lines, 1):
        place = f"line {number:,}"
        if rows.errors == "skip" and (reason := invalid_characters(line)):
            rows.left_out.rows[reason] += 1
            continue
        content = line.rstrip(_BLANK)
        if not content:
            continue
        try:
            row = _parsed(content)
        except json.JSONDecodeError as error:
            found = f"{error.msg.removesuffix(' at')} (column {error.pos + 1:,})"
            rows.refuse(place, "is not JSON", "broken JSON", expected="one object per line", found=found)
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


def _parsed(content: str) -> Any:
    try:
        return _DECODER.decode(content)
    except json.JSONDecodeError:
        raise
    except ValueError:  # an integer of more digits than Python converts
        return _WITHOUT_NUMBERS.decode(content)


def _label(row: Mapping[str, Any], labels: Labels | None) -> Any:
    label = None if labels is None else _value(row, labels.field)
    return None if label is _MISSING else label


def _value(row: Mapping[str, Any], field: str) -> Any:
    """The value of a field; dots in its name reach into objects, unless the name itself has them."""
    if field in row:
        return row[field]
    value: Any = row
    for part in field.split("."):
        value = value.get(part, _MISSING) if isinstance(value, dict) else _MISSING
    return value
