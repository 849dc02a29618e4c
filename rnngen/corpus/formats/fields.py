"""The fields that rows have, in messages about one that is missing."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from rnngen.errors import shortened
from rnngen.platforms import quote_argument

DEFAULT_FIELD = "text"

_SHOWN = 12
_LEVELS = 2


def _members(value: Any) -> Mapping[str, Any] | None:
    return value if isinstance(value, dict) else None


def named(
    fields: Mapping[str, Any], members: Callable[[Any], Mapping[str, Any] | None] = _members, levels: int = _LEVELS
) -> dict[str, Any]:
    """What fields hold, by the names that reach it: ``post.body`` is in the object ``post``.

    Args:
        fields: of a row or a table.
        members: gives those of an object; None: it is none.
        levels: how deep to look into objects.
    """
    found: dict[str, Any] = {}
    for name, value in fields.items():
        inner = None if "." in name else members(value)
        if inner and levels:
            reached = named({key: each for key, each in inner.items() if "." not in key}, members, levels - 1)
            found |= {f"{name}.{key}": each for key, each in reached.items()}
        else:
            found[name] = value
    return found


def listed(fields: Iterable[str]) -> str:
    """Names of fields for a message."""
    names = [repr(shortened(each, 40)) for each in fields]
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return f"the fields {', '.join(names[:_SHOWN])}{more}" if names else "no field at all"


def choice(option: str, field: str, fields: Collection[str]) -> str:
    """The hint for a field that does not exist, or that several have the name of.

    Args:
        option: that names the field: ``text_field`` or ``label_field``.
        field: its value.
        fields: those that it can name.
    """
    if field in fields:
        return "Rename one of them."
    meant = _plain(field)
    plain = {_plain(name): name for name in fields if len(name) < 60 and _can_be_typed(name)}
    close = difflib.get_close_matches(meant, plain, n=1) or [name for name in plain if name.endswith(f".{meant}")]
    if not close and option == "text_field" and DEFAULT_FIELD in plain:
        close = [DEFAULT_FIELD]
    return (
        f"Did you mean {value_of(option, plain[close[0]])}?" if close else f"To choose another field: `{option}=NAME`."
    )


def choice_within(option: str, field: str, members: Collection[str]) -> str:
    """The hint for a field that holds an object: one of its members.

    Args:
        option: as for ``choice``.
        field: as for ``choice``.
        members: their names within the object.
    """
    names = [f"{field}.{name}" for name in members if _can_be_typed(name)]
    return f"Did you mean {value_of(option, names[0])}?" if names else ""


def value_of(option: str, field: str) -> str:
    """An option with the name of a field, quoted for the user's shell."""
    return f"`{option}={quote_argument(field)}`"


def _plain(name: str) -> str:
    return name.strip().casefold()


def _can_be_typed(name: str) -> bool:
    return name.isprintable() and "`" not in name
