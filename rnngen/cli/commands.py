"""The table of commands, each imported when it is called, and help that appears at once.

Typer needs every command's signature to build its parser, and a signature brings a module. Here the list of commands
is a table of names and summaries, so ``rnngen --help`` and a mistyped command import none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from rnngen.cli import mistakes
from rnngen.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from rnngen.options.declare import Declared


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
    "demo": Entry("rnngen.cli.demo", "demo_app", "Repeat a classical experiment with small networks."),
    "report": Entry("rnngen.cli.report", "report_command", "Write a page about some runs."),
    "runs": Entry("rnngen.cli.runs", "runs_command", "List the runs under checkpoints/, or under other folders."),
    "verify": Entry("rnngen.cli.verify", "verify_command", "Check a run for damage."),
    "rm": Entry("rnngen.cli.rm", "rm_command", "Remove runs."),
    "prune": Entry("rnngen.cli.prune", "prune_command", "Free the space that finished training no longer needs."),
    "cache": Entry("rnngen.cli.cache", "cache_app", "Show and prune the cache of encoded texts and downloads."),
    "corpus": Entry("rnngen.cli.corpus", "corpus_app", "Get a text to train on, or see what a text holds."),
}

_SHELLS = "bash", "zsh", "fish", "powershell", "pwsh"  # that Typer completes in
_EXAMPLE_COLUMNS = 56  # of a command line in an example, at most

CONTEXT_SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


class QuickCommand(TyperCommand):
    """A command that turns text into values without pydantic, and whose help is plain text, grouped by panels.

    Typer itself imports pydantic at the first value that is not true or false, and builds an adapter for each
    parameter, which takes as long as all else before the first character of a text. Ranges are those of the
    declarations, not Typer's ``min`` and ``max``.
    """

    def get_help_option(self, ctx: Any) -> Any:
        """``--help``."""
        return _false_by_default(super().get_help_option(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments.

        Raises:
            UsageError: an option or an argument that the command does not have, or an invalid value.
        """
        if ctx.resilient_parsing:  # a shell asks for completions
            return super().parse_args(ctx, args)
        from rnngen.cli.declared import kinds_of  # here: the list of commands needs no options

        parameters = self.get_params(ctx)
        mistakes.check_options(ctx, parameters, args)
        typed, extra, given = self.make_parser(ctx).parse_args(args=list(args))
        kinds = kinds_of(self.callback) if self.callback else {}
        options: dict[str, Declared] = getattr(self.callback, "options", {})
        _refuse_twice(options, [parameter.name for parameter in given])
        for parameter in sorted(parameters, key=lambda parameter: not parameter.is_eager):
            if parameter.is_eager:  # --help
                parameter.handle_parse_result(ctx, typed, extra)
            else:
                text, kind = typed.get(parameter.name), kinds[parameter.name]
                ctx.params[parameter.name] = _read(ctx, parameter, kind, text)
                if kind in (int, float, int | str) and text is not None:
                    mistakes.check_range(ctx, parameter, options, text)
        if extra:
            raise mistakes.unexpected(ctx, extra)
        return []

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write examples, arguments and options, a section a panel, in the order of the first option of each.

        Of a command with common options, only these are shown, in one section, unless all are asked for.
        """
        from rnngen.cli.declared import SHOWS_ALL

        if examples := getattr(self.callback, "examples", ()):
            with formatter.section("Examples"):
                formatter.write_dl(examples, col_max=_EXAMPLE_COLUMNS)
        options: dict[str, Declared] = getattr(self.callback, "options", {})
        hides = SHOWS_ALL not in ctx.meta and any(each.option.common for each in options.values())
        sections: dict[str, list[tuple[str, str]]] = {}
        hidden = 0
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is None:
                continue
            if hides and parameter.name in options and not options[parameter.name].option.common:
                hidden += 1
                continue
            if parameter.param_type_name == "argument":  # its type says nothing that its help does not
                record = (record[0].partition(" <")[0], record[1])
            title = "Arguments" if parameter.param_type_name == "argument" else "Options"
            panel = None if hides else getattr(parameter, "rich_help_panel", None)
            sections.setdefault(panel or title, []).append(record)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)
        if hidden:
            formatter.write_paragraph()
            more = f"There {'is' if hidden == 1 else 'are'} {hidden} more option{'s' * (hidden > 1)}"
            formatter.write_text(f"{more}: {ctx.command_path} --help-all")


def _false_by_default(option: Any) -> Any:
    """A flag whose value is a truth value where it is not given: None would be for pydantic to judge."""
    if option is not None and option.default is None:
        option.default = False
    return option


def _refuse_twice(options: Mapping[str, Declared], given: Sequence[str]) -> None:
    """Refuse an option that is given twice, though it takes one value and several may be meant.

    Raises:
        UsageError: it is.
    """
    for name, each in options.items():
        if each.option.once and given.count(name) > 1:
            raise UsageError(f"`{name}` is given more than once", expected="one value")


def _read(ctx: Any, parameter: Any, kind: Any, typed: Any) -> Any:
    """The value, or the values, of what was typed for a parameter; its default where that is nothing.

    Raises:
        UsageError: it is missing, or not of its type.
    """
    if isinstance(typed, bool):
        return typed
    several = isinstance(typed, (list, tuple))
    if not (typed if several else isinstance(typed, str)):
        if parameter.required:
            raise mistakes.missing(ctx, parameter)
        return parameter.get_default(ctx)
    from rnngen.cli.declared import WrongValueError, value_of

    values = []
    for text in typed if several else [typed]:
        try:
            values.append(value_of(kind, text))
        except WrongValueError as error:
            raise mistakes.wrong_value(ctx, parameter, text, error) from error
    return values if several else values[0]


def plain_app(**settings: Any) -> typer.Typer:
    """A Typer application whose help and errors are plain text: Rich's take longer to import than the rest."""
    settings = {"cls": QuickGroup, "add_completion": False, **settings}
    return typer.Typer(
        pretty_exceptions_enable=False, rich_markup_mode=None, context_settings=CONTEXT_SETTINGS, **settings
    )


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
    """A group that tells of mistakes in its own way, and which knows ``help`` as a word too."""

    def get_params(self, ctx: Any) -> list[Any]:
        """The group's options: its own, those that install shell completion, and ``--help``."""
        return [_false_by_default(option) for option in super().get_params(ctx)]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the group's options; ``help COMMAND`` is ``COMMAND --help``, and without arguments help is shown.

        Raises:
            UsageError: an option that the group does not have.
        """
        if ctx.resilient_parsing:  # a shell asks for completions
            return super().parse_args(ctx, args)
        if not args and self.no_args_is_help:
            ctx.obj.show_help(ctx.get_help())
            raise typer.Exit(ExitCode.USAGE)
        if args[:1] == ["help"]:
            args = [*args[1:], "--help"]
        mistakes.check_options(ctx, self.get_params(ctx), args, group=True)
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command that the arguments begin with, and the arguments after it.

        Raises:
            UsageError: there is no such command.
        """
        if args[0] not in self.commands and not ctx.resilient_parsing:
            raise mistakes.unknown_command(ctx, args, self.commands)
        return super().resolve_command(ctx, args)


