"""The table of commands, each imported when it is called, and help that appears at once.

Typer needs every command's signature to build its parser, and a signature brings a module. Here the list of commands
is a table of names and summaries, so ``rnngen --help`` and a mistyped command import none of them.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from rnngen.cli import mistakes


class Entry(NamedTuple):
    """A command: where it lives, and the first sentence of its help."""

    module: str
    name: str
    summary: str


COMMANDS = {
    "train": Entry("rnngen.cli.train", "train_command", "Train a model on text."),
    "sample": Entry("rnngen.cli.sample", "sample_command", "Write new text with a trained model."),
    "eval": Entry("rnngen.cli.eval", "eval_command", "Score a model exactly."),
    "fill": Entry("rnngen.cli.fill", "fill_command", "Fill the gaps of a text."),
    "inspect": Entry("rnngen.cli.inspect", "inspect_app", "See inside a model."),
    "report": Entry("rnngen.cli.report", "report_command", "Write a page about some runs."),
    "runs": Entry("rnngen.cli.inspect", "runs_command", "List the runs under checkpoints/."),
    "corpus": Entry("rnngen.cli.corpus", "corpus_app", "Bring text to train on."),
}

CONTEXT_SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


class QuickCommand(TyperCommand):
    """A command whose values need no pydantic, and whose help groups the options by their panels, in plain text."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Arguments and options, the help option too."""
        return [_quick(parameter) for parameter in super().get_params(ctx)]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments.

        Raises:
            UsageError: an option or an argument that the command does not have, or an invalid value.
        """
        mistakes.check_options(ctx, self.get_params(ctx), args)
        ctx.allow_extra_args = True
        if extra := super().parse_args(ctx, args):
            raise mistakes.unexpected(ctx, extra)
        return []

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments and options, a section a panel, in the order of the first option of each."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is None:
                continue
            title = "Arguments" if parameter.param_type_name == "argument" else "Options"
            sections.setdefault(getattr(parameter, "rich_help_panel", None) or title, []).append(record)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)


_CHECKED = ("min", "max", "clamp", "exists", "resolve_path", "writable", "parser", "formats")
"""What Typer checks beside the type."""

_PLAIN: dict[Any, Callable[[str], Any]] = {str: str, int: int, float: float, Path: Path}


def _quick(parameter: Any) -> Any:
    """The parameter, turning text into values of plain types by no more than a call.

    Typer imports pydantic and builds an adapter a parameter for it, which takes as long as all else before the first
    character. What is not plain, or wrong in another way, still goes that way.
    """
    if "process_value" in vars(parameter) or not hasattr(parameter, "type_descriptor"):  # done, or an older Typer
        return parameter
    thorough: Callable[[Any, Any], Any] = parameter.process_value
    kind, info = parameter.type_descriptor.annotation, parameter.type_descriptor.parameter_info
    if any(getattr(info, name, None) not in (None, False) for name in _CHECKED):
        return parameter
    choices = get_args(kind) if get_origin(kind) is Literal else ()

    def process(ctx: Any, value: Any) -> Any:
        many = isinstance(value, (list, tuple)) and value
        if isinstance(value, str) and choices and value not in choices:
            raise mistakes.wrong_value(ctx, parameter, value, _one_of(choices), choices)
        if (many and kind != list[str]) or (isinstance(value, str) and not choices and kind not in _PLAIN):
            return thorough(ctx, value)
        if isinstance(value, str) and not choices:
            try:
                value = _PLAIN[kind](value)
            except ValueError as error:
                expected = "an integer" if kind is int else "a number"
                raise mistakes.wrong_value(ctx, parameter, value, expected) from error
        if parameter.required and parameter.value_is_missing(value):
            return thorough(ctx, value)
        return value if parameter.callback is None else parameter.callback(ctx, parameter, value)

    parameter.process_value = process
    return parameter


def _one_of(choices: tuple[str, ...]) -> str:
    return " or ".join(filter(None, (", ".join(map(repr, choices[:-1])), repr(choices[-1]))))


def plain_app(**settings: Any) -> typer.Typer:
    """A Typer application whose help and errors are plain text: Rich's take longer to import than the rest."""
    settings = {"cls": QuickGroup, **settings}
    return typer.Typer(
        add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
        context_settings=CONTEXT_SETTINGS, **settings,
    )  # fmt: skip


def register_command(app: typer.Typer, name: str, function: Callable[..., Any]) -> None:
    """Add a command to an application made by ``plain_app``."""
    app.command(name, cls=QuickCommand)(function)


def load_command(name: str) -> Any:
    """Import a command of the table and build its parser."""
    entry = COMMANDS[name]
    found = getattr(import_module(entry.module), entry.name)
    if not isinstance(found, typer.Typer):
        app = plain_app()
        register_command(app, name, found)
        found = app
    return get_command(found)


class QuickGroup(TyperGroup):
    """A group whose own options need no pydantic, and which knows ``help`` as a word too."""

    def get_params(self, ctx: Any) -> list[Any]:
        """The options of the group itself."""
        return [_quick(parameter) for parameter in super().get_params(ctx)]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the group's options; ``help COMMAND`` is ``COMMAND --help``.

        Raises:
            UsageError: an option that the group does not have.
        """
        if args[:1] == ["help"]:
            args = [*args[1:], "--help"]
        mistakes.check_options(ctx, self.get_params(ctx), args, group=True)
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command that the arguments begin with, and the arguments after it.

        Raises:
            UsageError: there is no such command.
        """
        if args[0] not in self.commands:
            raise mistakes.unknown_command(ctx, args, self.commands)
        return super().resolve_command(ctx, args)


class DefaultGroup(QuickGroup):
    """A group that stands for one of its commands where none is named."""

    default: str

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments, beginning with the default command's name if they begin with none.

        Raises:
            UsageError: they begin with a misspelled one, or as ``QuickGroup``.
        """
        named = args and args[0] in (*self.commands, *CONTEXT_SETTINGS["help_option_names"], "help")
        if not named and args and mistakes.is_misspelled(ctx, args[0], self.commands):
            raise mistakes.unknown_command(ctx, args, self.commands, "Neither a view nor a run")
        return super().parse_args(ctx, args if named else [self.default, *args])


class LazyGroup(QuickGroup):
    """A group that lists placeholders, and imports a command when it is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command that the arguments begin with, and the arguments after it."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, load_command(name) if name else None, rest


def register_table(app: typer.Typer) -> None:
    """Add a placeholder for each command of the table."""
    for name, entry in COMMANDS.items():
        app.command(name, help=entry.summary)(_placeholder)


def _placeholder() -> None:
    raise NotImplementedError("LazyGroup calls the command itself")
