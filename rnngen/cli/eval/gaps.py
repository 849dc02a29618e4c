"""``rnngen eval --gaps``: how well words that were taken out of a text are put back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rnngen.cli.eval.tables import gap_table
from rnngen.errors import CorpusError

if TYPE_CHECKING:
    from rnngen.cli.eval.options import Scoring
    from rnngen.cli.eval.output import Output
    from rnngen.evaluation.gaps import GapScore
    from rnngen.evaluation.scores import TextScore
    from rnngen.runs.other_text import NamedText
    from rnngen.runs.run import Run


class GapSection:
    """How well a run, and one that it is compared with, put words back.

    Args:
        runs: these.
        words: how many words at most.
        scoring: whether this was asked for: a text without words to take out is an error then, else it is told.
    """

    analyses, is_summed = (), False

    def __init__(self, runs: Sequence[Run], words: int, scoring: Scoring) -> None:
        self._runs, self._words, self._asked = runs, words, bool(scoring.gaps or scoring.against)
        self._filled: list[GapScore] = []
        self._what = ""

    def finish(self, output: Output, run: Run, text: NamedText, score: TextScore) -> None:
        """Take words out and put them back."""
        self._what = "words" if score.has_words else "runs of letters"
        try:
            self._filled = self._fill(output, text)
        except CorpusError as error:
            if self._asked:
                raise
            output.note(f"{error}, so none was put back")

    def _fill(self, output: Output, text: NamedText) -> list[GapScore]:
        from rnngen.evaluation.gaps import score_gaps
        from rnngen.infilling.loading import load_filler

        fillers = [load_filler(run) for run in self._runs]
        total = min(self._words, max(1, text.counts.words))
        with output.job("putting words back (none: --gaps 0)", total, "words") as job:
            return score_gaps(fillers, text.tokens, self._words, job.advance_to)

    @property
    def is_empty(self) -> bool:
        """Whether no words were put back."""
        return not self._filled

    def as_dict(self) -> dict[str, Any]:
        """The first run's result, and the other's."""
        fills: dict[str, Any] = {"fill": self._filled[0].as_dict()} if self._filled else {}
        if len(self._filled) > 1:
            fills["against"] = {"run": str(self._runs[1].path), "fill": self._filled[1].as_dict()}
        return fills

    def table(self) -> str:
        """A column per run."""
        return gap_table([str(run.path) for run in self._runs], self._filled, self._what) if self._filled else ""
