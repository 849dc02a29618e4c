"""JSON Lines: one object per line."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from rnngen.corpus.formats.decoding import invalid_characters
from rnngen.corpus.formats.fields import named
from rnngen.corpus.formats.remedies import array_as_lines
from rnngen.corpus.formats.rows import DEFAULT_FIELD, Rows
from rnngen.corpus.labels import Labels
from rnngen.errors import shortened
from rnngen.untrusted import what_is_wrong

_BLANK = " \t\r\n"
_MISSING = object()


_ENOUGH_LINES = 20


def looks_like_json_lines(beginning: str) -> bool:
    """Whether a plain text is certainly JSON Lines: its first lines, two or more, are all objects.

    Args:
        beginning: of the text. A line that it cuts is no object.
    """
    if not beginning.startswith("{"):
        return False
    lines = [line for line in beginning.split("\n", _ENOUGH_LINES)[:_ENOUGH_LINES] if line.strip(_BLANK)]
    try:
        return len(lines) > 1 and all(isinstance(json.loads(line), dict) for line in lines)
    except (ValueError, RecursionError):
        return False


def json_lines(lines: Iterable[str], rows: Rows) -> Iterator[str]:
    """The text of each row; a blank line is none.

    Args:
        lines: of the file.
        rows: the rules.

    Raises:
        CorpusError: a line is not an object with a text in the field, or has several of them.
    """
    field, labels = rows.field or DEFAULT_FIELD, rows.labels
    parse = _parser([field] if labels is None else [field, labels.field])
    for number, line in enumerate(lines, 1):
        place = f"line {number:,}"
        if rows.errors == "skip" and (reason := invalid_characters(line)):
            rows.observed.rows[reason] += 1
            continue
        content = line.rstrip(_BLANK)
        if not content:
            continue
        try:
            row = parse(content)
        except json.JSONDecodeError as error:
            found = f"{what_is_wrong(error)} (column {error.pos + 1:,})"
            hint = _array_hint(content, rows)
            rows.refuse(place, "is not JSON", "broken JSON", expected="one object per line", found=found, hint=hint)
            continue
        except RecursionError:
            rows.refuse(place, "is not JSON", "JSON nested too deeply", expected="fewer levels of nesting")
            continue
        if not isinstance(row, dict):
            expected, hint = 'an object, as in {"text": "…"}', _array_hint(content, rows)
            rows.refuse(place, "is not an object", "JSON that is no object", expected=expected, hint=hint)
            continue
        try:
            value, label = _value(row, field), None if labels is None else _label(row, labels)
        except _RepeatedError as error:
            name = repr(shortened(error.name))
            rows.refuse(place, f"has {name} twice in an object", f"{name} twice", expected="one value for each name")
            continue
        if value is _MISSING:
            rows.lacks(place, field, row)
        elif text := rows.labelled(rows.text(value, field, place), label, place):
            yield text


def _array_hint(content: str, rows: Rows) -> str:
    """What to do about a file that begins with an array, which is likely to be all of it; else empty."""
    if rows.any_read or not content.lstrip(_BLANK).startswith("["):
        return ""
    command = array_as_lines(rows.where)
    return "If the file is one JSON array, write one object per line" + (f": {command}" if command else ".")


class _RepeatedError(Exception):
    """An object has several values for a name that leads to a field: which of them counts would be a guess."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class _Repeating(dict[str, Any]):
    """An object that has several values for some names.

    Attributes:
        repeated: these names.
    """

    repeated: frozenset[str]


def _as_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(row := dict(pairs)) == len(pairs):
        return row
    repeating = _Repeating(row)
    repeating.repeated = frozenset(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
    return repeating


def _integer(digits: str) -> int | float:
    """An integer, or infinity in place of one that Python does not convert."""
    return int(digits) if len(digits) < 1_000 else math.inf


def _parser(fields: Sequence[str]) -> Callable[[str], Any]:
    """What parses a line; an object is a ``_Repeating`` if it repeats a name that leads to one of the fields.

    Looking at the names of every object takes twice as long as parsing, so it is done only for a line that may repeat
    one: it has it in quotes more than once, or spells letters as escapes.
    """
    names = {*fields, *(part for field in fields for part in field.split("."))}
    quoted = [f'"{name}"' for name in names]
    are_plain = all(re.fullmatch(r"[\w .-]+", name, re.ASCII) for name in names)
    escapes = re.compile(r"\\u00[2-7]" if are_plain else r"\\")  # those that can spell a part of a name
    plainly = json.JSONDecoder()
    exactly = json.JSONDecoder(object_pairs_hook=_as_object)
    without_numbers = json.JSONDecoder(object_pairs_hook=_as_object, parse_int=_integer)  # slower

    def parse(content: str) -> Any:
        decoder = plainly
        for name in quoted:
            if content.count(name) > 1:
                decoder = exactly
        if escapes.search(content):
            decoder = exactly
        try:
            return decoder.decode(content)
        except json.JSONDecodeError:
            raise
        except ValueError:  # an integer of more digits than Python converts
            return without_numbers.decode(content)

    return parse


def _label(row: Mapping[str, Any], labels: Labels) -> Any:
    label = _value(row, labels.field)
    if label is not _MISSING:
        return label
    labels.note_other_fields(named(row))
    return None


def _value(row: Mapping[str, Any], field: str) -> Any:
    """The value of a field; dots in its name reach into objects, unless the name itself has them.

    Raises:
        _RepeatedError: an object on the way to it has several values for the name.
    """
    if field in row and type(row) is dict:  # as in nearly every row
        return row[field]
    value: Any = row
    for name in [field] if field in row else field.split("."):
        if isinstance(value, _Repeating) and name in value.repeated:
            raise _RepeatedError(name)
        value = value.get(name, _MISSING) if isinstance(value, dict) else _MISSING
    return value