class DefaultGroup(QuickGroup):
    """A group that stands for one of its commands where none is named."""

    default: str
    unknown = "no such command"

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments, beginning with the default command's name if they begin with none.

        Raises:
            UsageError: they begin with a misspelled one, or as ``QuickGroup``.
        """
        if ctx.resilient_parsing and not args:  # a shell asks for completions of the first word
            return super().parse_args(ctx, args)
        named = args and args[0] in (*self.commands, *CONTEXT_SETTINGS["help_option_names"], "help")
        if not named and args and mistakes.is_misspelled(ctx, args[0], self.commands):
            raise mistakes.unknown_command(ctx, args, self.commands, self.unknown)
        return super().parse_args(ctx, args if named else [self.default, *args])

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """What the first word may be: a command, or an option of the default one."""
        command = self.commands[self.default]
        of_default = command.shell_complete(ctx, incomplete)
        if not incomplete.startswith("-"):
            arguments = [each for each in command.params if each.param_type_name == "argument"]
            of_default += [item for each in arguments[:1] for item in each.shell_complete(ctx, incomplete)]
        return list({item.value: item for item in (*of_default, *super().shell_complete(ctx, incomplete))}.values())


class LazyGroup(QuickGroup):
    """A group that lists placeholders, and imports a command when it is called."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the program's options; Typer's two for shell completion may be followed by the name of a shell.

        Raises:
            UsageError: it is no shell that can be completed in, or as ``QuickGroup``.
        """
        name, _, shell = args[0].partition("=") if args else ("", "", "")
        rest = [shell, *args[1:]] if shell else args[1:]
        option = next((each for each in self.get_params(ctx) if name in each.opts), None)
        if rest and option is not None and name.endswith("-completion") and not ctx.resilient_parsing:
            _complete_in(ctx, option, *rest)
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command that the arguments begin with, and the arguments after it."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, self.load(name) if name else None, rest

    def load(self, name: str) -> Any:
        """Import a command and build its parser."""
        return load_command(name)


def _complete_in(ctx: Any, option: Any, shell: str, *more: str) -> None:
    """Install or show the completion of a shell other than the current one, and exit."""
    if shell not in _SHELLS or more:
        found = " ".join((shell, *more))
        raise UsageError(f"{option.opts[0]}: not the name of a shell", expected=", ".join(_SHELLS), found=found)
    option.callback(ctx, option, shell)


def register_table(app: typer.Typer) -> None:
    """Add a placeholder for each command of the table."""
    for name, entry in COMMANDS.items():
        app.command(name, help=entry.summary)(_placeholder)


def _placeholder() -> None:
    raise NotImplementedError("LazyGroup calls the command itself")
