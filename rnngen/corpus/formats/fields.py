"""The fields that rows have, in messages about one that is missing."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable

from rnngen.errors import shortened

_SHOWN = 12


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
        fields: those that there are.
    """
    if field in fields:
        return "Rename one of them."
    close = difflib.get_close_matches(field, [name for name in fields if len(name) < 60 and name.isidentifier()], n=1)
    return f"Did you mean `{option}={close[0]}`?" if close else f"To choose another field: `{option}=NAME`."
