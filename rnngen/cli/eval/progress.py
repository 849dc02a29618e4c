"""Scoring a text with its progress shown; if that is interrupted, what is known of the score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rnngen.cli.eval.tables import note_on_unknown, warning_on_unknown
from rnngen.runs.compared import prefix

if TYPE_CHECKING:
    from rnngen.cli.eval.output import Output
    from rnngen.cli.eval.target import Target
    from rnngen.cli.longjob import LongJob
    from rnngen.evaluation.blocks import Analysis, ScoredBlock
    from rnngen.evaluation.scores import TextScore
    from rnngen.runs.other_text import NamedText
    from rnngen.runs.run import Run


@dataclass(frozen=True)
class Known:
    """The score of a text, or of its beginning.

    Attributes:
        score: of what was read.
        total: the number of tokens of the text.
        interrupt: what ended the scoring; None: nothing did.
        is_summed: whether the analyses were given all that was scored and nothing else.
    """

    score: TextScore
    total: int
    interrupt: KeyboardInterrupt | None = None
    is_summed: bool = True

    @property
    def is_complete(self) -> bool:
        """Whether the score is of the whole text."""
        return self.score.tokens == self.total

    @property
    def amount(self) -> str:
        """How much of the text the score is of."""
        return f"the first {self.score.tokens:,} of {self.total:,} tokens"


def score_so_far(
    output: Output, target: Target, run: Run, text: NamedText, analyses: Sequence[Analysis], *, ngram: bool = False
) -> Known:
    """Score a text, or as much of it as is read before Ctrl-C.

    Args:
        output: for the progress.
        target: with the device.
        run: that is scored.
        text: that it is scored on.
        analyses: are given what the network says of each token.
        ngram: also score by the run's n-gram model.

    Raises:
        KeyboardInterrupt: SIGINT came before anything was known.
    """
    from rnngen.evaluation.evaluate import score_text
    from rnngen.evaluation.scoring import ScoringInterrupted

    total = len(text.tokens)
    with output.job("scoring", total, "tokens") as job:
        progress = Progress(job, run, total)
        given = [*analyses, progress]
        try:
            score = score_text(run, text, device=target.device, ngram=ngram, analyses=given, on_read=progress.read)
        except ScoringInterrupted as stopped:
            if not stopped.tokens:
                raise
            return Known(stopped.score(run.tokenizer(), text), total, stopped, stopped.is_between_blocks)
    return Known(score, total)


class Progress:
    """Shows how much of a text of ``total`` tokens has been read, and the score so far."""

    detailed = False

    def __init__(self, job: LongJob, run: Run, total: int) -> None:
        self._both_ways = run.model_config().bidirectional
        self._job, self._total, self._unit = job, total, f"{prefix(self._both_ways)}nats per token"
        self._nats, self._known, self._read = 0.0, 0, 0

    def read(self, tokens: int) -> None:
        """Some more tokens are about to be read: once, or by each direction and then to be predicted."""
        self._job.advance_to(min(self._total, self._read // (3 if self._both_ways else 1)))
        self._read += tokens  # a little is read twice

    def add(self, block: ScoredBlock) -> None:
        """The scores of some tokens are known."""
        self._nats += float(block.nats.sum(dtype=float))
        self._known = block.stop
        self._job.describe(f"scoring ({self._nats / self._known:.4f} {self._unit} so far)")
        if not self._both_ways:  # of which nothing is known before all is read
            self._read = self._known
            self._job.advance_to(self._known)


def note_on(output: Output, run: Run, score: TextScore) -> None:
    """Note what to know about the numbers."""
    if score.counts.documents:
        labels = ", and its label, if it has one, as a token" if run.labels else ""
        output.note(f"every document was scored by itself; its end counts as a token, a character and a byte{labels}")
    if score.is_unreadable:
        output.console.note(warning_on_unknown(run, score))
    elif score.unknown:
        output.note(note_on_unknown(score))
