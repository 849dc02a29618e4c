"""Errors as Python says them: options as keyword arguments, and calls instead of commands.

The library writes options in backquotes (see ``options/declare.py``), and its hints name commands, which the command
line shows as they are. A command to be typed follows a colon, a comma or "or", and ends with its sentence; in any other
place words that may be English belong to the sentence. A command that no function can do stays a command.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import re
from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

from rnngen.errors import RnngenError
from rnngen.platforms import split_arguments

P = ParamSpec("P")
R = TypeVar("R")

VIEWS = ("card", "gates", "gradients", "memory", "next", "training", "truncation")
"""What comes after ``rnngen inspect``."""
_CALLS = {
    "train": "train",
    "sample": "generate",
    "eval": "evaluate",
    "fill": "load_filler",
    "inspect": "inspect",
    "inspect card": "inspect",
    "inspect gradients": "gradients",
    "report": "report",
}
"""Command → the function that does the same."""
_WORD = r"""(?:'[^']*'|"[^"]*"|[^\s'"`])+"""
_COMMAND = re.compile(rf"\brnngen (inspect (?:{'|'.join(VIEWS)})\b|[a-z]+)((?: {_WORD})*)")
_SENTENCE_END = re.compile(r"\)?[.,:;?]?$")
_NUMBERS = re.compile(r"(?<=; found )[\d.e-]+(,[\d.e-]+)+(?=\. |$)")
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
    text = re.sub(r"(?<=; found )(true|false)\b", lambda found: literal(found[1]), text)
    text = _NUMBERS.sub(lambda found: f"[{found[0].replace(',', ', ')}]", text)
    text = re.sub(r", (an? \w+), or - for standard input", r", or \1", text)
    text = _OPTION.sub(lambda found: f"`{found[1]}={literal(_unquoted(found[2]))}`", text)
    parts, end = [], 0
    while found := _COMMAND.search(text, end):
        parts.append(text[end : found.start()])
        call, end = _call(found)
        parts.append(call)
    return "".join([*parts, text[end:]])


def literal(text: str) -> str:
    """A value as Python writes it: a number, several or a word of Python's as it is, anything else in quotes."""
    if re.fullmatch(r"-?\d+(\.\d*)?(e[-+]?\d+)?|\[[-\d., e]*\]|True|False|None", text):
        return text
    return text.capitalize() if text in ("true", "false") else quoted(text)


def quoted(text: str) -> str:
    """A text as Python writes it, even one that looks like a number: a path, for example."""
    return f'"{text}"' if '"' not in text and "\\" not in text and text.isprintable() else repr(text)


def _call(found: re.Match[str]) -> tuple[str, int]:
    """The call for a command, and where the command ends."""
    is_typed = found.string[: found.start()].endswith((": ", ", ", " or "))
    words: list[str] = []
    end = found.end(1)
    for word in re.finditer(rf" ({_WORD})", found[2]):
        bare = _SENTENCE_END.sub("", word[1])
        is_value = is_typed or (words and words[-1].startswith("--"))
        if not bare or (not is_value and bare.isalpha() and bare.islower()):
            break
        words.append(_unquoted(bare))
        end = found.start(2) + word.start(1) + len(bare)
        if bare != word[1]:
            break
    function = _CALLS.get(found[1])
    call = _written(function, words) if function else None
    return call or found.string[found.start() : end], end


def _unquoted(word: str) -> str:
    return "".join(split_arguments(word)) if word[:1] in ("'", '"') else word


def _written(function: str, words: Sequence[str]) -> str | None:
    """A call with the arguments of a command; None: the function does not take them."""
    if "--help" in words:
        return f"help(rnngen.{function})"
    if "--resume" in words:
        at = words.index("--resume")
        function, words = "resume", [*words[at + 1 :], *words[:at]]
    elif "--compare" in words:
        function, words = "compare", [word for word in words if word != "--compare"]
    if not words:
        return f"rnngen.{function}"
    signature = inspect.signature(getattr(importlib.import_module("rnngen"), function))
    sorted_out = _arguments(words, signature)
    if sorted_out is None:
        return None
    given, named = sorted_out
    method = ""
    if function == "load_filler" and len(given) == 2:
        method = f".best({given.pop()})"
    elif function == "generate" and given:
        named["run"] = given.pop(0)
    try:
        signature.bind(*given, **named)
    except TypeError:
        return None
    return f"rnngen.{function}({', '.join([*given, *(f'{name}={value}' for name, value in named.items())])}){method}"


def _arguments(words: Sequence[str], signature: inspect.Signature) -> tuple[list[str], dict[str, str]] | None:
    """The arguments of a command, by position and by name, as Python writes them; None: Python has no such ones."""
    given: list[str] = []
    named: dict[str, str] = {}
    left = iter(words)
    for word in left:
        name = word[2:].replace("-", "_")
        if not word.startswith("--"):
            if not re.search(r"\w", word):  # standard input, a pipe
                return None
            given.append(quoted(word))
        elif name == "prompt_file":
            named["prompt"] = f"open({quoted(next(left, 'FILE'))}).read()"
        elif name not in signature.parameters:
            return None
        elif (kind := str(signature.parameters[name].annotation)) in ("bool", str(bool)):
            named[name] = "True"
        elif (value := next(left, None)) is None or "Sequence" in kind:
            return None
        else:
            named[name] = literal(value) if re.search(r"\b(int|float)\b", kind) else quoted(value)
    many = [each for each in signature.parameters.values() if each.kind is each.POSITIONAL_OR_KEYWORD]
    if len(given) > len(many) > 0 and "Sequence" in str(many[-1].annotation):
        given[len(many) - 1 :] = [f"[{', '.join(given[len(many) - 1 :])}]"]
    return given, named
