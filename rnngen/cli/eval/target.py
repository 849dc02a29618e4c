"""What ``rnngen eval`` scores: which of its arguments are runs and which are texts, opened."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rnngen.arguments import STDIN, exists, is_file
from rnngen.errors import CheckpointError, UsageError, shortened
from rnngen.platforms import quote_argument

if TYPE_CHECKING:
    from rnngen.cli.eval.options import Scoring
    from rnngen.runs.other_text import NamedText
    from rnngen.runs.run import Run


class Target(NamedTuple):
    """What is scored: runs, on which text, and on which device.

    Attributes:
        runs: one or more.
        files: texts; none: a part of each run's own corpus.
        scoring: how the text is read.
        device: of torch.
    """

    runs: Sequence[Run]
    files: Sequence[str]
    scoring: Scoring
    device: str

    @property
    def run(self) -> Run:
        """The first run."""
        return self.runs[0]

    def text(self, run: Run, files: Sequence[str]) -> AbstractContextManager[NamedText]:
        """A text to score, in a run's tokens."""
        from rnngen.runs.own_text import text_of

        return text_of(run, files, self.scoring.part, self.scoring.reading)

    def texts(self, run: Run) -> list[list[str]]:
        """The files that are one text each, for a run; see ``evaluation/several_texts.py``."""
        from rnngen.evaluation.several_texts import texts_of

        return texts_of(run, self.files, self.scoring.part, self.scoring.reading)


def runs_and_files(arguments: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Which of the arguments are runs, and which are texts.

    Runs come first. A first argument that is not there is taken for a run, and so reported as missing.

    Raises:
        UsageError: a run stands among the texts, or a text stands where a file is expected; the hint says what to type.
    """
    count = 0
    while count < len(arguments) and _is_run(arguments[count]):
        count += 1
    if not count and arguments and not is_file(arguments[0]) and arguments[0] != STDIN:
        count = 1
    runs, files = arguments[:count], list(arguments[count:])
    for name in files:
        if _is_run(name):
            words = ["rnngen", "eval", *filter(exists, runs), name]
            words += [other for other in arguments if other not in words]
            hint = f"The run comes first: {' '.join(map(quote_argument, words))}"
            raise UsageError("is a run, not a text", where=name, hint=hint)
    for name in arguments:
        if not exists(name) and any(map(str.isspace, name)) and not any(c in name for c in "*?["):
            words = ["rnngen", "eval", *(each for each in runs if each != name), STDIN]
            hint = f"Pipe a text in: echo {quote_argument(name)} | {' '.join(map(quote_argument, words))}"
            raise UsageError("a file is expected, not a text", found=repr(shortened(name)), hint=hint)
    return [Path(each) for each in runs], files


def _is_run(name: str) -> bool:
    from rnngen.runs.layout import MANIFEST

    return exists(Path(name) / MANIFEST)


def open_runs(paths: Sequence[Path], files: Sequence[str]) -> list[Run]:
    """Open the runs that are scored, each once; the newest if none is named.

    Raises:
        CheckpointError: there is no such run. A single argument that is not there may have been meant as a text.
    """
    from rnngen.runs import finding

    try:
        return finding.open_runs(paths)
    except CheckpointError as error:
        if len(paths) != 1 or files or exists(paths[0]):
            raise
        raise CheckpointError(
            "is neither a run nor a text",
            where=paths[0],
            expected="a run's folder, or a file to score",
            found=error.found,
            hint=error.hint,
        ) from error
