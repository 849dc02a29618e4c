"""The inputs of ``sample``: the run, the prompt, and what to say about texts that were typed in the wrong place."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnngen.arguments import STDIN, exists, is_file
from rnngen.corpus.labels import label_name
from rnngen.errors import CheckpointError, CorpusError, UsageError, shortened
from rnngen.platforms import quote_argument

if TYPE_CHECKING:
    from rnngen.corpus.tokenizer import Tokenizer
    from rnngen.runs.run import Run
    from rnngen.sampling.generator import Generator

MOST_TEXTS = 1_000_000
"""That one command writes."""


def run_of(arguments: Sequence[str] | None) -> str | None:
    """The run's folder, if one was given; None: the newest run.

    Raises:
        UsageError: there are several arguments, or the argument is a text or a file.
    """
    if not arguments:
        return None
    first, *more = arguments
    if more:
        run, words = (first, more) if exists(first) else (None, list(arguments))
        raise _text_without_prompt(" ".join(words), run)
    if not first:
        raise UsageError("the run's name is empty", hint="Without a name, the newest run is used: rnngen sample")
    if first == STDIN:
        raise UsageError("a run is expected, not -", hint="Standard input is read with: rnngen sample --prompt -")
    if not exists(first) and any(map(str.isspace, first)):
        raise _text_without_prompt(first, None)
    if is_file(first):
        raise UsageError(
            "is not a run",
            where=first,
            expected="a run's folder",
            found="a file",
            hint=f"Continue its text with: rnngen sample --prompt-file {quote_argument(first)}",
        )
    return first


def check_unit(run: str | None, length: int | str | None) -> None:
    """Refuse a unit of the length that was typed without quotes, so that it stands in the run's place.

    Raises:
        UsageError: it does.
    """
    if run in ("words", "word", "sentences", "sentence", "tokens", "token") and length is not None and not exists(run):
        meant = f'--length "{length} {run}"'
        raise UsageError("a length in words or sentences needs quotes", found=f"{length} {run}", hint=f"Type: {meant}")


def open_run_of(argument: str | None) -> Run:
    """Open the run that was named, or the newest run.

    Raises:
        CheckpointError: there is no such run, or it is damaged.
    """
    from rnngen.runs.finding import open_run

    try:
        return open_run(argument)
    except CheckpointError as error:
        if argument is None or exists(argument):
            raise
        raise CheckpointError(  # the single word may have been meant as a prompt
            error.what,
            where=error.where,
            expected=error.expected,
            found=error.found,
            hint=f"{error.hint or ''} {_prompt_hint(argument, None)}".strip(),
        ) from error


def _text_without_prompt(text: str, run: str | None) -> UsageError:
    return UsageError("a run is expected, not a text", found=repr(shortened(text)), hint=_prompt_hint(text, run))


def _prompt_hint(text: str, run: str | None) -> str:
    words = ["rnngen", "sample", *([run] if run else []), "--prompt" if text[:1] != "-" else f"--prompt={text}"]
    words += [text] if text[:1] != "-" else []
    return f"A prompt is given with --prompt: {' '.join(map(quote_argument, words))}"


def weights_after(run: Run, prompt: str, label: str | None) -> Mapping[str, Any]:
    """A run's weights after they have learned from a prompt.

    Args:
        run: the run.
        prompt: the text.
        label: the value of ``--label``.

    Raises:
        UsageError: there is no prompt, no such label, or the run is bidirectional.
    """
    from rnngen.sampling.loading import check_writes

    check_writes(run)  # before a prompt is asked for, and torch is imported
    if not prompt:
        raise UsageError("`dynamic` learns from the prompt, which is missing", hint="Give `prompt` or `prompt_file`.")
    from rnngen.evaluation.adaptation.prompt import adapted_weights
    from rnngen.sampling.labels import given_label

    return adapted_weights(run, prompt, given_label(run.tokenizer(), label))


def read_prompt(prompt: str | None, file: Path | None, run: str | None) -> str:
    """The prompt. A file and standard input are decoded like any text, without the final newline that editors add.

    Args:
        prompt: the text, or ``-`` for standard input.
        file: the file to read it from instead, if any.
        run: as it was typed, for hints.

    Raises:
        CorpusError: the file cannot be read, or is not text.
        UsageError: standard input is closed.
    """
    if file is None and prompt != STDIN:
        return prompt or ""
    return "".join(_text_of(file, run, "--prompt", "a file with the prompt")).removesuffix("\n")


def read_prompts(file: Path, run: str | None, num_samples: int) -> tuple[list[str], list[str]]:
    """The prompts of a file, which has one per line, and a note on those that are blank.

    Args:
        file: the file, decoded like any text; ``-``: standard input.
        run: as it was typed, for hints.
        num_samples: how many texts each prompt gets.

    Raises:
        CorpusError: the file cannot be read, is not text, or has no prompt.
        UsageError: there are too many, or standard input is closed.
    """
    from rnngen.corpus.formats.lines import lines_of

    prompts: list[str] = []
    blank, most = 0, MOST_TEXTS // num_samples
    for line in lines_of(_text_of(file, run, "--prompts-file", "a file with a prompt on each line")):
        if line.isspace():
            blank += 1
            continue
        if len(prompts) == most:
            raise UsageError(
                "`prompts_file` has too many prompts",
                where=shortened(str(file)),
                expected=f"at most {most:,}" + (f", since each gets {num_samples:,} texts" if num_samples > 1 else ""),
            )
        prompts.append(line.removesuffix("\n"))
    if not prompts:
        raise CorpusError("has no prompts", where=shortened(str(file)), expected="a prompt on each line")
    skipped = f"{blank:,} blank line{'' if blank == 1 else 's'} of {shortened(str(file))} skipped"
    return prompts, [skipped] if blank else []


def _text_of(file: Path | None, run: str | None, option: str, expected: str) -> Iterator[str]:
    """The text of a file, or of standard input, in pieces.

    Args:
        file: its path; None, or ``-``: standard input.
        run: as it was typed, for hints.
        option: that reads the same from standard input, for hints.
        expected: the file, for messages.

    Raises:
        CorpusError: the file cannot be read, or is not text.
        UsageError: standard input is closed.
    """
    from rnngen.corpus.sources import TextSource

    command = " ".join(map(quote_argument, ["rnngen", "sample", *([run] if run else []), option, STDIN]))
    if file is not None and exists(file) and file.is_fifo():  # <(a command)
        with file.open("rb") as stream:
            yield from TextSource([STDIN], stdin=stream, command=command, lenient="")
            return
    if file is not None and str(file) != STDIN and not is_file(file):
        problem = "is not a file" if exists(file) else "no such file"
        hint = None if exists(file) or option == "--prompts-file" else _prompt_hint(str(file), run)
        raise CorpusError(problem, where=shortened(str(file)), expected=expected, hint=hint)
    if str(file or STDIN) == STDIN and (sys.stdin is None or sys.stdin.closed):
        raise UsageError("- needs a standard input, which is closed")
    yield from TextSource([STDIN if file is None else str(file)], command=command, lenient="")


def notes_on_prompt(prompt: str | None, file: Path | None, text: str, unseen: str, tokenizer: Tokenizer) -> list[str]:
    """Notes on how a prompt is read, where that may surprise the user.

    Args:
        prompt: the value of ``--prompt``.
        file: the value of ``--prompt-file``.
        text: the prompt that was read.
        unseen: its characters or words that the model has never seen.
        tokenizer: of the model.
    """
    from rnngen.sampling.prompts import never_seen

    notes = []
    if unseen:
        typed = None if text != prompt or "\\" not in unseen else typed_line_breaks("--prompt", text)
        meant = f". For a line break, {typed}" if typed else ""
        notes.append(f"{never_seen(unseen, tokenizer)}{meant}")
    if text and text == prompt and is_file(text):
        notes.append(f"--prompt is the text itself; to continue the file: --prompt-file {quote_argument(text)}")
    if not text and (prompt == STDIN or file is not None):
        notes.append("the prompt is empty; the text begins as it does without one")
    return notes


def notes_on_label(run: Run, label: str | None) -> list[str]:
    """A note on a text without a label from a model that has learned from none of those.

    Args:
        run: the model's. There is no note on one that does not record how many of its documents had no label.
        label: the value of ``--label``.
    """
    if label is None or label_name(label) or run.corpus.get("unlabelled") != 0:
        return []
    return [
        "--label '' asks for texts without a label, but every document of the training text had one: the model has "
        "never learned how texts without one begin"
    ]


def typed_line_breaks(option: str, text: str) -> str | None:
    """How to type an option whose ``\\n`` and ``\\t`` are meant as line breaks and tabs; None: its text has neither.

    In plain quotes, no shell turns a backslash and a letter into a line break.
    """
    if not re.search(r"\\[nrt]", text):
        return None
    quoted = text.replace("'", "\\'")
    return f"type {option} $'{quoted}' in bash"


def check_line_breaks(generator: Generator, ban: Sequence[str], force: str) -> None:
    """Refuse texts of --ban and --force that the model cannot write and whose backslashes may be meant as line breaks.

    Raises:
        UsageError: there is such a text.
    """
    for option, text in (*(("--ban", text) for text in ban), ("--force", force)):
        typed = typed_line_breaks(option, text)
        if typed is None:
            continue
        from rnngen.sampling.writable import cannot_be_written

        if cannot_be_written([text], generator.tokenizer):
            raise UsageError(
                f"{option} has a backslash, which the model has never seen",
                found=quote_argument(text),
                hint=f"For a line break, {typed}.",
            )
