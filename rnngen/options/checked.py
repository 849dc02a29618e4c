"""Arguments of Python functions, checked against their annotations before anything is done with them.

    @checked
    def load(path: str | Path | None = None, *, ngram: bool = False) -> Generator:

refuses ``load(5)`` and ``load(ngram="yes")`` with the same error as an invalid option. Options that a function takes as
``**options: Any`` are left to their declarations.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

from rnngen.arguments import exists, why_unusable
from rnngen.errors import UsageError, shortened
from rnngen.options.option import Option, expectation, plain

P = ParamSpec("P")
R = TypeVar("R")

_PLAIN = Option(None, "", "")


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function refuse arguments that its annotations do not allow.

    It is given Python's numbers for NumPy's, a ``Path`` for anything that stands for one, and a list for any iterable
    where a sequence is expected.

    Raises:
        ArgumentError: by the function that is returned, if there is no such argument, or one is missing.
        UsageError: if an argument is of the wrong type, or a path that no file can have.
    """

    @functools.wraps(function)
    def call(*args: P.args, **options: P.kwargs) -> R:
        kinds = _kinds(function)
        try:
            bound = _signature(function).bind(*args, **options)
        except TypeError:
            from rnngen.options.argument_names import refusal  # here: a call that fits needs none of it

            raise refusal(function, args, options, lambda name: _valid(kinds.get(name, ()))) from None
        for name, value in bound.arguments.items():
            if name not in kinds:
                continue
            several = _signature(function).parameters[name].kind is inspect.Parameter.VAR_POSITIONAL
            bound.arguments[name] = (
                tuple(_converted(function, name, kinds[name], each) for each in value)
                if several
                else _converted(function, name, kinds[name], value)
            )
        return function(*bound.args, **bound.kwargs)

    return call


@functools.cache
def _signature(function: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(function)


@functools.cache
def _kinds(function: Callable[..., Any]) -> dict[str, tuple[Any, ...]]:
    """The types that each argument may have, without those that may have any."""
    hints = get_type_hints(function)
    kinds = {name: _alternatives(hints[name]) for name in _signature(function).parameters if name in hints}
    return {name: each for name, each in kinds.items() if Any not in each}


def _alternatives(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)


def _converted(function: Callable[..., Any], name: str, kinds: tuple[Any, ...], value: Any) -> Any:
    value = plain(value)
    if any(get_origin(kind) is Sequence for kind in kinds) and _is_series(value):
        value = list(value)
    if Path in kinds and isinstance(value, PathLike) and not isinstance(value, Path):
        value = Path(value)
    if not any(_fits(kind, value) for kind in kinds):
        raise _wrong(function, name, kinds, value)
    for each in value if isinstance(value, list) else [value]:
        if Path in _names_in(kinds) and isinstance(each, str | Path):
            unusable = "an empty name" if each == "" else why_unusable(each)
            if unusable or ("\n" in str(each) and not exists(each)):
                raise _no_path(function, name, str(each), unusable or "a text")
    return value


def _is_series(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)


def _fits(kind: Any, value: Any) -> bool:
    origin = get_origin(kind)
    if kind is NoneType:
        return value is None
    if origin is Sequence:
        return isinstance(value, list | tuple) and all(
            any(_fits(each, element) for each in _alternatives(get_args(kind)[0])) for element in value
        )
    if origin is Callable:
        return callable(value)
    if kind in (bool, int, float, str, Path) or origin is Literal:
        return expectation(kind, _PLAIN, value) is None
    return isinstance(value, kind)


def _names_in(kinds: Iterable[Any]) -> set[Any]:
    """The types themselves, and those of the elements of lists."""
    elements = [_alternatives(get_args(kind)[0]) for kind in kinds if get_origin(kind) is Sequence]
    return {kind for some in (kinds, *elements) for kind in some}


def _wrong(function: Callable[..., Any], name: str, kinds: tuple[Any, ...], value: Any) -> UsageError:
    # here: what is valid needs none of it
    from rnngen.options.argument_names import misplaced
    from rnngen.options.invalid_values import shown
    from rnngen.options.other_names import value_meant

    words = [word for kind in kinds if get_origin(kind) is Literal for word in get_args(kind)]
    meant = value_meant(name, value, words) if words and isinstance(value, str) else None
    hint = f"Did you mean `{name}={meant}`?" if meant else misplaced(function, name, value)
    return UsageError(f"invalid value for `{name}`", expected=_valid(kinds), found=shown(value), hint=hint)


def _no_path(function: Callable[..., Any], name: str, value: str, why: str) -> UsageError:
    from rnngen.options.argument_names import text_as_path

    hint = text_as_path(function, value)
    found = f"{'a text' if hint else why}: {shortened(value)!r}"
    return UsageError(f"invalid value for `{name}`", expected="a path", found=found, hint=hint)


def _valid(kinds: tuple[Any, ...]) -> str:
    """What an argument may be, in words."""
    words = dict.fromkeys(_in_words(kind) for kind in kinds if kind is not NoneType and not _is_name(kind, kinds))
    return " or ".join(words) or "a value"


def _is_name(kind: Any, kinds: tuple[Any, ...]) -> bool:
    """Whether a text stands for a path here."""
    return kind is str and Path in kinds


def _in_words(kind: Any) -> str:
    origin = get_origin(kind)
    if origin is Sequence:
        elements = _alternatives(get_args(kind)[0])
        several = any(get_origin(each) is Sequence for each in elements)
        return f"a list of {'paths' if Path in elements else 'lists of texts' if several else 'texts'}"
    if origin is Callable:
        return "a function"
    if kind in (bool, int, float, str, Path) or origin is Literal:
        return str(expectation(kind, _PLAIN, _NOTHING))
    return f"a {kind.__name__}"


_NOTHING = object()
