"""Score one run on one text, and show the result with all sections that were asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from rnngen.cli.eval.baselines import BaselineSection
from rnngen.cli.eval.gaps import GapSection
from rnngen.cli.eval.origin import OriginSection
from rnngen.cli.eval.progress import Known, note_on, score_so_far
from rnngen.cli.eval.sections import Section
from rnngen.cli.eval.sure import IntervalSection, UnknownSection
from rnngen.cli.eval.tables import mixture_table, score_table
from rnngen.errors import RnngenError
from rnngen.plaintext.widths import PIPED, filled

if TYPE_CHECKING:
    from rnngen.cli.eval.explain import Explained
    from rnngen.cli.eval.output import Output
    from rnngen.cli.eval.target import Target
    from rnngen.evaluation.baselines.token_models import CountedModels
    from rnngen.evaluation.scores import TextScore
    from rnngen.runs.other_text import NamedText
    from rnngen.runs.run import Run


def score_run(
    output: Output,
    target: Target,
    sections: Sequence[Section],
    explained: Explained,
    models: Callable[[NamedText], CountedModels],
) -> None:
    """Score a text by a run and show the result.

    Args:
        output: where it goes.
        target: the run and the text.
        sections: what is told besides the score.
        explained: what is explained of it.
        models: gives those that are counted on the run's training part, for a text.

    Raises:
        KeyboardInterrupt: something was interrupted; what is known was shown.
        RnngenError: a section failed; the score and the others were shown.
    """
    run, failed = target.run, None
    with ExitStack() as files, target.text(run, target.files) as text:  # once: - cannot be read again
        output.note(text.note)
        sections = [*sections, *explained.sections(output, run, text, target.device, files, models)]
        analyses = [analysis for section in sections for analysis in section.analyses]
        known = score_so_far(output, target, run, text, analyses, ngram=target.scoring.ngram)
        interrupt = known.interrupt
        for section in sorted(sections, key=lambda each: not each.is_summed):  # what takes long comes last
            if interrupt is not None and not (section.is_summed and known.is_summed):
                continue
            try:
                section.finish(output, run, text, known.score)
            except KeyboardInterrupt as stopped:  # the score is known
                interrupt = stopped
            except RnngenError as error:
                failed = failed or error
    if interrupt is not None:
        of = "what was not finished is left out" if known.is_complete else f"the numbers are of {known.amount}"
        output.note(f"interrupted: {of}")
    note_on(output, run, known.score)
    if not explained.fills_output:
        _show(output, run, text, known, sections)
    if failed or interrupt:
        raise failed or interrupt  # type: ignore[misc]


def about_score(
    target: Target, against: Run | None, gaps: int, models: Callable[[NamedText], CountedModels]
) -> list[Section]:
    """What is told with every score.

    Args:
        target: the run and the text.
        against: a run that fills the same gaps.
        gaps: maximum number of words that are taken out and put back.
        models: gives those that are counted on the run's training part, for a text.
    """
    run, scoring = target.run, target.scoring
    found: list[Section] = [IntervalSection(run), UnknownSection(run), OriginSection(run, target)]
    found += [GapSection([run, *([against] if against else [])], gaps, scoring)] if gaps else []
    if not scoring.fast and not run.model_config().bidirectional:  # pseudo-perplexity compares with none of them
        found.append(BaselineSection(models))
    return found


def _show(output: Output, run: Run, text: NamedText, known: Known, sections: Sequence[Section]) -> None:
    """Show a score and what belongs to it."""
    from rnngen.evaluation.scores import Score

    score = known.score
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
        if not known.is_complete:
            result["complete"] = False
        output.console.write_json(result)
        return
    ranges = next((each.ranges for each in sections if isinstance(each, IntervalSection)), {})
    name = text.name if known.is_complete else f"{known.amount} of {text.name}"
    tables = score_table(str(run.path), name, score, ranges)
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
