"""An option is declared once, on the field that holds its value: name, type, default, range and help.

    class Network(Options):
        num_layers: int = option(1, "Recurrent layers.", panel="Model", minimum=1, maximum=64)

From the declaration follow the parameter of the command (``cli/declared.py``), the key in a file of options
(``config_file.py``), the keyword argument of the Python functions (``keywords.py``), the tables in the documentation,
and what is said of an invalid value. Messages name an option in backquotes, ```num_layers``` or ```num_layers=2```, and
each front end writes it as its user types it.
"""

from __future__ import annotations

import functools
import inspect
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import (
    Any,
    ClassVar,
    Literal,
    NoReturn,
    Self,
    Union,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)

from rnngen.errors import CheckpointError, UsageError
from rnngen.options.option import Option, expectation, plain


def option(default: Any, help: str, *, panel: str, **details: Any) -> Any:  # noqa: A002 (what it is called everywhere)
    """Declare an option with its default; ``details`` are attributes of ``Option``."""
    return Option(default, help, panel, **details)


@dataclass(repr=False, eq=False)
class Argument:
    """An argument of a function that is not an option, in a group that is the signature of the function.

    Attributes:
        default: its value if it is not given; without a default it is required.
        kw_only: whether it can only be given by name.
    """

    default: Any = inspect.Parameter.empty
    kw_only: bool = True


def argument(*, default: Any = inspect.Parameter.empty, kw_only: bool = True) -> Any:
    """Declare an argument that is not an option."""
    return Argument(default, kw_only)


@dataclass(repr=False, eq=False)
class Declared:
    """An option with its name and type.

    Attributes:
        name: with ``_``.
        kind: the type of its values: ``int``, ``float``, ``bool``, ``str``, ``Path``, a ``Literal``, a ``Sequence`` of
            one of them, or ``int | str``: a number, or a text with a ``pattern``.
        optional: whether it may be None.
        option: the declaration.
    """

    name: str
    kind: Any
    optional: bool
    option: Option

    @property
    def default(self) -> Any:
        """The value of an option that is not given."""
        return self.option.default

    @property
    def choices(self) -> tuple[Any, ...]:
        """The values of an option that is one of several words."""
        return get_args(self.kind) if get_origin(self.kind) is Literal else ()

    @property
    def element(self) -> Any:
        """The type of what is in its list; None if it is not a list."""
        return get_args(self.kind)[0] if get_origin(self.kind) is Sequence else None

    def as_list(self, value: Any) -> Any:
        """One text as a list of it, where a list of texts is expected; any other value as it is."""
        return (value,) if self.element is str and isinstance(value, str) else value

    def expectation(self, value: object) -> str | None:
        """What is valid, in words, where this value is not; None: it is valid."""
        if value is None and self.optional:
            return None
        if self.element is None:
            return expectation(self.kind, self.option, value)
        if not isinstance(value, list | tuple):
            return f"a list of {'numbers' if self.element in (int, float) else 'texts'}"
        expected = (expectation(self.element, self.option, each) for each in value)
        return next((words for words in expected if words), None)


def declared(cls: type) -> Mapping[str, Declared]:
    """The options of a group, by name."""
    hashable: Any = cls
    return _declared(hashable)


@functools.cache
def _declared(cls: Any) -> Mapping[str, Declared]:
    hints = get_type_hints(cls)
    options = ((name, each) for name, each in members(cls).items() if isinstance(each, Option))
    return {name: Declared(name, *_without_none(hints[name]), each) for name, each in options}


def members(cls: type) -> dict[str, Option | Argument]:
    """What a group and those that it inherits from declare, by name; a later declaration replaces an earlier one."""
    found: dict[str, Option | Argument] = {}
    for base in reversed(cls.__mro__):
        found |= {name: each for name, each in vars(base).items() if isinstance(each, Option | Argument)}
    return found


