"""Score one run on one text, and show the result with all sections that were asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from rnngen.cli.eval.baselines import BaselineSection
from rnngen.cli.eval.gaps import GapSection
from rnngen.cli.eval.origin import OriginSection
from rnngen.cli.eval.sections import Section
from rnngen.cli.eval.sure import IntervalSection, UnknownSection
from rnngen.cli.eval.tables import mixture_table, note_on_unknown, score_table, warning_on_unknown
from rnngen.plaintext.widths import PIPED, filled
from rnngen.runs.compared import prefix

if TYPE_CHECKING:
    from rnngen.cli.eval.explain import Explained
    from rnngen.cli.eval.output import Output
    from rnngen.cli.eval.target import Target
    from rnngen.cli.longjob import LongJob
    from rnngen.evaluation.baselines.token_models import CountedModels
    from rnngen.evaluation.blocks import ScoredBlock
    from rnngen.evaluation.scores import TextScore
    from rnngen.runs.other_text import NamedText
    from rnngen.runs.run import Run


def score_run(
    output: Output,
    target: Target,
    sections: Sequence[Section],
    explained: Explained,
    models: Callable[[], CountedModels],
) -> None:
    """Score a text by a run and show the result.

    Args:
        output: where it goes.
        target: the run and the text.
        sections: what is told besides the score.
        explained: what is explained of it.
        models: gives those that are counted on the run's training part.

    Raises:
        KeyboardInterrupt: something was interrupted; what is known was shown.
    """
    from rnngen.evaluation.evaluate import score_text
    from rnngen.evaluation.scoring import ScoringInterrupted

    run, scoring = target.run, target.scoring
    interrupted: KeyboardInterrupt | None = None
    with ExitStack() as files, target.text(run, target.files) as text:  # once: - cannot be read again
        output.note(text.note)
        sections = [*sections, *explained.sections(output, run, text, target.device, files, models)]
        analyses = [analysis for section in sections for analysis in section.analyses]
        with output.job("scoring", len(text.tokens), "tokens") as job:
            progress = Progress(job, run, len(text.tokens))
            try:
                score = score_text(
                    run,
                    text,
                    device=target.device,
                    ngram=scoring.ngram,
                    analyses=[*analyses, progress],
                    on_read=progress.read,
                )
            except ScoringInterrupted as stopped:
                if not stopped.tokens:
                    raise
                interrupted, score = stopped, stopped.score(run.tokenizer(), text.tokens)
        try:
            for section in sections if interrupted is None else ():
                section.finish(output, run, text, score)
        except KeyboardInterrupt as stopped:  # the score is known
            output.note("interrupted: what was not finished is left out")
            interrupted = stopped
    note_on(output, run, score, len(text.tokens))
    if not explained.fills_output:
        _show(output, run, text, score, sections)
    if interrupted is not None:
        raise interrupted


def about_score(target: Target, against: Run | None, gaps: int, models: Callable[[], CountedModels]) -> list[Section]:
    """What is told with every score.

    Args:
        target: the run and the text.
        against: a run that fills the same gaps.
        gaps: maximum number of words that are taken out and put back.
        models: gives those that are counted on the run's training part.
    """
    run, scoring = target.run, target.scoring
    found: list[Section] = [IntervalSection(run), UnknownSection(run), OriginSection(run, target)]
    found += [GapSection([run, *([against] if against else [])], gaps, scoring)] if gaps else []
    if not scoring.fast and not run.model_config().bidirectional:  # pseudo-perplexity compares with none of them
        found.append(BaselineSection(models))
    return found


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


def note_on(output: Output, run: Run, score: TextScore, total: int) -> None:
    """Note what to know about the numbers."""
    if score.tokens < total:
        output.note(f"interrupted: the numbers are of the first {score.tokens:,} of {total:,} tokens")
    if score.counts.documents:
        labels = ", and its label, if it has one, as a token" if run.labels else ""
        output.note(f"every document was scored by itself; its end counts as a token, a character and a byte{labels}")
    if score.is_unreadable:
        output.console.note(warning_on_unknown(run, score))
    elif score.unknown:
        output.note(note_on_unknown(score))


def _show(output: Output, run: Run, text: NamedText, score: TextScore, sections: Sequence[Section]) -> None:
    """Show a score and what belongs to it."""
    from rnngen.evaluation.scores import Score

    no_words = (
        ""
        if score.has_words
        else _without_words(score, any(isinstance(each, GapSection) and not each.is_empty for each in sections))
    )
    if output.as_json:
        output.note(no_words)
        result = {"run": str(run.path), "text": text.name, **score.as_dict()}
        for section in sections:
            result |= section.as_dict()
        output.console.write_json(result)
        return
    ranges = next((each.ranges for each in sections if isinstance(each, IntervalSection)), {})
    tables = score_table(str(run.path), text.name, score, ranges)
    if isinstance(score, Score) and score.ngram and score.mixture:
        tables += mixture_table(score.ngram, score.mixture)
    tables += "".join(section.table() for section in sections)
    output.console.write(tables + (f"\n{filled(f'({no_words})', PIPED)}\n" if no_words else ""))


def _without_words(score: TextScore, fills: bool) -> str:
    """What differs if white space does not separate words; empty: nothing."""
    differs = ["has no word perplexity"] if "word_perplexity" in score.measured() else []
    differs += ["has runs of letters taken out, not words"] if fills else []
    counts = score.counts
    length = f" ({counts.characters / counts.words:,.0f} characters to a space)" if counts.words else ""
    return f"white space separates no words in this text{length}: it {' and '.join(differs)}" if differs else ""
