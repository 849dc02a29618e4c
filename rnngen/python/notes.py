"""Notes in Python: warnings of the category ``rnngen.RnngenWarning``, about the line that called this library."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable
from pathlib import Path

from rnngen.arguments import exists, is_file
from rnngen.corpus.tokenizer import Tokenizer
from rnngen.errors import RnngenWarning
from rnngen.python.spelling import in_python
from rnngen.runs.failure import failure_of
from rnngen.runs.finding import is_run
from rnngen.runs.run import Run
from rnngen.sampling.prompts import never_seen

_PACKAGE = str(Path(__file__).parent.parent)


def note(text: str | None) -> None:
    """Warn of something; None: there is nothing to say."""
    if text:
        warnings.warn(in_python(text), RnngenWarning, stacklevel=_callers_level())


def note_on_failure(run: Run) -> None:
    """Warn of a run whose training failed, and say which weights it has."""
    if failure := failure_of(run):
        note(f"the training of {run.path} failed: {failure}")


def note_on_unseen(unseen: str, tokenizer: Tokenizer) -> None:
    """Warn of characters or words in a text that the model has never seen."""
    if unseen:
        note(never_seen(unseen, tokenizer))


def note_on_names(argument: str, texts: Iterable[str], instead: str) -> None:
    """Warn of texts that are the name of a file or of a run, which may be meant.

    Args:
        argument: what the texts were given as.
        texts: to read.
        instead: how a file of this name is read, with the name as ``{}``.
    """
    for text in texts:
        if "\n" in text or not exists(text):
            continue
        if is_file(text):
            how = instead.format(repr(text))
            note(f"`{argument}` is the text itself, not the file {text!r}. To read the file: {how}")
        elif is_run(Path(text)):
            note(f"`{argument}` is the text itself, not the run {text!r}. The run is given as `run`")


def _callers_level() -> int:
    """How many callers ``note`` is away from code that is not of this package, as ``warnings.warn`` counts them."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame, level = frame.f_back, level + 1
    return level
