"""The settings of ``rnngen sample --interactive``: the options of sampling, as they are typed and shown there."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from typing import Any

from rnngen.cli.declared import WrongValueError, value_of
from rnngen.errors import UsageError
from rnngen.options.declare import Declared, declared, invalid
from rnngen.sampling.options import Sampling

SETTINGS = {name: option for name, option in declared(Sampling).items() if name != "force"}


NONE = "none"
"""What is typed for no value, without quotes."""


def shown_setting(sampling: Sampling, name: str) -> str:
    """The value of a setting, as it is typed."""
    value = getattr(sampling, name)
    if value is None or value == ():
        return NONE
    if isinstance(value, tuple):
        return " ".join(map(_quoted, value))
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return str(value) if name == "length" else _quoted(str(value))


def choices_of(setting: Declared, labels: Callable[[], Iterable[str]]) -> list[str]:
    """The values of a setting that can be listed, as they are typed; ``labels`` lists those that the model learned."""
    found = ["true", "false"] if setting.kind is bool else [*setting.choices]
    if setting.name == "label":
        found = [_quoted(label) for label in labels()]
    elif setting.name == "length":
        found = ["50", "50 words", "2 sentences"]
    return [*found, NONE] if setting.optional else found


def _quoted(text: str) -> str:
    """A text in quotes, if it needs them."""
    return f"'{text}'" if text == NONE else shlex.quote(text)


def split_words(text: str, split: Callable[[str], list[str]] = shlex.split) -> list[str]:
    """Split words as a shell does."""
    try:
        return split(text)
    except ValueError as error:
        raise UsageError("a quote is not closed", hint='Put "don\'t" in double quotes.') from error


def setting_value(setting: Declared, text: str) -> Any:
    """The value of a setting, from the text that was typed for it, with quotes as in a shell.

    Raises:
        UsageError: it is not a value of the setting's type, or a quote is not closed.
    """
    typed = text.strip()
    if setting.element is str:
        return () if typed == NONE else tuple(split_words(typed))
    if setting.optional and typed == NONE:
        return None
    if setting.kind is str:
        typed = " ".join(split_words(typed))  # a text of several words needs no quotes
    try:
        return value_of(setting.kind, typed)
    except WrongValueError as error:
        raise invalid(setting, text, error.expected) from error
