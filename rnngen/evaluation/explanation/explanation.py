"""The explanation of a score: what ``rnngen eval --explain`` shows, and a report."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from rnngen.evaluation.explanation.calibration import BINS, Calibration
from rnngen.evaluation.explanation.context import ContextCurve
from rnngen.evaluation.explanation.groups import TOP, Group
from rnngen.evaluation.explanation.lines import SurprisingLine
from rnngen.evaluation.explanation.positions import Bin


@dataclass(frozen=True)
class Explanation:
    """Where the nats of a text go.

    Attributes:
        all: the whole text.
        since: ``document``, ``line`` and ``paragraph`` → loss by position since it began.
        has_documents: whether the text consists of documents; else ``document`` is the text.
        kinds: loss by kind of token.
        frequencies: loss by how often tokens were seen in training; None: not known.
        calibration: confidence and accuracy.
        lines: the most surprising lines, each with its text, or the beginning of it.
        context: loss against the length of context; None: it was not measured.
        prefix: of units.
    """

    all: Group
    since: dict[str, list[Bin]]
    has_documents: bool
    kinds: list[Group]
    frequencies: list[Group] | None
    calibration: Calibration
    lines: list[tuple[SurprisingLine, str]]
    context: ContextCurve | None
    prefix: str

    @property
    def unit(self) -> str:
        """What losses are measured in."""
        return f"{self.prefix}nats per token"

    def as_dict(self) -> dict[str, Any]:
        """What ``rnngen eval --explain --json`` has under ``explanation``."""
        return {
            "top_1_accuracy": self.all.first / self.all.tokens,
            f"top_{TOP}_accuracy": self.all.within / self.all.tokens,
            "position": {
                "text" if name == "document" and not self.has_documents else name: [self._bin(each) for each in bins]
                for name, bins in self.since.items()
            },
            "kind": [self._group(each, "kind") for each in self.kinds],
            "frequency": self.frequencies and [self._group(each, "seen") for each in self.frequencies],
            "calibration": {
                "bins": BINS,
                "expected_calibration_error": self.calibration.error,
                "confidence": self.calibration.confidence,
                "accuracy": self.calibration.accuracy,
                "reliability": [asdict(each) for each in self.calibration.bins()],
            },
            "lines": [
                {"line": each.line, "tokens": each.tokens, self._key: each.nats_per_token, "text": text}
                for each, text in self.lines
            ],
            "context": self._context(),
        }

    @property
    def _key(self) -> str:
        return self.unit.replace("-", "_").replace(" ", "_")

    def _bin(self, each: Bin) -> dict[str, Any]:
        return {"first": each.first, "last": each.last, "tokens": each.tokens, self._key: each.nats_per_token}

    def _group(self, each: Group, name: str) -> dict[str, Any]:
        return {
            name: each.name,
            "tokens": each.tokens,
            "share_of_tokens": each.tokens / self.all.tokens,
            "share_of_nats": self.share_of_nats(each),
            self._key: each.nats_per_token,
            "top_1_accuracy": each.first / each.tokens,
            f"top_{TOP}_accuracy": each.within / each.tokens,
            **({"scripts": [self._group(part, "script") for part in each.parts]} if each.parts else {}),
        }

    def share_of_nats(self, each: Group) -> float:
        """The share of all nats that a group has."""
        return each.nats / self.all.nats if self.all.nats else 0.0

    def _context(self) -> dict[str, Any] | None:
        if self.context is None:
            return None
        return {
            "positions": self.context.positions,
            "both_sides": self.context.both_sides,
            f"whole_{self._key}": self.context.whole,
            "lengths": [
                {"tokens": each.tokens, self._key: each.nats_per_token, "more": each.more, "error": each.error}
                | {"ngram_nats_per_token": each.ngram}
                for each in self.context.lengths
            ],
        }
