"""Scores for a comparison of runs (``runs/comparison.py``): each run on one text, or on its own test part."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rnngen.corpus.files.find import find_files
from rnngen.errors import RnngenError, UsageError
from rnngen.evaluation.evaluate import score_text
from rnngen.runs.compared import ComparedRun
from rnngen.runs.comparison import Comparison, Scored
from rnngen.runs.own_text import text_of


def both_texts() -> UsageError:
    """The error for scores on one text and on the test parts at once."""
    return UsageError("`test` and `text` are two ways to score runs", expected="one of them", found="both")


def score_runs(
    comparison: Comparison, text: Path | None = None, on_run: Callable[[ComparedRun], object] | None = None
) -> Comparison:
    """A comparison with the scores of its runs, exactly as ``rnngen eval`` gives them.

    A run that cannot be scored, because its own text is gone or its weights are not finite, says why.

    Args:
        comparison: of runs.
        text: a file that all of them read, the whole of it, also where one was trained on it; None: the test part of
            each run's own text.
        on_run: called with each run before it is scored.

    Raises:
        CorpusError: ``text`` cannot be read, or is empty.
    """
    if text is not None:
        find_files([str(text)])  # before a run is said to be scored
    scores: list[Scored | str] = []
    for each in comparison.runs:
        if on_run is not None:
            on_run(each)
        try:
            with text_of(each.run, [text], "all") if text else text_of(each.run) as encoded:
                try:
                    scores.append(Scored(score_text(each.run, encoded).as_dict(), encoded.note, encoded.learned))
                except RnngenError as error:
                    scores.append(str(error))
        except RnngenError as error:
            if text is not None:
                raise
            scores.append(str(error))
    return comparison.with_scores(scores, None if text is None else str(text))
