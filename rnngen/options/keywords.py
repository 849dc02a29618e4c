"""Keyword arguments of Python functions, typed and documented by the declarations of the options they are.

    class Arguments(Sampling):  # a group of options, and the arguments of the function that are none
        prompt: str = argument(default="", kw_only=False)

    @takes(Arguments)
    def generate(prompt: str = "", **options: Any) -> str:
        \"\"\"Write text.\"\"\"

To an editor, a type checker and ``help`` the function has the arguments of the group; each option that is given
reaches it under its name.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar, get_type_hints

from rnngen.options.declare import Argument, members
from rnngen.options.option import Option

P = ParamSpec("P")
R = TypeVar("R")


def takes(arguments: Callable[P, object]) -> Callable[[Callable[..., R]], Callable[P, R]]:
    """Give a function the signature of a group of options, and a line in its docstring per option."""

    def decorate(function: Callable[..., R]) -> Callable[P, R]:
        typed: Callable[P, R] = _documented(function, arguments, Signed(arguments))
        return typed

    return decorate


def method_takes(arguments: Callable[P, object]) -> Callable[[Callable[..., R]], Callable[Concatenate[Any, P], R]]:
    """The same for a method, whose first argument is the object."""

    def decorate(function: Callable[..., R]) -> Callable[Concatenate[Any, P], R]:
        typed: Callable[Concatenate[Any, P], R] = _documented(function, arguments, Signed(arguments, method=True))
        return typed

    return decorate


class Signed:
    """A group of options as a signature, which is made when somebody asks for it.

    Args:
        arguments: the group.
        method: whether ``self`` comes first.
    """

    def __init__(self, arguments: Any, *, method: bool = False) -> None:
        self._arguments, self._method = arguments, method

    @property
    def __signature__(self) -> inspect.Signature:
        kinds = inspect.Parameter
        by_position = [kinds("self", kinds.POSITIONAL_ONLY)] if self._method else []
        by_name: list[inspect.Parameter] = []
        for name, each in members(self._arguments).items():
            positional = isinstance(each, Argument) and not each.kw_only
            kind = kinds.POSITIONAL_OR_KEYWORD if positional else kinds.KEYWORD_ONLY
            parameter = kinds(name, kind, default=each.default, annotation=_annotation(self._arguments, name, each))
            (by_position if positional else by_name).append(parameter)
        return inspect.Signature([*by_position, *by_name])


def _annotation(cls: type, name: str, member: Option | Argument) -> Any:
    """The type of an option, with all words that it may be; that of an argument as it is written."""
    base = next(base for base in cls.__mro__ if name in vars(base).get("__annotations__", {}))
    return get_type_hints(base)[name] if isinstance(member, Option) else base.__annotations__[name]


def _documented(function: Any, arguments: Any, signature: Signed) -> Any:
    """The function itself, with a signature where ``inspect.signature`` and ``help`` look for it."""
    function.__wrapped__ = signature
    lines = []
    for name, each in members(arguments).items():
        if isinstance(each, Option):
            default = each.default_text or (None if each.default in (None, "", ()) else each.default)
            described = each.help.replace("; may be given more than once", ", or any of several")
            lines.append(f"    {name}: {described}" + ("" if default is None else f" Default: {default}."))
    function.__doc__ = "\n".join([inspect.cleandoc(function.__doc__ or ""), "", "Options:", *lines, ""])
    return function
