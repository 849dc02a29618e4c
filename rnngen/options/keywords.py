"""Keyword arguments of Python functions, typed and documented by the declarations of the options they are.

    @dataclass(frozen=True)
    class Arguments(Sampling):  # a dataclass of options, and the other arguments of the function
        prompt: str = ""

    @takes(Arguments)
    def generate(prompt: str = "", **options: Any) -> str:
        \"\"\"Write text.\"\"\"

To an editor, a type checker and ``help`` the function has the arguments of the dataclass; each option that is given
reaches it under its name.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def takes(arguments: Callable[P, object]) -> Callable[[Callable[..., R]], Callable[P, R]]:
    """Give a function the signature of a dataclass, and a line in its docstring per option."""

    def decorate(function: Callable[..., R]) -> Callable[P, R]:
        typed: Callable[P, R] = _documented(function, arguments, arguments)
        return typed

    return decorate


def method_takes(arguments: Callable[P, object]) -> Callable[[Callable[..., R]], Callable[Concatenate[Any, P], R]]:
    """The same for a method, whose first argument is the object."""

    def decorate(function: Callable[..., R]) -> Callable[Concatenate[Any, P], R]:
        typed: Callable[Concatenate[Any, P], R] = _documented(function, arguments, arguments.__init__)
        return typed

    return decorate


def _documented(function: Any, arguments: Any, signature: Any) -> Any:
    """The function itself: what it takes is read from ``signature``, by whoever asks."""
    function.__wrapped__ = signature  # where ``inspect.signature`` looks, and so does ``help``
    lines = []
    for field in dataclasses.fields(arguments):
        if "option" in field.metadata:
            details = field.metadata["option"]
            default = details.default_text or field.default
            lines.append(f"    {field.name}: {details.help} Default: {default}.")
    function.__doc__ = "\n".join([(function.__doc__ or "").rstrip(), "", "Options:", *lines, ""])
    return function
