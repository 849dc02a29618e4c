"""Runs side by side: the settings that differ, whether their scores may be compared at all, scores, costs, and curves.

Nats per token are compared only where the tokens are the same, and about as long in the training as in the validation
part; otherwise nats per character are. The pseudo-nats of bidirectional runs are a unit of their own, and so are scores
on a closed vocabulary. The scores of siblings, which were trained together with ``train --seeds`` and differ in nothing
but their seed, have a mean and a standard deviation.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from rnngen.corpus.closed_vocabulary import CLOSED
from rnngen.corpus.token_lengths import lengths_in_words
from rnngen.errors import UsageError
from rnngen.runs.compared import ComparedRun, describe_run, distinct_names, is_uneven, kind_of
from rnngen.runs.run import Run
from rnngen.runs.settings import Difference, differences
from rnngen.runs.siblings import Spread


class Scored(NamedTuple):
    """The scores of a run on a text, under the keys of ``rnngen eval --json``; see ``ComparedRun`` for the rest."""

    scores: Mapping[str, Any]
    note: str | None = None
    learned: bool = False


@dataclass(frozen=True)
class Siblings:
    """Runs that were trained as siblings, and so differ in nothing but their seed.

    Attributes:
        runs: the first of each seed, in the order of the comparison.
    """

    runs: tuple[ComparedRun, ...]

    @property
    def seeds(self) -> list[Any]:
        """The seed of each."""
        return [run.settings.values.get("seed") for run in self.runs]

    @property
    def validation(self) -> Spread | None:
        """Of the best score on the validation part."""
        return Spread.of([run.best for run in self.runs])

    @property
    def score(self) -> Spread | None:
        """Of the score on the text that was read for the comparison."""
        return Spread.of([run.score for run in self.runs])

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        spreads = {"validation": self.validation, "score": self.score}
        return {
            "runs": [run.name for run in self.runs],
            "seeds": self.seeds,
            "unit": self.runs[0].unit,
            **{name: dataclasses.asdict(spread) if spread else None for name, spread in spreads.items()},
        }


@dataclass(frozen=True)
class Comparison:
    """Several runs side by side.

    Attributes:
        runs: in the order in which they were given, each once.
        text: the name of the text that ``scores`` are of; None: the test part of each run's own text.
    """

    runs: tuple[ComparedRun, ...]
    text: str | None = None

    @cached_property
    def differences(self) -> list[Difference]:
        """The settings that differ: first those that somebody gave, then those that were decided for the run."""
        return differences([run.settings for run in self.runs])

    @cached_property
    def warnings(self) -> list[str]:
        """What has to be known before scores are compared; empty: nothing."""
        failed = [f"{run.name}: training failed: {run.card.failure}" for run in self.runs if run.card.failure]
        if len(self.runs) < 2:
            return [*failed, *filter(None, [self.on_lengths])]
        said = (
            self._on_learned(),
            self._on_texts(),
            self._on_directions(),
            self._on_vocabularies(),
            self.on_units,
            self.on_lengths,
            self._on_amounts(),
            self._on_unknown(),
        )
        return [*failed, *(text for text in said if text)]

    @cached_property
    def siblings(self) -> list[Siblings]:
        """Groups of at least two runs that recorded that they are siblings, and were trained for as many steps."""
        groups: dict[Any, dict[Any, ComparedRun]] = {}
        for run in self.runs:
            if run.group is not None:
                same = (run.group, run.card.planned_steps)  # one of them may have been resumed for more
                groups.setdefault(same, {}).setdefault(run.settings.values.get("seed"), run)
        return [Siblings(tuple(group.values())) for group in groups.values() if len(group) > 1]

    @property
    def other_texts(self) -> list[list[ComparedRun]]:
        """Runs whose scores have one unit, but that hold out different texts: those on one text can be compared."""
        return [group for group in self.kinds if len({run.settings.held_out for run in group}) > 1]

    @property
    def kinds(self) -> list[list[ComparedRun]]:
        """The runs whose scores have one unit: left-to-right, then bidirectional ones; closed vocabularies apart."""
        groups: dict[tuple[bool, str | None], list[ComparedRun]] = {}
        for run in sorted(self.runs, key=lambda run: (run.bidirectional, run.vocabulary is not None)):
            groups.setdefault((run.bidirectional, run.vocabulary), []).append(run)
        return list(groups.values())

    def with_scores(self, scores: Sequence[Scored | str], text: str | None = None) -> Comparison:
        """The same with the scores of each run on a text, or why there are none.

        Args:
            scores: of each run, or a sentence.
            text: the name of the text; None: the test part of each run's own text.
        """
        runs = [
            dataclasses.replace(run, missing=each)
            if isinstance(each, str)
            else dataclasses.replace(run, **each._asdict())
            for run, each in zip(self.runs, scores, strict=True)
        ]
        return Comparison(tuple(runs), text)

    def as_dict(self) -> dict[str, Any]:
        """The whole comparison as JSON."""
        return {
            "warnings": self.warnings,
            "differences": [each.as_dict([run.name for run in self.runs]) for each in self.differences],
            "text": self.text,
            "runs": [run.as_dict() for run in self.runs],
            "siblings": [group.as_dict() for group in self.siblings],
        }

    def _on_learned(self) -> str | None:
        names = ", ".join(run.name for run in self.runs if run.learned)
        said = f"trained on {self.text}, or on parts of it, so the scores on it flatter"
        return f"{names}: {said}" if names else None

    def _on_texts(self) -> str | None:
        texts = _names_by({run.name: run.card.fingerprint for run in self.runs})
        held_out = _names_by({run.name: run.settings.held_out for run in self.runs})
        if len(texts) > 1:
            what = f"trained and validated on different texts ({'; '.join(texts)})"
        elif len(held_out) > 1:
            what = f"the same text, with other parts held out ({'; '.join(held_out)})"
        else:
            return None
        if not self.other_texts:  # what else is said of their units is reason enough
            return what
        so = f"{what}, so their validation scores"
        if self.text is None or any(run.learned for run in self.runs):
            return f"{so} and test scores cannot be compared; scores on one text that is new to all of them can"
        read = [{run.scores["characters"] for run in group if run.scores} for group in self.other_texts]
        also = f"; the scores on {self.text} can" if all(len(each) < 2 for each in read) else ""
        return f"{so} cannot be compared{also}"

    def _on_directions(self) -> str | None:
        names = ", ".join(run.name for run in self.runs if run.bidirectional)
        if not names or all(run.bidirectional for run in self.runs):
            return None
        return f"{names}: bidirectional, each token predicted from both sides: pseudo-nats, not comparable with nats"

    def _on_vocabularies(self) -> str | None:
        names = ", ".join(run.name for run in self.runs if run.vocabulary is not None)
        if not names or len({run.vocabulary for run in self.runs}) < 2:
            return None
        return f"{names}: {' '.join(CLOSED)}"

    @property
    def on_units(self) -> str | None:
        """That scores are per character; None: they are per token."""
        others = [group for group in self.kinds if len(tokenizers_of(group)) > 1]
        if not others:
            return None
        names = ", ".join(run.name for group in others for run in group if run.card.valid_characters_per_token is None)
        return "the tokens differ, so scores are nats per character" + (
            f"; {names} did not record how many characters its text has" if names else ""
        )

    @property
    def on_lengths(self) -> str | None:
        """Which runs have tokens of unlike lengths in their training and validation part; None: none."""
        lengths = [
            f"{run.name}: {lengths_in_words(train, valid)}"
            for run in self.runs
            if run.is_uneven
            and (train := run.card.train_characters_per_token)
            and (valid := run.card.valid_characters_per_token)
        ]
        return f"{'; '.join(lengths)}, so losses are nats per character" if lengths else None

    def _on_amounts(self) -> str | None:
        same_text = {(run.settings.held_out, run.settings.values.get("tokenizer")) for run in self.runs}
        amounts = {run.settings.values.get("valid_tokens") for run in self.runs}
        if len(same_text) > 1 or len(amounts) < 2:
            return None
        return "validations read different amounts of the validation part: test scores say more"

    def _on_unknown(self) -> str | None:
        unknown = {run.name: run.scores.get("unknown", 0) for run in self.runs if run.scores}
        if not any(unknown.values()) or len(set(unknown.values())) == 1:
            return None
        told = ", ".join(f"{name} {count:,}" for name, count in unknown.items())
        return f"unknown tokens are scored as one symbol, which is easier than what they stand for: {told}"


def compare_runs(runs: Sequence[Run]) -> Comparison:
    """Compare runs by what their folders say; what is given twice counts once.

    Raises:
        UsageError: there are fewer than two.
        CheckpointError: one is damaged.
    """
    found = list({run.path.resolve(): run for run in runs}.values())
    if len(found) < 2:
        same = "the same run each time" if len(runs) > 1 else len(found)
        raise UsageError("a comparison needs at least two runs", found=same, hint="See them with: rnngen runs")
    comparison = describe_runs(found)
    for run in comparison.runs:
        _ = run.settings  # which may be damaged
    return comparison


def describe_runs(runs: Sequence[Run], names: Sequence[str] | None = None) -> Comparison:
    """As ``compare_runs``, also of one run.

    Args:
        runs: each once.
        names: of the runs; None: those of their folders.

    Raises:
        CheckpointError: one is damaged.
    """
    names = names or distinct_names([run.path for run in runs])
    units: dict[tuple[bool, str | None], set[tuple[str, bool]]] = {}
    for run in runs:
        units.setdefault(kind_of(run), set()).add((run.tokenizer().to_json(), is_uneven(run)))
    per_token = {kind for kind, found in units.items() if len(found) == 1 and not any(uneven for _, uneven in found)}
    return Comparison(
        tuple(
            describe_run(run, name, per_token=kind_of(run) in per_token) for run, name in zip(runs, names, strict=True)
        )
    )


def tokenizers_of(runs: Sequence[ComparedRun]) -> set[str]:
    """The tokenizers of runs, each once."""
    return {run.run.tokenizer().to_json() for run in runs}


def _names_by(values: Mapping[str, object]) -> list[str]:
    """The names that have the same value, group by group."""
    groups: dict[object, list[str]] = {}
    for name, value in values.items():
        groups.setdefault(value, []).append(name)
    return [", ".join(names) for names in groups.values()]
