"""Parameters of commands from the declarations of options (``options/declare.py``), and values from what was typed."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer

from rnngen.arguments import why_unusable
from rnngen.cli import completion
from rnngen.cli.spelling import on_command_line
from rnngen.options.declare import Declared, Options, declared
from rnngen.options.option import MAX_BITS, Option, expectation

Examples = Sequence[tuple[str, str]]
"""Command lines, each with what it does."""


def takes_options(
    *groups: type[Options], without: Sequence[str] = (), examples: Examples = ()
) -> Callable[[Callable[..., Any]], Any]:
    """Let a command have the options of its parameters that are groups of options, and of more groups.

    A parameter whose type is a group of options is given one, made of what was typed. A parameter ``given`` is given
    what was typed of the options of ``groups``, by name.

    Args:
        groups: of options.
        without: options of them that the command does not have, or has in a way of its own.
        examples: for its help.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        own = inspect.signature(function, eval_str=True).parameters
        made = {name: each.annotation for name, each in own.items() if _is_group(each.annotation)}
        options = {name: declared(group) for name, group in made.items()}
        if "given" in own:
            several = {name: each for group in groups for name, each in declared(group).items() if name not in without}
            options["given"] = several

        @functools.wraps(function)
        def command(**values: Any) -> Any:
            values.pop(HELP_ALL.name, None)
            for parameter, names in options.items():
                typed = {name: values.pop(name) for name in names}
                given = {name: value for name, value in typed.items() if value is not None}
                values[parameter] = made[parameter].of(given) if parameter in made else given
            return function(**values)

        parameters: list[inspect.Parameter] = []
        for name, each in own.items():
            parameters += map(_parameter, options[name].values()) if name in options else [each]
        known = {name: each for group in options.values() for name, each in group.items()}
        parameters += [HELP_ALL] if any(each.option.common for each in known.values()) else []
        keywords = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in parameters]
        command.__signature__ = inspect.Signature(keywords)  # type: ignore[attr-defined]
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        command.options, command.examples = known, examples  # type: ignore[attr-defined]
        return command

    return decorate


def _show_all(context: typer.Context, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        context.meta[SHOWS_ALL] = True
        context.obj.write(f"{context.get_help()}\n")
        raise typer.Exit


SHOWS_ALL = "rnngen.help_all"
"""Key of what a command's context holds if its help is to show all options."""

HELP_ALL = inspect.Parameter(
    "help_all",
    inspect.Parameter.KEYWORD_ONLY,
    default=False,
    annotation=Annotated[
        bool, typer.Option("--help-all", callback=_show_all, is_eager=True, help="Show all options and exit.")
    ],
)
"""The parameter of a command whose help shows only the common options."""


def typed_names(context: typer.Context) -> set[str]:
    """The parameters of a command that were typed, whatever their values."""
    return {name for name, value in context.params.items() if value is not None and value is not False and value != []}


def _is_group(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Options)


def _parameter(option: Declared) -> inspect.Parameter:
    details = option.option
    default = details.default_text or _default(option)
    one = str if option.element or option.kind == int | str else option.kind
    annotation = list[option.element] if option.element is str else one  # type: ignore[name-defined]
    info = typer.Option(
        *details.flags or (f"--{option.name.replace('_', '-')}",),
        help=on_command_line(details.help if default is None else f"{details.help} [default: {default}]"),
        metavar=details.metavar,
        rich_help_panel=details.panel or None,
        show_default=False,
        autocompletion=_completed(option),
    )
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(option.name, kind, default=None, annotation=Annotated[annotation | None, info])


def _completed(option: Declared) -> Callable[[str], completion.Completed] | None:
    """What completes its value in a shell; None: its choices, or files."""
    details = option.option
    if details.is_run:
        return completion.runs
    named = [word for word in (details.metavar or "").split("|") if word.islower()]
    likely = [*details.likely, *named]
    return completion.words(likely) if likely and not option.choices else None


def _default(option: Declared) -> str | None:
    """The default, where there is one to show."""
    if option.default is None or option.default is False or option.default in ("", ()):
        return None
    return str(option.default)


def kinds_of(command: Callable[..., Any]) -> dict[str, Any]:
    """The types of what is typed for a command's parameters, by name, of the elements where there may be several."""
    options: dict[str, Declared] = getattr(command, "options", {})
    parameters = inspect.signature(command, eval_str=True).parameters.values()
    return {each.name: _kind(options, each) for each in parameters}


def _kind(options: dict[str, Declared], parameter: inspect.Parameter) -> Any:
    if parameter.name in options:
        option = options[parameter.name]
        return str if option.element is str else option.kind
    kind = parameter.annotation
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in (Union, UnionType):
        kind = next(each for each in get_args(kind) if each is not NoneType)
    return get_args(kind)[0] if get_origin(kind) is list else kind


class WrongValueError(ValueError):
    """Text that is not a value of a type.

    Attributes:
        expected: what is, in words.
        choices: all values, where they are words.
        found: what is wrong with the text, where the text alone does not say it.
    """

    def __init__(self, expected: str, choices: tuple[str, ...] = (), found: str | None = None) -> None:
        super().__init__(expected)
        self.expected, self.choices, self.found = expected, choices, found


def value_of(kind: Any, text: str) -> Any:
    """Convert text to a type: one of several words, true or false, a number or several, a path, or the text itself.

    A text that may be a number is one if it looks like one.

    Raises:
        WrongValueError: it is not a value of that type.
    """
    if get_origin(kind) is Literal:
        expected = expectation(kind, Option(None, "", ""), text)
        if expected is not None:
            raise WrongValueError(expected, get_args(kind))
        return text
    if kind is bool:
        if text not in ("true", "false"):
            raise WrongValueError("true or false")
        return text == "true"
    if kind == int | str:
        kind = int if _INTEGER.fullmatch(text) else str
    if kind == Sequence[float]:
        try:
            return tuple(float(part) for part in text.split(","))
        except ValueError as error:
            raise WrongValueError("numbers, such as 0.9,0.05,0.05") from error
    if kind == Sequence[int]:
        if not re.fullmatch(r"[0-9]{1,18}(,[0-9]{1,18})*", text):
            raise WrongValueError("numbers, such as 1,2,3")
        return tuple(map(int, text.split(",")))
    if kind is Path and (unusable := "an empty name" if text == "" else why_unusable(text)):
        raise WrongValueError("a path", found=unusable)
    try:
        return _PLAIN[kind](text)
    except ValueError as error:
        if kind is int and _INTEGER.fullmatch(text):  # of thousands of digits
            raise WrongValueError(f"a number below 2^{MAX_BITS}") from error
        raise WrongValueError("an integer" if kind is int else "a number") from error


_INTEGER = re.compile(r"[+-]?[0-9]+")
_PLAIN: dict[Any, Callable[[str], Any]] = {str: str, int: int, float: float, Path: Path}
