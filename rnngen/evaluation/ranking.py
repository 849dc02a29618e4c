"""A model's score beside what simple models and compressors reach on the same text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from rnngen.evaluation.exponential import exp_or_infinity

MODEL = "this model"
UNIFORM, UNIGRAM = "uniform", "unigram"
_COPYING = {"gzip", "xz", "zstd"}
_OPTIONAL = {"PPMd"}
SMALL = 2_000_000
"""Tokens of training text below which counting often beats a network that has had little training."""
FEW_EPOCHS = 3


@dataclass(frozen=True)
class Baseline:
    """What one model or compressor reaches.

    Attributes:
        name: of it.
        bits_per_byte: of the text as UTF-8.
        nats_per_token: of a model over tokens; None: a compressor, which knows none.
    """

    name: str
    bits_per_byte: float
    nats_per_token: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """The keys of ``rnngen eval --json``."""
        values = {key: value for key, value in asdict(self).items() if value is not None}
        if self.nats_per_token is not None:
            values["token_perplexity"] = exp_or_infinity(self.nats_per_token)
        return values


@dataclass(frozen=True)
class Baselines:
    """A model among its baselines.

    Attributes:
        rows: the best first; one of them is ``MODEL``.
        tokens: of the text that all of them were scored on: all of it, or its beginning.
        is_whole: whether that is all of it.
        counted: tokens of the training part that n-grams were counted on.
        primed: bytes of the training part that compressors read first; 0: there are no compressors.
        available: tokens of the training part.
        fitted: whether the discounts of n-grams were fitted on the validation part, which is not the text.
        left_out: compressors for which the text is too short, with the bytes that it would have to have.
        epochs: how often the model has read that; None: unknown.
        is_own: whether the text is a part of the run's own.
        is_short: whether the text is too short for a confidence interval, and so for a verdict.
        is_complete: whether all baselines were computed.
    """

    rows: tuple[Baseline, ...]
    tokens: int
    is_whole: bool
    counted: int
    primed: int
    available: int
    fitted: bool = True
    left_out: Mapping[str, int] = field(default_factory=dict)
    epochs: float | None = None
    is_own: bool = True
    is_short: bool = False
    is_complete: bool = True

    @property
    def model(self) -> Baseline:
        """The row of the model."""
        return next(row for row in self.rows if row.name == MODEL)

    @property
    def better(self) -> list[Baseline]:
        """The rows of what predicts the text better than the model, the best first."""
        return list(self.rows[: self.rows.index(self.model)])

    def verdict(self) -> str | None:
        """Where the model stands, and the likely reason if something simpler is better; None: the text is too short."""
        better, model = self.better, self.model
        if self.is_short:
            return None
        if not better and not self.is_complete:
            return "None of these is better than the model, but the comparison is incomplete."
        if not better:
            following = next(row for row in self.rows if row is not model)
            return f"The model is the best of them: {_fewer(model, following)} than the next, {_called(following)}."
        best = better[0]
        return f"The model loses to {_called(best)}, which needs {_fewer(best, model)}. {self._likely_reason()}."

    def _likely_reason(self) -> str:
        """The likely reason why something simpler is better, and the next one for a text of another source."""
        reason = self._reason()
        if self.is_own:
            return reason
        other = "Most likely the text is of another kind than the run's own"
        return f"{other}. Otherwise, {reason[0].lower()}{reason[1:]}"

    def _reason(self) -> str:
        """The likely reason for a text of the run's own source."""
        names = {row.name for row in self.better}
        if names & {UNIFORM, UNIGRAM}:
            return "It has learned next to nothing of such text so far: train it longer"
        always = names - _OPTIONAL  # what is installed is no reason
        if always and always <= _COPYING:
            return "A compressor copies long passages that come again, as in logs and code; a network has to learn them"
        if self.epochs is not None and self.epochs < FEW_EPOCHS:
            times = f"{self.epochs:.1f} times" if self.epochs >= 0.05 else "hardly at all"
            return (
                f"Counting takes one reading, learning many: it has read the training part {times}, so train it longer"
            )
        if self.available < SMALL:
            advice = "regularise, stop earlier, or train with --ngram 5"
            return f"The training part is small, which favours exact counts: {advice}"
        return "A larger network or longer training may do better, and so may both together (train --ngram 5)"

    def as_dict(self) -> dict[str, Any]:
        """The key ``baselines`` of ``rnngen eval --json``."""
        return {
            "rows": [row.as_dict() for row in self.rows],
            "better": [row.name for row in self.better],
            "verdict": self.verdict(),
            "complete": self.is_complete,
            "tokens": self.tokens,
            "left_out": list(self.left_out),
            "fitted_discounts": self.fitted,
            "counted_tokens": self.counted,
            "primed_bytes": self.primed,
            "training_tokens": self.available,
        }


def ranked(rows: list[Baseline]) -> tuple[Baseline, ...]:
    """The rows with the best first; at a tie the model first."""
    return tuple(sorted(rows, key=lambda row: (row.bits_per_byte, row.name != MODEL)))


def _fewer(one: Baseline, other: Baseline) -> str:
    """How many bits ``one`` needs less."""
    share = 1 - one.bits_per_byte / other.bits_per_byte if other.bits_per_byte > 0 else 0.0
    return f"{share:.1%} fewer bits" if share < 0.1 else f"{share:.0%} fewer bits"


def _called(row: Baseline) -> str:
    return {UNIFORM: "the uniform distribution", UNIGRAM: "the unigram model"}.get(row.name, row.name)
