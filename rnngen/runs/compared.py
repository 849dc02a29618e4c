"""What one of several runs is compared by: settings, scores, costs and learning curves, in a unit all of them have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from rnngen.corpus.token_lengths import are_uneven
from rnngen.runs.card import Card, make_card, token_length
from rnngen.runs.curves import Curve, training_curve, validation_curve
from rnngen.runs.metrics import read_metrics
from rnngen.runs.run import Run
from rnngen.runs.settings import Settings, settings_of
from rnngen.runs.siblings import group_of

TOKEN, CHARACTER = "nats per token", "nats per character"


@dataclass(frozen=True)
class ComparedRun:
    """One of several runs that are compared.

    Attributes:
        run: the run.
        name: its folder, in as few words as tell it from the others.
        card: what its folder says about it.
        tokens_read: tokens of training text that it has read; None: unknown.
        vocabulary: the closed vocabulary that its scores are of; None: it is an open one.
        unit: of all its nats here, as in ``pseudo-nats per character``.
        best: the best score on the validation part; None: there is none, or not in this unit.
        validation, training: learning curves; without points where there is none, or not in this unit.
        scores: on a text that all runs read, or on the test part of each, under the keys of ``rnngen eval --json``;
            empty: not asked for, or missing.
        note: on the text that the scores are of, as that parts of it were learned from; None: nothing to say.
        learned: whether it was trained on the text that the scores are of.
        missing: why there are no scores; None: they were not asked for, or are there.
    """

    run: Run = field(repr=False)
    name: str
    card: Card
    tokens_read: int | None
    vocabulary: str | None = field(repr=False)
    unit: str
    best: float | None
    validation: Curve
    training: Curve
    scores: Mapping[str, Any] = field(default_factory=dict)
    note: str | None = None
    learned: bool = False
    missing: str | None = None

    @cached_property
    def settings(self) -> Settings:
        """Its settings.

        Raises:
            CheckpointError: config.json is damaged, or of a newer version.
        """
        return settings_of(self.run)

    @cached_property
    def is_uneven(self) -> bool:
        """See ``is_uneven``."""
        return is_uneven(self.run)

    @property
    def bidirectional(self) -> bool:
        """Whether its scores are pseudo-nats."""
        return self.card.bidirectional

    @property
    def group(self) -> str | None:
        """The group of siblings that it was trained in; None: it has none."""
        found = group_of(self.run.config)
        return found.name if found else None

    def full(self, measure: str) -> str:
        """The name of a measure, with what sets a closed vocabulary apart."""
        return measure + (", closed vocabulary" if self.vocabulary is not None else "")

    @property
    def full_unit(self) -> str:
        """The unit, with what sets a closed vocabulary apart."""
        return self.full(self.unit)

    @property
    def score(self) -> float | None:
        """The score on the text that was read for the comparison, in ``unit``; None: there is none."""
        nats = self.scores.get(f"{prefix(self.bidirectional).replace('-', '_')}nats_per_token")
        if nats is None or self.unit.endswith(TOKEN):
            return nats
        return float(nats * self.scores["tokens"] / self.scores["characters"])

    def as_dict(self) -> dict[str, Any]:
        """All of this as JSON."""
        card = {key: value for key, value in vars(self.card).items() if key != "curve"}
        return {
            "name": self.name,
            **card,
            "path": str(self.card.path),
            "text": list(self.card.text),
            "tokens_read": self.tokens_read,
            "unit": self.unit,
            "validation": self.best,
            "score": self.score,
            "scores": dict(self.scores),
            **({"note": self.note} if self.note else {}),
            **({"missing": self.missing} if self.missing else {}),
            "curves": {"validation": self.validation.as_dict(), "training": self.training.as_dict()},
        }


def describe_run(run: Run, name: str, *, per_token: bool) -> ComparedRun:
    """What a run is compared by.

    Args:
        run: the run.
        name: see ``ComparedRun``.
        per_token: whether its nats are per token; else they are per character.

    Raises:
        CheckpointError: the run is damaged.
    """
    metrics = read_metrics(run)
    card = make_card(run, metrics)
    valid, train = (
        1.0 if per_token else 1 / (length or 1)
        for length in (card.valid_characters_per_token, card.train_characters_per_token)
    )
    known = per_token or card.valid_characters_per_token is not None
    known_train = per_token or card.train_characters_per_token is not None
    return ComparedRun(
        run=run,
        name=name,
        card=card,
        tokens_read=None if card.epochs is None or card.tokens is None else round(card.epochs * card.tokens),
        vocabulary=kind_of(run)[1],
        unit=prefix(card.bidirectional) + (TOKEN if per_token else CHARACTER),
        best=card.best_nats * valid if card.best_nats is not None and known else None,
        validation=validation_curve(metrics, card.tokens).scaled(valid) if known else Curve(),
        training=training_curve(metrics, card.tokens).scaled(train) if known_train else Curve(),
    )


def kind_of(run: Run) -> tuple[bool, str | None]:
    """What runs whose scores have one unit have in common: the direction, and the vocabulary if it is a closed one."""
    tokenizer = run.tokenizer()
    return run.model_config().bidirectional, tokenizer.to_json() if tokenizer.is_closed else None


def is_uneven(run: Run) -> bool:
    """Whether tokens are longer in one part than in the other, so that only losses per character compare.

    Tokens of a closed vocabulary are what its published scores are of, however long they are.
    """
    return not run.tokenizer().is_closed and are_uneven(token_length(run, "train"), token_length(run, "valid"))


def distinct_names(folders: Sequence[Path]) -> list[str]:
    """The names of folders, each preceded by as many of the folders above it as tell it from the others."""
    parts = [folder.resolve().parts for folder in folders]
    above = [0] * len(parts)
    for _ in range(max(map(len, parts), default=0)):
        names = ["/".join(each[-1 - n :]) for each, n in zip(parts, above, strict=True)]
        if len(set(names)) == len(set(parts)):
            return names
        above = [n + (names.count(name) > 1) for n, name in zip(above, names, strict=True)]
    return [str(folder) for folder in folders]


def prefix(bidirectional: bool) -> str:
    """What the units of a run's scores begin with."""
    return "pseudo-" if bidirectional else ""
