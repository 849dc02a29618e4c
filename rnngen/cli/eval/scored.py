"""Scores of a run on one text or on several: with intervals, and with all that ``--json`` says of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rnngen.cli.eval.origin import OriginSection
from rnngen.cli.eval.progress import note_on, score_so_far
from rnngen.cli.eval.sure import IntervalSection, UnknownSection
from rnngen.errors import CorpusError
from rnngen.formats import is_or_are

if TYPE_CHECKING:
    from rnngen.cli.eval.output import Output
    from rnngen.cli.eval.sections import Section
    from rnngen.cli.eval.target import Target
    from rnngen.evaluation.scores import TextScore
    from rnngen.evaluation.uncertainty.block_sums import BlockSums
    from rnngen.runs.run import Run


@dataclass(frozen=True)
class ScoredText:
    """A run's score on a text, or on its beginning.

    Attributes:
        name: of the text.
        score: how well.
        interval: how sure.
        unknown: the score without unknown symbols.
        more: what else JSON says.
        is_complete: whether the score is of the whole text.
    """

    name: str
    score: TextScore
    interval: IntervalSection
    unknown: UnknownSection
    more: Mapping[str, Any]
    is_complete: bool = True

    @property
    def title(self) -> str:
        """The name of the text, and whether all of it was read."""
        return self.name if self.is_complete else f"part of {self.name}"

    @property
    def _mark(self) -> dict[str, bool]:
        return {} if self.is_complete else {"complete": False}

    def as_dict(self) -> dict[str, Any]:
        """The keys of ``rnngen eval --json`` for a text."""
        sections = {**self.interval.as_dict(), **self.unknown.as_dict(), **self.more, **self._mark}
        return {"text": self.name, **self.score.as_dict(), **sections}

    def as_row(self) -> dict[str, Any]:
        """A row of ``--csv``: each measure with its interval, the counts, and the score without unknown symbols."""
        values = {key: value for key, value in self.score.as_dict().items() if not isinstance(value, dict)}
        row: dict[str, Any] = {"text": self.name}
        for key, value in values.items():
            row[key] = None if isinstance(value, float) and math.isnan(value) else value
            for end, bound in zip(("low", "high"), self.interval.ranges.get(key, ()), strict=False):
                row[f"{key}_{end}"] = bound
        return {**row, **self.unknown.as_row(), **self._mark}


@dataclass(frozen=True)
class ScoredRun:
    """A run's score on all texts together, and on each if there are several.

    Attributes:
        run: the run.
        total: on all.
        texts: on each; none if there is one.
        note: what to know about the texts.
        learned: whether it was trained on one of them.
        interrupt: what ended the scoring; None: nothing did.
        missing: what is not known because of that, in words.
    """

    run: Run
    total: ScoredText
    texts: tuple[ScoredText, ...]
    note: str | None
    learned: bool
    interrupt: KeyboardInterrupt | None = None
    missing: str = ""

    @property
    def sums(self) -> BlockSums:
        """Its nats by blocks of all texts."""
        return self.total.interval.sums

    def as_dict(self) -> dict[str, Any]:
        """The keys of ``rnngen eval --json``."""
        texts = [each.as_dict() for each in self.texts]
        return {"run": str(self.run.path), **self.total.as_dict(), **({"texts": texts} if texts else {})}


def score_texts(output: Output, target: Target, run: Run) -> ScoredRun:
    """Score each text of a target by itself, and all together; after Ctrl-C, what was read of them.

    Raises:
        RnngenError: a text cannot be read or scored.
        KeyboardInterrupt: SIGINT came before anything was known.
    """
    from rnngen.evaluation.several_texts import total_of

    names = target.texts(run)
    interval, unknown, origin = IntervalSection(run), UnknownSection(run), OriginSection(run, target)
    of_all: list[Section] = [interval, unknown, origin]
    found: list[ScoredText] = []
    notes: dict[str | None, None] = {}
    learned, is_summed, interrupt, missing = False, True, None, ""
    for files in names:
        own = IntervalSection(run), UnknownSection(run)
        sections = [*of_all, *(own if len(names) > 1 else ())]
        try:
            with target.text(run, files) as text:
                is_summed = False
                analyses = [each for section in sections for each in section.analyses]
                known = score_so_far(output, target, run, text, analyses)
                for each in own if known.is_summed else ():
                    each.finish(output, run, text, known.score)
        except KeyboardInterrupt as stopped:
            if not found:
                raise
            interrupt, is_summed = stopped, is_summed or getattr(stopped, "is_between_blocks", False)
        else:
            interrupt, is_summed = known.interrupt, known.is_summed
            found.append(ScoredText(text.name, known.score, *own, {}, known.is_complete))
            notes[text.note] = None
            learned = learned or text.learned
            missing = "" if known.is_complete else f"the numbers of {text.name} are of {known.amount}"
        if interrupt:
            break
    if not found:
        raise CorpusError("there is no text to score")
    total = total_of([each.score for each in found])
    for section in of_all if is_summed else ():
        section.finish(output, run, text, total)
    said = "; ".join(filter(None, notes)) or None
    for note in filter(None, notes):
        output.note(note)
    note_on(output, run, total)
    if len(found) < len(names):
        missing = "; ".join(
            filter(None, [missing, f"{len(found)} of {len(names)} texts {is_or_are(len(found))} shown"])
        )
    name = ", ".join(each.name for each in found)
    whole = ScoredText(name, total, interval, unknown, origin.as_dict(), interrupt is None)
    texts = tuple(found) if len(names) > 1 else ()
    return ScoredRun(run, whole, texts, said, learned, interrupt, missing)
