"""A section of the results of ``rnngen eval``: what is computed besides the score, and how it is shown.

Each kind of result is a module of its own next to this one. All are given the scores of the same reading of the text,
block after block, through their analyses (see ``evaluation/blocks.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from rnngen.cli.eval.output import Output
    from rnngen.evaluation.blocks import Analysis
    from rnngen.evaluation.scores import TextScore
    from rnngen.runs.other_text import NamedText
    from rnngen.runs.run import Run


class Section(Protocol):
    """One kind of result, of one run on one text."""

    @property
    def analyses(self) -> Sequence[Analysis]:
        """What is fed while the text is scored."""

    @property
    def is_summed(self) -> bool:
        """Whether it needs no more than what its analyses have summed: of a text's beginning it is known as well."""

    def finish(self, output: Output, run: Run, text: NamedText, score: TextScore) -> None:
        """Compute what is left once the text has been scored; it may still be read.

        Args:
            output: for notes and progress.
            run: that was scored.
            text: that it was scored on.
            score: how well; of what was read before an interruption if there was one.
        """

    def as_dict(self) -> dict[str, Any]:
        """What it adds to ``--json``."""

    def table(self) -> str:
        """What it adds below the score, beginning with an empty line; empty: nothing."""
