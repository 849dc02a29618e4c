"""Scores of several runs side by side: what compares, how much they differ, and how sure that is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import cached_property
from typing import Any

from rnngen.cli.eval.scored import ScoredRun, ScoredText
from rnngen.evaluation.uncertainty.bootstrap import method
from rnngen.evaluation.uncertainty.paired import Difference, paired_difference
from rnngen.runs.compared import ComparedRun
from rnngen.runs.comparison import Comparison, Scored, describe_runs
from rnngen.runs.siblings import Spread


class ComparedScores:
    """The scores of several runs.

    Args:
        scored: the runs.
        given: whether they were scored on texts that were given; else each on a part of its own.
    """

    def __init__(self, scored: Sequence[ScoredRun], given: bool) -> None:
        self._scored, self._given = scored, given
        results = [Scored(each.total.score.as_dict(), each.note, each.learned) for each in scored]
        self._comparison: Comparison = describe_runs([each.run for each in scored]).with_scores(
            results, scored[0].total.name if given else None
        )
        self._of = dict(zip(map(id, scored), self._comparison.runs, strict=True))

    def name(self, scored: ScoredRun) -> str:
        """The name of a run, in as few words as tell it from the others."""
        return self._compared(scored).name

    def _compared(self, scored: ScoredRun) -> ComparedRun:
        return self._of[id(scored)]

    @cached_property
    def kinds(self) -> list[list[ScoredRun]]:
        """The runs whose scores have one unit."""
        scored = {id(self._compared(each)): each for each in self._scored}
        return [[scored[id(run)] for run in kind] for kind in self._comparison.kinds]

    def heading(self, kind: Sequence[ScoredRun]) -> str:
        """What a table of runs of a kind is of."""
        first = self._compared(kind[0])
        on = f" on {kind[0].total.name}" if self._given else f", each on {kind[0].total.name}"
        caution = "".join(f"; {words}" for words in kind[0].total.score.cautions[:1])
        return f"{'bidirectional runs' if first.bidirectional else 'runs'}{on}{caution}"

    def seeds(self, kind: Sequence[ScoredRun]) -> Iterator[tuple[str, list[ScoredText]]]:
        """The siblings among runs: what their mean is called, and their scores."""
        for number, group in enumerate(self._comparison.siblings, 1):
            inside = [each.total for each in kind if self._compared(each) in group.runs]
            if len(inside) > 1:
                again = f" ({number})" if len(self._comparison.siblings) > 1 else ""
                yield f"mean of {len(inside)} seeds{again}", inside

    @cached_property
    def notes(self) -> list[str]:
        """What has to be known before the scores are compared."""
        of_losses = (self._comparison.on_units, self._comparison.on_lengths)  # of training: there, per character
        said = "the tokens differ, so nats per token and perplexity do not compare: bits per character and per byte do"
        other = [] if of_losses[0] is None else [said]
        warnings = (each for each in self._comparison.warnings if each not in of_losses)
        return [*warnings, *other, *self._incomparable, *self._of_siblings]

    @cached_property
    def _of_siblings(self) -> list[str]:
        """What a difference says if there are siblings."""
        if not any(self.differences(kind) for kind in self.kinds if any(self.seeds(kind))):
            return []
        return [
            "a difference is between two single runs: its interval does not include what another seed would change, "
            "so compare the means of the siblings"
        ]

    @cached_property
    def _incomparable(self) -> list[str]:
        """Why some runs have no difference from the best."""
        said = []
        for kind in self.kinds:
            texts = [each for each in kind if not self._is_on_text_of(kind[0], each)]
            if texts:
                names = ", ".join(map(self.name, texts))
                said.append(f"{names}: scored on another text than {self.name(kind[0])}, so no differences are shown")
        return said

    def _is_on_text_of(self, one: ScoredRun, other: ScoredRun) -> bool:
        """Whether both were scored on the same text."""
        lengths = ((each.total.score.counts.bytes, each.sums.characters) for each in (one, other))
        if len(set(lengths)) > 1:
            return False
        held_out = (self._compared(each).settings.held_out for each in (one, other))
        return self._given or len(set(held_out)) == 1

    def _unit(self, kind: Sequence[ScoredRun]) -> str:
        """Of differences: nats per token only where tokens are the same."""
        same = len({each.run.tokenizer().to_json() for each in kind}) == 1
        return kind[0].total.score.prefix + ("nats per token" if same else "bits per byte")

    def differences(self, kind: Sequence[ScoredRun]) -> tuple[ScoredRun, list[tuple[ScoredRun, Difference]]] | None:
        """The best of some runs, and how much worse the others are; without those that alone were trained on the text.

        Returns:
            None: fewer than two compare.
        """
        fair = [each for each in kind if not each.learned] or kind
        if len(fair) < 2 or not all(self._is_on_text_of(fair[0], each) for each in fair):
            return None
        per_token = self._unit(kind).endswith("token")
        best = min(fair, key=lambda each: each.total.score.nats)

        def difference(each: ScoredRun) -> Difference:
            scores, sums = (each.total.score, best.total.score), (each.sums, best.sums)
            return paired_difference(scores, sums, per_token=per_token)

        return best, [(each, difference(each)) for each in fair if each is not best]

    def in_words(self, filled: Callable[..., str]) -> str:
        """Differences and notes, below the tables; empty: nothing.

        Args:
            filled: makes lines of a sentence.
        """
        said = ""
        for kind in self.kinds:
            said += self._words_of(kind, filled)
        said += "".join(f"\n{filled(note, 'note: ')}" for note in self.notes)
        return said

    def _words_of(self, kind: Sequence[ScoredRun], filled: Callable[..., str]) -> str:
        found = self.differences(kind)
        if found is None:
            return ""
        best, others = found
        unit = self._unit(kind)
        of = f" ({len(kind)} runs with different tokens)" if unit.endswith("byte") else ""
        lines = [filled(f"worse than {self.name(best)}, in {unit}{of}, by paired bootstrap:")]
        left = max(len(self.name(each)) for each, _ in others)
        for each, difference in others:
            low_high = " to ".join(f"{bound:+.4f}" for bound in difference.range or ())
            interval = f"   ({low_high})" if low_high else "   (the text is too short for an interval)"
            clear = "" if difference.is_clear or not low_high else "   not clear: the interval holds 0"
            lines.append(f"  {self.name(each):<{left}}  {difference.value:+.4f}{interval}{clear}\n")
        return "\n" + "".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """All of it as JSON."""
        differences = []
        for kind in self.kinds:
            if found := self.differences(kind):
                best, others = found
                rows = [{"run": str(each.run.path), **difference.as_dict()} for each, difference in others]
                differences.append({**method(), "best": str(best.run.path), "unit": self._unit(kind), "runs": rows})
        return {
            "runs": [each.as_dict() for each in self._scored],
            "siblings": [group for kind in self.kinds for group in self._siblings(kind)],
            "differences": differences,
            "notes": self.notes,
        }

    def _siblings(self, kind: Sequence[ScoredRun]) -> Iterator[dict[str, Any]]:
        """Mean, standard deviation and range of every measure over siblings."""
        for _, texts in self.seeds(kind):
            runs = [str(each.run.path) for each in kind if any(each.total is text for text in texts)]
            measured = [text.score.measured() for text in texts]
            spreads = {key: Spread.of(each[key] for each in measured) for key in measured[0]}
            yield {"runs": runs, **{key: asdict(each) for key, each in spreads.items() if each}}
