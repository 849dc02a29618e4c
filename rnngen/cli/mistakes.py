"""What is said of a mistyped command line: each mistake in one line that names what was meant and where to look."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnngen.arguments import STDIN, exists
from rnngen.errors import LONGEST_PART, UsageError, shortened

if TYPE_CHECKING:
    from rnngen.cli.declared import WrongValueError
    from rnngen.options.declare import Declared


def check_options(context: Any, parameters: Iterable[Any], arguments: Sequence[str], *, group: bool = False) -> None:
    """Refuse options that a command does not have, and options whose value is missing.

    Args:
        context: the parser's.
        parameters: what the command takes.
        arguments: what follows the command's name.
        group: whether the command is a group, so that the first word ends its own options.

    Raises:
        UsageError: the first such option, with what was meant.
    """
    options = {
        name: parameter
        for parameter in parameters
        if parameter.param_type_name == "option"
        for name in (*parameter.opts, *parameter.secondary_opts)
    }
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if argument == "--" or (group and not _is_option(argument)):
            return
        if not _is_option(argument):
            continue
        name, _, value = argument.partition("=")
        if name not in options and not name.startswith("--"):
            name, value = _short_option(context, options, argument)
        if name not in options:
            raise no_such_option(context, options, argument)
        if not _takes_value(options[name]):
            if "=" in argument:
                off = options[name].secondary_opts if value.lower() in ("false", "no", "off", "0") else []
                hint = f"Did you mean {off[0]}?" if off else None
                raise _error(context, f"{name} takes no value", found=value, hint=hint)
        elif not value and "=" not in argument:
            if not rest or rest[0] in options:
                raise _without_value(context, options[name], name, rest[:1])
            rest.pop(0)


def _is_option(argument: str) -> bool:
    return len(argument) > 1 and argument.startswith("-")


def _takes_value(option: Any) -> bool:
    return not (option.is_flag or getattr(option, "count", False))


def _short_option(context: Any, options: Mapping[str, Any], argument: str) -> tuple[str, str]:
    """The last of the letters of ``-qn5``, and the value that is written together with it."""
    from rnngen.options.other_names import other_option

    name = argument.partition("=")[0]
    if len(name) > 2 and ("-" + name in options or other_option(_words(context), name)):  # -epochs, as torch-rnn has it
        raise no_such_option(context, options, argument)
    for place, letter in enumerate(argument[1:], start=2):
        name = f"-{letter}"
        if name not in options:
            raise no_such_option(context, options, argument)
        if _takes_value(options[name]):
            return name, argument[place:]
    return name, ""


def _without_value(context: Any, option: Any, name: str, following: Sequence[str]) -> UsageError:
    expected = option.get_help_record(context)[0].rpartition(", ")[2]
    if not following:
        return _error(context, f"{name} needs a value", expected=expected)
    meant = f"If {following[0]} is the value, write {name}={following[0]}."
    return _error(context, f"{name} needs a value", expected=expected, found=f"the option {following[0]}", hint=meant)


def no_such_option(context: Any, options: Iterable[str], argument: str) -> UsageError:
    """The error for an option that a command does not have."""
    from rnngen.options.other_names import closest, other_option, squeezed

    name = argument.partition("=")[0]
    what = f"no such option: {shortened(name)}"
    if " " in name:
        return _error(context, what, hint="A text that begins with a hyphen comes last, after --.")
    long = [option for option in options if option.startswith("--")]
    same = next((option for option in long if squeezed(option) == squeezed(name)), None)
    if f"--{name.removeprefix('--no-')}" in long:
        return _error(context, what, hint=f"Leave --{name.removeprefix('--no-')} out.")
    meant = same or other_option(_words(context), name)
    owners = {} if meant else _owners(context, name)
    if owners:
        commands = " and ".join(f"rnngen {owner}" for owner in owners)
        after = "" if _words(context) else ", after which it stands"
        return _error(context, what, hint=f"{next(iter(owners.values()))} is an option of {commands}{after}.")
    meant = meant or closest(name, long)
    if meant is None:
        return _error(context, what)
    return _error(context, what, hint=f"Did you mean {meant}?" if meant.startswith("-") else meant)


def _owners(context: Any, name: str) -> dict[str, str]:
    """The commands that have an option of this name, and how it is written there."""
    from rnngen.options.other_names import squeezed

    program = context.find_root().command
    if not hasattr(program, "load"):  # a command on its own
        return {}
    commands: dict[str, Any] = {}
    for word in program.commands:
        command = program.load(word)
        members = getattr(command, "commands", None)
        commands |= {f"{word} {m}": c for m, c in members.items() if m != "card"} if members else {word: command}
    return {
        words: option
        for words, command in commands.items()
        for parameter in command.params
        for option in parameter.opts
        if option.startswith("--") and squeezed(option) == squeezed(name)
    }


def unknown_command(
    context: Any, arguments: Sequence[str], known: Iterable[str], what: str = "no such command"
) -> UsageError:
    """The error for a word that is no command of a group, which ``what`` says."""
    from rnngen.options.other_names import command_meant
    from rnngen.platforms import quote_argument

    word, rest = arguments[0], arguments[1:]
    what = f"{what}: {shortened(word)}"
    following = " ".join(quote_argument(argument) for argument in rest)
    if word == STDIN or exists(word):
        quoted = quote_argument(word)
        does = "Write text with this run" if _is_run(word) else "Train on this text"
        command = "sample" if _is_run(word) else "train"
        return _error(context, what, hint=f"{does}: rnngen {command} {quoted} {following}".rstrip() + ".")
    meant = command_meant(context.command_path, word, known)
    if meant is None:
        return _error(context, what)
    return _error(context, what, hint=f"Did you mean: {context.command_path} {meant} {following}".rstrip() + "?")


def is_misspelled(context: Any, word: str, known: Iterable[str]) -> bool:
    """Whether a word that may also be a path is much like a command of a group, and no path."""
    from rnngen.options.other_names import command_meant

    return not _is_option(word) and not exists(word) and command_meant(context.command_path, word, known) is not None


def _is_run(name: str) -> bool:
    from rnngen.runs.layout import MANIFEST

    return exists(f"{name}/{MANIFEST}")


def wrong_value(context: Any, option: Any, value: str, wrong: WrongValueError) -> UsageError:
    """The error for a value that an option or an argument cannot have.

    Args:
        context: the parser's.
        option: whose value it is.
        value: what was typed.
        wrong: what is wrong with it.
    """
    from rnngen.options.other_names import value_meant

    is_option = option.param_type_name == "option"
    name = max(option.opts, key=len) if is_option else option.name.upper()
    key, choices, expected = name.lstrip("-"), wrong.choices, wrong.expected
    number = None if choices else number_meant(key, value, whole="integer" in expected)
    meant = value_meant(key, value, choices) or number
    hint = None if meant is None or wrong.found else f"Did you mean {name} {meant}?"
    found = repr(shortened(value)) if wrong.found is None else f"{wrong.found}: {shortened(value)!r}"
    return _error(context, f"invalid value for {name}", expected=expected, found=found, hint=hint)


def check_range(context: Any, parameter: Any, options: Mapping[str, Declared], text: str) -> None:
    """Refuse a number, or a text in its place, that its declaration does not allow, and show it as it was typed.

    Raises:
        UsageError: it is one.
    """
    option = options.get(parameter.name)
    expected = option and option.expectation(context.params[parameter.name])
    if expected and isinstance(context.params[parameter.name], str):
        from rnngen.cli.declared import WrongValueError

        raise wrong_value(context, parameter, text, WrongValueError(expected))
    if expected:
        from rnngen.options.other_names import value_meant  # here: only a mistake needs it

        name = max(parameter.opts, key=len)
        hint = (meant := value_meant(name.lstrip("-"), text, ())) and f"Did you mean {name} {meant}?"
        raise _error(context, f"invalid value for {name}", expected=expected, found=shortened(text), hint=hint)


def refuse_text(run: Path | None, instead: str) -> None:
    """Refuse a file where a run is due, with the command that takes it.

    Args:
        run: what was given.
        instead: the command, with ``{text}`` where the file stands.

    Raises:
        UsageError: it is a file.
    """
    if run is not None and run.is_file():
        from rnngen.platforms import quote_argument

        command = instead.format(text=quote_argument(str(run)))
        raise UsageError("is not a run", where=run, expected="a run's folder", found="a file", hint=f"Type: {command}")


_SHARES = {
    "minutes": {
        "s": 1 / 60,
        "sec": 1 / 60,
        "seconds": 1 / 60,
        "m": 1,
        "min": 1,
        "minutes": 1,
        "h": 60,
        "hours": 60,
        "hour": 60,
        "minute": 1,
    }
}
_POWERS = {"k": 1e3, "thousand": 1e3, "m": 1e6, "million": 1e6, "%": 0.01, "": 1}


def number_meant(option: str, text: str, *, whole: bool) -> str | None:
    """How a number is written that was written in another way: ``2m``, ``1,5``, ``1e3``, ``10k``, ``50%``."""
    text = text.strip().lstrip("=").lower()
    if re.fullmatch(r"\d{1,3}([,'_ ]\d{3})+", text) and whole:
        text = re.sub(r"\D", "", text)
    parts = re.fullmatch(r"(-?\d*[.,]?\d+(?:e\+?\d{1,2})?)\s*([a-z%]*)", text)
    if parts is None:
        return None
    factor = _SHARES.get(option, _POWERS).get(parts[2], 1 if not parts[2] else None)
    if factor is None:
        return None
    number = float(parts[1].replace(",", ".")) * factor
    if not whole:
        return f"{number:g}"
    return str(int(number)) if abs(number) < 1e15 and number == int(number) else None


def unexpected(context: Any, arguments: Sequence[str]) -> UsageError:
    """The error for words after a command that takes none, or no more."""
    extra = shortened(" ".join(arguments))
    return _error(context, f"unexpected argument: {extra}", expected=_usage(context))


def _usage(context: Any) -> str:
    pieces = (piece.rstrip(".").strip("{}") for piece in context.command.collect_usage_pieces(context))
    return " ".join([context.command_path, *pieces])


def missing(context: Any, parameter: Any) -> UsageError:
    """The error for an argument that has to be given."""
    return _error(context, f"{parameter.metavar or parameter.name.upper()} is missing", expected=_usage(context))


def describe(error: Any) -> str:
    """The line for one of the parser's own errors."""
    context = getattr(error, "ctx", None)
    told = str(error.format_message()).strip().replace("\n", " ").replace("Value error, ", "").removesuffix(".")
    told = shortened(told, LONGEST_PART)
    return f"{told}{'' if told.endswith('?') else '.'} {_see(context)}" if told else ""


def _error(
    context: Any, what: str, *, expected: object = None, found: object = None, hint: str | None = None
) -> UsageError:
    told = _see(context) if hint is None else f"{hint} {_see(context)}"
    return UsageError(what, expected=expected, found=found, hint=told)


def _see(context: Any) -> str:
    return f"Try {'rnngen' if context is None else context.command_path} --help."


def _words(context: Any) -> str:
    """The words of a command after ``rnngen``."""
    return str(context.command_path).partition(" ")[2]
