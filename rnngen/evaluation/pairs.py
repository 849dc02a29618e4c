"""Minimal pairs: which of two sentences a model finds likelier, as linguists test what language models know of grammar.

Linzen, Dupoux & Goldberg 2016, "Assessing the Ability of LSTMs to Learn Syntax-Sensitive Dependencies"; Warstadt et al.
2020, "BLiMP". The two sentences of a pair differ in as little as possible, and one is grammatical. A model is right if
it gives the grammatical one the higher probability. By total probability a longer sentence is at a disadvantage, so
nats per token are compared too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any, NamedTuple

from rnngen.corpus.tokenizer import Tokenizer
from rnngen.errors import CorpusError, shortened
from rnngen.evaluation.sentences import SentenceScore, score_sentences
from rnngen.evaluation.uncertainty.bootstrap import CONFIDENCE
from rnngen.formats import number_of
from rnngen.model.language_model import Network

_EXPECTED = "two sentences separated by a tab, and after another tab perhaps a category"


class Pair(NamedTuple):
    """Two sentences.

    Attributes:
        good: the grammatical one.
        bad: the other one.
        category: what the pair tests; empty: it is not said.
        line: of the file.
    """

    good: str
    bad: str
    category: str = ""
    line: int = 0


def read_pairs(file: Path) -> list[Pair]:
    """The pairs in a file: one per line in UTF-8, the grammatical sentence first, columns separated by tabs.

    Raises:
        CorpusError: the file cannot be read, has no pairs, or a line is not a pair: its number, and what was found.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise CorpusError("no such file", where=file, expected=_EXPECTED) from error
    except OSError as error:
        raise CorpusError(f"cannot be read ({error.strerror})", where=file, expected="a file of pairs") from error
    except UnicodeDecodeError as error:
        raise CorpusError("is not UTF-8", where=file, found=f"byte {error.object[error.start]:#04x}") from error
    lines = enumerate(text.split("\n"), 1)
    pairs = [as_pair(line.split("\t"), number, f"{file}:{number}") for number, line in lines if line.strip()]
    if not pairs:
        raise CorpusError("has no pairs", where=file, expected=_EXPECTED)
    return pairs


def as_pair(columns: Sequence[str], line: int, where: str) -> Pair:
    """A pair of its columns.

    Raises:
        CorpusError: these are not two or three, one of the sentences is empty, or holds NUL, or both are the same.
    """
    cells = [cell.strip() for cell in columns]
    if not 2 <= len(cells) <= 3:
        found = f"{len(cells)} column{'s' if len(cells) > 1 else ''}: {shortened(repr(' | '.join(cells)))}"
        raise CorpusError("is not a pair", where=where, expected=_EXPECTED, found=found)
    for name, cell in zip(("first", "second"), cells, strict=False):
        if not cell or "\0" in cell:
            found = "a NUL" if cell else "nothing"
            raise CorpusError(f"the {name} sentence is no text", where=where, expected=_EXPECTED, found=found)
    if cells[0] == cells[1]:
        raise CorpusError("both sentences are the same", where=where, found=shortened(repr(cells[0])))
    return Pair(cells[0], cells[1], cells[2] if len(cells) > 2 else "", line)


class Accuracy(NamedTuple):
    """How often a model was right.

    Attributes:
        right: how often.
        pairs: of how many.
    """

    right: int
    pairs: int

    @property
    def share(self) -> float:
        """The accuracy, from 0 to 1."""
        return self.right / self.pairs

    @property
    def interval(self) -> tuple[float, float]:
        """The confidence interval of Wilson 1927, which is right for few pairs and for an accuracy near 0 or 1 too."""
        z, n, p = NormalDist().inv_cdf((1 + CONFIDENCE) / 2), self.pairs, self.share
        middle, reach = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        scale = 1 + z * z / n
        return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)


