"""The settings of ``rnngen sample --interactive``: the options of sampling, as they are typed and shown there."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any

from rnngen.cli.declared import WrongValueError, value_of
from rnngen.errors import UsageError
from rnngen.options.declare import Declared, declared, invalid
from rnngen.sampling.options import Sampling

SETTINGS = {name: option for name, option in declared(Sampling).items() if name != "force"}


def shown_setting(sampling: Sampling, name: str) -> str:
    """The value of a setting, as it is typed."""
    value = getattr(sampling, name)
    if isinstance(value, tuple):
        return " ".join(map(shlex.quote, value)) or "none"
    if isinstance(value, bool):
        return str(value).lower()
    if value == "":
        return "''"
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def split_words(text: str, split: Callable[[str], list[str]] = shlex.split) -> list[str]:
    """Split words as a shell does."""
    try:
        return split(text)
    except ValueError as error:
        raise UsageError("a quote is not closed", hint='Put "don\'t" in double quotes.') from error


def setting_value(setting: Declared, text: str) -> Any:
    """The value of a setting, from the text that was typed for it.

    Raises:
        UsageError: it is not a value of the setting's type.
    """
    typed = text.strip()
    if setting.element is str:
        return () if typed == "none" else tuple(split_words(text))
    if setting.optional and typed == "none":
        return None
    if typed in ("''", '""'):
        typed = ""
    try:
        return value_of(setting.kind, typed)
    except WrongValueError as error:
        raise invalid(setting, text, error.expected) from error