def _without_none(kind: Any) -> tuple[Any, bool]:
    if get_origin(kind) not in (Union, UnionType):
        return kind, False
    kinds = [each for each in get_args(kind) if each is not NoneType]
    return functools.reduce(operator.or_, kinds), len(kinds) < len(get_args(kind))


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(argument,))
class Options:
    """A group of options, checked when it is made, and never changed.

    To a type checker it is a frozen dataclass. At run time it is not, because defining a dataclass takes as long as
    importing a module, and every command would have to wait for a dozen of them.
    """

    title: ClassVar[str] = "option"
    """What one of them is called in messages."""

    function: ClassVar[str] = ""
    """The function that takes them, whose other names are known."""

    beside: ClassVar[tuple[str, ...]] = ()
    """Arguments that this function takes beside them, for messages."""

    always_saved: ClassVar[tuple[str, ...]] = ()
    """Options that every run's config.json has, however old it is."""

    def __init__(self, **values: Any) -> None:
        for each in declared(type(self)).values():
            value = each.as_list(plain(values.pop(each.name, each.default)))
            if each.element is not None and isinstance(value, list | tuple):
                value = tuple(value)
            check(each, value)
            vars(self)[each.name] = float(value) if each.kind is float and value is not None else value
        for name in values:
            raise TypeError(f"{type(self).__name__} has no option {name!r}")
        self.check()

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{name} cannot be assigned: options do not change; see changed()")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(other) == vars(self)

    def __hash__(self) -> int:
        return hash(tuple(vars(self).items()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"

    def check(self) -> None:
        """Refuse values that are valid alone, but not together.

        Raises:
            UsageError: they are not.
        """

    def changes(self, *names: str) -> list[str]:
        """Which of these options are not at their default, in the order of the declarations."""
        return [n for n, each in declared(type(self)).items() if n in names and getattr(self, n) != each.default]

    def changed(self, **values: Any) -> Self:
        """The same with other values.

        Raises:
            UsageError: one is not valid.
        """
        return type(self)(**{**vars(self), **values})

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Options by name; those that are absent have their defaults.

        Raises:
            UsageError: an unknown name (with a suggestion), or an invalid value.
        """
        for name in values:
            if name not in declared(cls):
                known = dict.fromkeys([*declared(cls), *cls.beside])
                raise unknown(name, known, cls.title, hint=cls.hint_at(name))
        return cls(**values)

    @classmethod
    def hint_at(cls, name: str) -> str | None:
        """What was meant by an option that does not exist; None: no idea."""
        from rnngen.options.argument_names import argument_meant  # here: valid options need none of it

        return argument_meant(cls.function, name, [*declared(cls), *cls.beside]) if cls.function else None

    @classmethod
    def saved(cls, values: object, section: str, where: object) -> Self:
        """Options as a section of a run's config.json holds them; those that an older version did not have are absent.

        Raises:
            CheckpointError: one is missing, unknown or invalid.
        """
        if not isinstance(values, Mapping):
            raise CheckpointError(f"{section} is {'missing' if values is None else 'not a table'}", where=where)
        known = declared(cls)
        for name, value in values.items():
            expected = known[name].expectation(value) if name in known else "no such option"
            if expected is not None:
                raise CheckpointError(
                    f"{section}.{name} is invalid", where=where, expected=expected, found=_shown(value)
                )
        missing = next((name for name in cls.always_saved if name not in values), None)
        if missing is not None:
            raise CheckpointError(f"{section}.{missing} is missing", where=where)
        try:
            return cls(**values)
        except UsageError as error:
            raise CheckpointError(f"{section} is invalid ({error})", where=where) from error


def check(declared: Declared, value: Any) -> None:
    """Refuse an invalid value of an option.

    Raises:
        UsageError: what is valid, and what was found.
    """
    expected = declared.expectation(value)
    if expected is not None:
        several = declared.element is not None and isinstance(value, list | tuple)
        wrong = value[0] if several and len(value) == 1 else value
        raise invalid(declared, wrong, expected)


def invalid(declared: Declared, value: object, expected: str) -> UsageError:
    """The error for an invalid value, with another one that may be meant."""
    meant = meant_by(declared, value) if isinstance(value, str) else None
    hint = None if meant is None else f"Did you mean `{declared.name}={meant}`?"
    return UsageError(f"invalid value for `{declared.name}`", expected=expected, found=_shown(value), hint=hint)


def _shown(value: object) -> str:
    from rnngen.options.invalid_values import shown  # here: what is valid needs none of it

    return shown(value)


def meant_by(declared: Declared, value: object) -> Any:
    """A valid value that may be meant by an invalid one; None: no idea."""
    from rnngen.options.invalid_values import candidates

    found = candidates(declared.name.replace("_", "-"), value, declared.choices or declared.option.likely)
    return next((each for each in found if declared.expectation(each) is None), None)


def unknown(
    name: str,
    known: Mapping[str, object],
    title: str,
    *,
    meant: str | None = None,
    otherwise: str | None = None,
    hint: str | None = None,
) -> UsageError:
    """The error for an option that does not exist.

    Args:
        name: of the option.
        known: the options that exist.
        title: what one of them is called.
        meant: the option that may be meant; by default the one with the closest name.
        otherwise: the hint if no name is close; by default a list of all options.
        hint: what to say in any case.
    """
    from rnngen.options.other_names import closest

    meant = meant or closest(name, known)
    hint = hint or (f"Did you mean `{meant}`?" if meant else otherwise) or f"There are: {', '.join(known)}."
    return UsageError(f"unknown {title} {name!r}", hint=hint)
