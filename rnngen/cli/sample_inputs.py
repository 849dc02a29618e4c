"""What ``sample`` is given: a run, a prompt, and texts where the options do not expect them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rnngen.errors import CheckpointError, CorpusError, UsageError
from rnngen.platforms import quote_argument

if TYPE_CHECKING:
    from rnngen.run import Run


def run_of(arguments: Sequence[str] | None) -> str | None:
    """The run's folder, where one was given; None: the newest.

    Raises:
        UsageError: there are several arguments, or it is a text.
        CheckpointError: it is a file.
    """
    if not arguments:
        return None
    first, *more = arguments
    if more:
        run, words = (first, more) if _exists(first) else (None, list(arguments))
        raise _text_goes_with_prompt(" ".join(words), run)
    if first == "-":
        raise UsageError("a run is expected, not -", hint="Standard input is read with: rnngen sample --prompt -")
    if not _exists(first) and any(map(str.isspace, first)):
        raise _text_goes_with_prompt(first, None)
    if _exists(first) and Path(first).is_file():
        raise CheckpointError(
            "is not a run", where=first, expected="a folder made by rnngen train", found="a file",
            hint=f"Go on from its text with: rnngen sample --prompt-file {quote_argument(first)}",
        )  # fmt: skip
    return first


def open_run_of(argument: str | None) -> Run:
    """Open the run that was named, or the newest.

    Raises:
        CheckpointError: there is none, or it is damaged.
    """
    from rnngen.run import open_run

    try:
        return open_run(argument)
    except CheckpointError as error:
        if argument is None or error.hint or _exists(argument):
            raise
        raise CheckpointError(  # one word may be a text too
            error.what, where=error.where, expected=error.expected, found=error.found,
            hint=_prompt_hint(argument, None),
        ) from error  # fmt: skip


def _text_goes_with_prompt(text: str, run: str | None) -> UsageError:
    return UsageError("a run is expected, not a text", found=repr(_shortened(text)), hint=_prompt_hint(text, run))


def _prompt_hint(text: str, run: str | None) -> str:
    words = ["rnngen", "sample", *([run] if run else []), "--prompt" if text[:1] != "-" else f"--prompt={text}"]
    words += [text] if text[:1] != "-" else []
    return f"Text goes with --prompt: {' '.join(map(quote_argument, words))}"


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"


def _exists(name: str) -> bool:
    try:
        return Path(name).exists()
    except (OSError, ValueError):  # no name that a file can have
        return False


def read_prompt(prompt: str | None, file: Path | None, run: str | None) -> str:
    """The prompt; of a file or standard input under the rules of every text, less the newline that an editor adds.

    Args:
        prompt: the text, or ``-`` for standard input.
        file: where it is instead, or None.
        run: as it was typed, for hints.

    Raises:
        CorpusError: the file cannot be read, or is no text.
        UsageError: standard input is closed.
    """
    if file is None and prompt != "-":
        return prompt or ""
    from rnngen.corpus.sources import TextSource

    if file is not None and str(file) != "-" and not (_exists(str(file)) and file.is_file()):
        problem = "is not a file" if _exists(str(file)) or not str(file).strip(".") else "no such file"
        hint = None if problem == "is not a file" else _prompt_hint(str(file), run)
        raise CorpusError(problem, where=_shortened(str(file)), expected="a file with the prompt", hint=hint)
    if file is None and (sys.stdin is None or sys.stdin.closed):
        raise UsageError("--prompt - needs a standard input, which is closed")
    try:
        return "".join(TextSource(["-" if file is None else str(file)])).removesuffix("\n")
    except CorpusError as error:  # its hint is for a corpus
        raise CorpusError(
            error.what, where=error.where, expected=error.expected, found=error.found,
            hint="A prompt is UTF-8 text." if error.hint else None,
        ) from error  # fmt: skip
