"""Arguments of Python functions under names that other libraries use, and calls that fit no signature.

Other names of options are those of the command that does the same (``other_names.py``).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from rnngen.errors import ArgumentError
from rnngen.options.other_names import closest, listed, other_option

_COMMANDS = {
    "train": "train", "resume": "train",
    "load": "sample", "generate": "sample", "generate_batch": "sample", "samples": "sample", "pieces": "sample",
    "load_filler": "fill", "best": "fill", "draw": "fill",
    "evaluate": "eval", "score": "eval",
    "inspect": "inspect card", "compare": "inspect card", "gradients": "inspect gradients",
    "next_tokens": "inspect next", "report": "report",
}  # fmt: skip
"""Function → the command that does the same."""
_RUN = "model checkpoint checkpoint-path model-path weights model-name-or-path model-dir folder name runs run path"
_ARGUMENTS = {
    "run": _RUN,
    "corpus": "text texts data dataset train-dataset train-data x x-train files input inputs",
    "text": "texts input inputs sentence sentences data dataset test-dataset eval-dataset file files x",
    "on_event": "callbacks callback hooks on-step on-epoch-end on-epoch",
    "progress": "verbose disable-tqdm quiet silent progress-bar show-progress",
    "k": "top-k topk n num top count num-tokens",
    "lags": "lag max-lag steps back",
    "stop": "stop-token stop-tokens stop-sequences stop-words stop-strings eos-token",
    "length": "sample-len sample-length",
    "prompt": "input-ids inputs input text prefix",
}
"""Argument → other names for it."""
_SEVERAL = "Several texts are written by `rnngen.load(run).generate_batch([prompt] * 3)`."
_SENTENCES = {
    "sample": {
        "The run is given to `rnngen.load`, or as `run` to `rnngen.generate`.": _RUN,
        "The text to continue is the first argument, `prompt`.": "text input inputs input-ids prefix prime start",
        _SEVERAL: "n num-samples num-return-sequences batch-size count best-of",
        "Tokens are drawn unless `temperature=0`.": "do-sample sample",
        "Give each piece on as it comes: for piece in rnngen.load(run).generate(prompt).": "streamer stream",
    }
}
"""Command → what to do in Python instead → names of what there is not."""


def argument_meant(function: str, name: str, known: Iterable[str]) -> str | None:
    """A hint at what was meant by an argument that a function does not have; None: no idea.

    Args:
        function: its name.
        name: of the argument.
        known: the arguments that it has.
    """
    known, command = list(known), _COMMANDS.get(function, "")
    found = listed({ours: others for ours, others in _ARGUMENTS.items() if ours in known}, name)
    if found is None and (option := other_option(command, name) or "").startswith("--"):
        ours, _, value = option.removeprefix("--").partition(" ")
        ours = ours.replace("-", "_")
        found = None if ours not in known else f"{ours}={value}" if value else ours
    found = found or closest(name, known)
    return f"Did you mean `{found}`?" if found else listed(_SENTENCES.get(command, {}), name)


def refusal(
    function: Callable[..., Any], args: tuple[Any, ...], options: Mapping[str, Any], in_words: Callable[[str], str]
) -> ArgumentError:
    """The error for a call that does not fit the signature of a function.

    Args:
        function: with its own name.
        args: what was given by position.
        options: what was given by name.
        in_words: what is valid for an argument.
    """
    parameters = {name: each for name, each in inspect.signature(function).parameters.items() if name != "self"}
    is_method = "." in function.__qualname__
    called = f"{'' if is_method else 'rnngen.'}{function.__qualname__}()"
    args = args[is_method:]
    named = [name for name, each in parameters.items() if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)]
    placed = [name for name, each in parameters.items() if each.kind is each.POSITIONAL_OR_KEYWORD]
    takes_more = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    unknown = None if takes_more else next((name for name in options if name not in named), None)
    everything = f"Its arguments: {', '.join(named)}{', and options' if takes_more else ''}."
    if unknown is not None:
        hint = argument_meant(function.__name__, unknown, parameters) or everything
        return ArgumentError(f"{called} has no argument {unknown!r}", hint=hint)
    if len(args) > len(placed):
        most = f"at most {len(placed)} without a name ({', '.join(placed)})" if placed else "each with its name"
        hint = _run_by_name(function) or everything
        return ArgumentError(f"{called} has too many arguments", expected=most, found=len(args), hint=hint)
    twice = next((name for name in placed[: len(args)] if name in options), None)
    if twice is not None:
        return ArgumentError(f"{called} is given `{twice}` twice", expected="one value", hint=everything)
    missing = next(
        name
        for name in named
        if parameters[name].default is inspect.Parameter.empty
        and name not in options
        and name not in placed[: len(args)]
    )
    meant = f"Did you mean `{missing}`?"
    for name in options:
        if name not in named and argument_meant(function.__name__, name, [missing]) == meant:
            return ArgumentError(f"{called} has no argument {name!r}", hint=meant)
    return ArgumentError(f"{called} needs `{missing}`", expected=in_words(missing), hint=everything)


def _run_by_name(function: Callable[..., Any]) -> str | None:
    """How the run is given to a function that takes a text first; None: it takes none, or by its place."""
    parameters = inspect.signature(function).parameters
    if "run" not in parameters or parameters["run"].kind is not inspect.Parameter.KEYWORD_ONLY:
        return None
    return f"The run is given by its name: rnngen.{function.__name__}({next(iter(parameters))}, run=RUN)."


def misplaced(function: Callable[..., Any], name: str, value: object) -> str | None:
    """A hint for an invalid argument that may have been meant for another place, or another function; None: no idea.

    Args:
        function: with its own name.
        name: of the argument.
        value: of a type that it cannot have.
    """
    parameters = inspect.signature(function).parameters
    ours = type(value).__module__.startswith("rnngen.")
    if function.__name__ == "score" and isinstance(value, Path):
        return f"Files are scored by rnngen.evaluate(run, {str(value)!r})."
    if parameters[name].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD and (ours or isinstance(value, str | Path)):
        if hint := _run_by_name(function):
            return hint
        if ours and name != "run" and next(iter(parameters)) == "run":
            return f"The run comes first: rnngen.{function.__name__}(run, {name})."
    return None


def text_as_path(function: Callable[..., Any], value: str) -> str | None:
    """A hint for a text that was given where the name of a file is expected; None: it looks like a name."""
    if "\n" not in value:
        return None
    score = " Or score the text itself: rnngen.score(text, run=RUN)." if function.__name__ == "evaluate" else ""
    return f"This is a text, not the name of a file: write it to a file first.{score}"
