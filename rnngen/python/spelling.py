"""Errors as Python says them: options as keyword arguments, and calls instead of commands.

The library writes options in backquotes (see ``options/declare.py``), and its hints name commands, which the command
line shows as they are.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from rnngen.errors import RnngenError

P = ParamSpec("P")
R = TypeVar("R")

_CALLS = {
    "train": "train",
    "eval": "evaluate",
    "fill": "load_filler",
    "inspect": "inspect",
    "inspect gradients": "gradients",
    "report": "report",
}
"""Command → the function that does the same, whose first arguments are those of the command."""
_FLAGS = ("allow_changed_corpus", "bidirectional", "help")
_WORD = r"""(?:'[^']*'|"[^"]*"|[^\s'"`,;()]+)"""
_COMMAND = re.compile(rf"\brnngen (inspect gradients|[a-z]+)((?: {_WORD})*)")
_OPTION = re.compile(r"`([a-z][a-z0-9_]*)=([^`]*)`")


def speaks_python(function: Callable[P, R]) -> Callable[P, R]:
    """Let the errors of a function say what to do in Python."""

    @functools.wraps(function)
    def call(*args: P.args, **options: P.kwargs) -> R:
        try:
            return function(*args, **options)
        except RnngenError as error:
            error.args = (in_python(str(error)),)
            raise

    return call


def in_python(text: str) -> str:
    """A message in which options have Python's values, and commands are calls where there is a function for them."""
    text = re.sub(r"\btrue or false\b", "True or False", text)
    text = _OPTION.sub(lambda found: f"`{found[1]}={literal(found[2])}`", text)
    return _COMMAND.sub(_call, text)


def literal(text: str) -> str:
    """A value as Python writes it: a number or a word of Python's as it is, anything else in quotes."""
    if re.fullmatch(r"-?\d+(\.\d*)?(e[-+]?\d+)?|True|False|None", text):
        return text
    if text in ("true", "false"):
        return text.capitalize()
    return f'"{text}"' if '"' not in text and "\\" not in text and text.isprintable() else repr(text)


def _call(found: re.Match[str]) -> str:
    """The call for a command, and the rest of the sentence in which it stands."""
    if (function := _CALLS.get(found[1])) is None:
        return found[0]
    words = list(re.finditer(rf" ({_WORD})", found[2]))
    given: list[str] = []
    named: dict[str, str] = {}
    end, option = 0, ""
    for number, word in enumerate(words):
        text = word[1].rstrip(".:")
        following = words[number + 1][1] if number + 1 < len(words) else ""
        if option:
            named[option], option = _value(text), ""
        elif text.startswith("--"):
            name = text[2:].replace("-", "_")
            is_flag = name in _FLAGS or not following or text != word[1]
            option, named = ("" if is_flag else name), {**named, **({name: "True"} if is_flag else {})}
        elif _is_english(text) and _is_english(following):
            break
        else:
            given.append(_value(text))
        end = word.start() + 1 + len(text)
        if text != word[1]:  # the sentence ends
            break
    return found[0] if '"-"' in given else _written(function, given, named) + found[2][end:]


def _is_english(word: str) -> bool:
    """Whether a word may belong to the sentence, and not to the command."""
    return word.isalpha() and word.islower()


def _value(word: str) -> str:
    return literal(word[1:-1] if word[0] in "'\"" else word)


def _written(function: str, given: list[str], named: dict[str, str]) -> str:
    if named.pop("help", None):
        return f"help(rnngen.{function})"
    if "resume" in named:
        function, given = "resume", [named.pop("resume"), *given]
    if function == "load_filler" and len(given) == 2:
        return f"rnngen.load_filler({given[0]}).best({given[1]})"
    arguments = ", ".join([*given, *(f"{name}={value}" for name, value in named.items())])
    return f"rnngen.{function}({arguments})" if arguments else f"rnngen.{function}"
