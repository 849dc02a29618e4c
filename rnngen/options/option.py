"""What an option accepts: its range, whether a value is in it, and how that is said."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

MAX_BITS = 63  # what neither torch nor a file could hold is refused before anything is multiplied by it


COMMON = "Common options"
"""The heading of options that most people may need."""


@dataclass(repr=False, eq=False)
class Option:
    """What a declaration says, besides name and type.

    Attributes:
        default: the value of an option that is not given.
        help: a sentence.
        panel: the heading of the command's help under which it is listed; empty: the last one, ``Options``.
        default_text: the default in words, where it is not simply the value.
        minimum, maximum, above, below: the range, of each number in it; ``minimum`` of a text is its length.
        expected: what is valid, in words, where type and range do not say it.
        remark: what a value at the edge of the range means, for messages.
        pattern: which texts are valid.
        likely: values that a misspelled one may mean, where they cannot be listed in full.
        flags: how the command line spells it, where that is not simply the name.
        role: what it is to the code that uses it, where that is asked.
        metavar: what stands for its value in the command's help.
        is_run: whether its value is the folder of a run, which shells complete.
        common: whether most people may need it, wherever it is listed; those in the panel ``COMMON`` always are. Where
            a command has such options, its help shows no others, which ``--help-all`` does.
        once: whether the command line refuses it twice, since several values may be meant; else the last one counts.
    """

    default: Any
    help: str
    panel: str
    default_text: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    below: float | None = None
    expected: str | None = None
    remark: str | None = None
    pattern: str | None = None
    likely: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    role: str | None = None
    metavar: str | None = None
    is_run: bool = False
    common: bool = False
    once: bool = False

    def __post_init__(self) -> None:
        self.common = self.common or self.panel == COMMON


def plain(value: Any) -> Any:
    """The Python number that a NumPy scalar is; any other value as it is."""
    return value.item() if getattr(value, "shape", None) == () else value


def expectation(kind: Any, option: Option, value: object) -> str | None:
    """What is valid for an option of a type, in words, where this value is not; None: it is valid."""
    if isinstance(value, int) and value.bit_length() > MAX_BITS:
        return f"a number below 2^{MAX_BITS}"
    if _is_valid(kind, option, value):
        return None
    words = option.expected or _in_words(kind, option)
    return f"{words} ({option.remark})" if option.remark else words


def _is_valid(kind: Any, option: Option, value: Any) -> bool:
    if kind == int | str:
        kind = str if isinstance(value, str) else int
    if get_origin(kind) is Literal:
        return isinstance(value, str) and value in get_args(kind)
    if kind is bool:
        return isinstance(value, bool)
    if kind is Path:
        return isinstance(value, Path)
    if kind is str:
        if option.pattern is not None:
            import re

            return isinstance(value, str) and re.fullmatch(option.pattern, value) is not None
        return isinstance(value, str) and (value != "" or option.minimum is None)
    if isinstance(value, bool) or not isinstance(value, int if kind is int else int | float):
        return False
    return (
        math.isfinite(value)
        and (option.minimum is None or value >= option.minimum)
        and (option.maximum is None or value <= option.maximum)
        and (option.above is None or value > option.above)
        and (option.below is None or value < option.below)
    )


def _in_words(kind: Any, option: Option) -> str:
    """What a valid value is."""
    if get_origin(kind) is Literal:
        *first, last = map(repr, get_args(kind))
        return f"{', '.join(first)} or {last}" if first else last
    if kind is bool:
        return "true or false"
    if kind is Path:
        return "a path"
    if kind is str:
        return "text" if option.minimum is None else "a text that is not empty"
    noun = "an integer" if kind is int else "a number"
    minimum, maximum, above, below = option.minimum, option.maximum, option.above, option.below
    highest = None if maximum is None else f"{maximum:,}" if isinstance(maximum, int) else f"{maximum:g}"
    if minimum is not None and highest is not None:
        return f"{noun} from {minimum:g} to {highest}"
    if minimum is not None and below is not None:
        return f"{noun} from {minimum:g} to below {below:g}"
    if minimum is not None:
        return f"{noun} ≥ {minimum:g}"
    if above is not None:
        return f"{noun} above {above:g}" + ("" if highest is None else f", up to {highest}")
    return noun