@dataclass(frozen=True)
class ScoredPair:
    """A pair with the scores of both sentences."""

    pair: Pair
    good: SentenceScore
    bad: SentenceScore

    @property
    def is_right(self) -> bool:
        """Whether the grammatical sentence is likelier."""
        return self.good.nats < self.bad.nats

    @property
    def is_right_per_token(self) -> bool:
        """Whether it has fewer nats per token."""
        return self.good.nats / self.good.tokens < self.bad.nats / self.bad.tokens

    @property
    def is_tie(self) -> bool:
        """Whether both have the same tokens to the model, so that it cannot tell them apart: that counts as wrong."""
        return self.good == self.bad

    def as_dict(self) -> dict[str, Any]:
        """As JSON, and as a row of CSV."""
        return {
            "line": self.pair.line,
            "category": self.pair.category,
            "right": self.is_right,
            "right_per_token": self.is_right_per_token,
            "nats_good": self.good.nats,
            "nats_bad": self.bad.nats,
            "tokens_good": self.good.tokens,
            "tokens_bad": self.bad.tokens,
            "good": self.pair.good,
            "bad": self.pair.bad,
        }


class Summary(NamedTuple):
    """How often a model was right in a category, or in all.

    Attributes:
        total: by total nats.
        per_token: by nats per token.
    """

    total: Accuracy
    per_token: Accuracy

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "pairs": self.total.pairs,
            "accuracy": self.total.share,
            "accuracy_interval": list(self.total.interval),
            "accuracy_per_token": self.per_token.share,
            "accuracy_per_token_interval": list(self.per_token.interval),
        }


@dataclass(frozen=True)
class PairScores:
    """The scores of pairs.

    Attributes:
        pairs: in their order.
    """

    pairs: Sequence[ScoredPair]

    @property
    def summary(self) -> Summary:
        """Of all pairs."""
        return _summary(self.pairs)

    @property
    def accuracy(self) -> float:
        """The share of pairs whose grammatical sentence is likelier."""
        return self.summary.total.share

    @property
    def categories(self) -> dict[str, Summary]:
        """By category, in the order in which they first occur; none if no pair has one."""
        names = dict.fromkeys(each.pair.category for each in self.pairs)
        if list(names) == [""]:
            return {}
        return {name: _summary([each for each in self.pairs if each.pair.category == name]) for name in names}

    @property
    def ties(self) -> int:
        """How many pairs have two sentences that are the same to the model."""
        return sum(each.is_tie for each in self.pairs)

    @property
    def unknown(self) -> int:
        """How many pairs have unknown symbols."""
        return sum(each.good.unknown + each.bad.unknown > 0 for each in self.pairs)

    def as_dict(self) -> dict[str, Any]:
        """As ``rnngen eval --pairs --json`` has it."""
        return {
            **self.summary.as_dict(),
            "ties": self.ties,
            "unknown": self.unknown,
            "categories": {name: each.as_dict() for name, each in self.categories.items()},
            "results": [each.as_dict() for each in self.pairs],
        }

    def __repr__(self) -> str:
        low, high = self.summary.total.interval
        return (
            f"PairScores({number_of(len(self.pairs), 'pair')}, accuracy {self.accuracy:.1%}, {low:.1%} to {high:.1%})"
        )


def _summary(pairs: Iterable[ScoredPair]) -> Summary:
    pairs = list(pairs)
    return Summary(
        Accuracy(sum(each.is_right for each in pairs), len(pairs)),
        Accuracy(sum(each.is_right_per_token for each in pairs), len(pairs)),
    )


def score_pairs(
    model: Network, tokenizer: Tokenizer, pairs: Sequence[Pair], on_scored: Callable[[int], object] | None = None
) -> PairScores:
    """Score pairs of sentences.

    Args:
        model: the network, on any device.
        tokenizer: its own.
        pairs: one or more.
        on_scored: called with the number of sentences that have been scored.

    Raises:
        As ``score_sentences``.
    """
    sentences = [sentence for pair in pairs for sentence in (pair.good, pair.bad)]
    scores = score_sentences(model, tokenizer, sentences, on_scored)
    return PairScores([ScoredPair(*each) for each in zip(pairs, scores[::2], scores[1::2], strict=True)])
