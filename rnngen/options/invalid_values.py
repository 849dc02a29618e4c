"""Invalid values in error messages: how they are shown, and which valid value may have been meant."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from typing import Any

from rnngen.errors import shortened
from rnngen.options.other_names import value_meant


def shown(value: object) -> str:
    """A value as it would be written in a file, shortened if it is long."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and value.bit_length() > 200:
        return f"a number of {value.bit_length():,} bits"
    text = str(value) if isinstance(value, datetime.date | datetime.time) else repr(value)
    return shortened(text)


def candidates(option: str, value: object, choices: Iterable[str]) -> Iterator[Any]:
    """Values that may have been meant: the same without quotes or brackets, or under another name."""
    if isinstance(value, str):
        if "," in value:
            numbers = [_number(part) for part in value.split(",")]
            if None not in numbers:
                yield numbers
        for spelling in (value, value.replace(",", ".")):
            if (number := _number(spelling)) is not None:
                yield number
        word = value.strip().lower()
        if word in ("true", "yes", "on", "false", "no", "off"):
            yield word in ("true", "yes", "on")
        if (meant := value_meant(option, value, choices)) is not None:
            yield from (meant, _number(meant))
    elif isinstance(value, list) and len(value) == 1:
        yield from value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if value in (0, 1):
            yield bool(value)
        if isinstance(value, float) and value.is_integer():
            yield int(value)


def _number(text: str) -> int | float | None:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None
