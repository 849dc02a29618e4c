"""Scores of a text: its summed nats, the measures computed from them, and what each measure is called.

The scores of a bidirectional model have names of their own and appear in no table together with the others. The mean of
-ln p(x^t | all of the text but x^t) cannot be compared with a left-to-right model's nats per token: the conditionals do
not multiply to the probability of the text, and a character between its neighbours is easily guessed (Salazar et al.
2020, "Masked Language Model Scoring").
"""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self

from rnngen.corpus.closed_vocabulary import CLOSED
from rnngen.corpus.pieces import TextCounts
from rnngen.evaluation.exponential import exp_or_infinity
from rnngen.evaluation.ranking import Baselines


class Measure(NamedTuple):
    """A number in a table of results.

    Attributes:
        key: its name in JSON.
        label: its name in tables.
        form: the format specification of its value.
    """

    key: str
    label: str
    form: str


COUNTS = tuple(Measure(name, name, ",d") for name in ("tokens", "words", "characters", "bytes", "lines", "documents"))
"""The counts that scores have next to their measures; ``documents`` only that of a text that consists of some."""


@dataclass(frozen=True)
class TextScore(ABC):
    """How well a model predicts a text.

    Attributes:
        nats: -Σ ln p over all tokens.
        tokens: the number of tokens, all of which were scored. The end of a document is one.
        counts: the text's characters, words, bytes and documents.
        unknown: the number of tokens that are the unknown symbol.
        is_closed: whether this symbol is a token like others, ``<unk>``: all counts but that of documents are then of
            the text as it is read, with ``<unk>`` and single spaces.
        has_words: whether white space separates the words of the text (see ``words.py``); otherwise there is no
            perplexity per word.
        title: what scores of this kind are called.
        prefix: what their units begin with.
        caution: a warning that appears with them; empty: none. ``cautions`` has it and others.
        measures: the numbers to show.
    """

    nats: float
    tokens: int
    counts: TextCounts
    unknown: int = 0
    has_words: bool = True
    is_closed: bool = False

    title: ClassVar[str]
    prefix: ClassVar[str]
    caution: ClassVar[str] = ""
    measures: ClassVar[tuple[Measure, ...]]

    @property
    def nats_per_token(self) -> float:
        """Mean nats per token."""
        return self.nats / self.tokens

    @property
    def is_unreadable(self) -> bool:
        """Whether most tokens are the unknown symbol: the text is of another kind than the model's."""
        return self.unknown > self.tokens / 2

    @property
    def cautions(self) -> list[str]:
        """What to know before comparing these numbers with others."""
        return [*([self.caution] if self.caution else []), *(CLOSED if self.is_closed else ())]

    def as_dict(self) -> dict[str, Any]:
        """The keys of ``rnngen eval --json``."""
        counts = self.counts
        return {
            **self.measured(),
            "tokens": self.tokens,
            "words": counts.words,
            "characters": counts.characters,
            "bytes": counts.bytes,
            "lines": counts.lines,
            "unknown": self.unknown,
            "closed_vocabulary": self.is_closed,
            **({"documents": counts.documents} if counts.documents else {}),
        }

    @abstractmethod
    def measured(self) -> dict[str, float]:
        """The measures by key. One that does not exist is NaN."""

    def without_words(self) -> Self:
        """The same score for a text without separated words: without word perplexity."""
        return dataclasses.replace(self, has_words=False)


@dataclass(frozen=True)
class Score(TextScore):
    """How well a left-to-right model predicts a text.

    Attributes:
        ngram, mixture: the scores of the run's n-gram model alone and of its mixture with the network on the same
            text; None if they were not asked for. All other numbers are the network's own.
        baselines: what simple models and compressors reach on the same text; None if they were not asked for.
    """

    ngram: Score | None = None
    mixture: Score | None = None
    baselines: Baselines | None = None

    title = "Perplexity"
    prefix = ""
    measures = (
        Measure("nats_per_token", "nats per token", ".4f"),
        Measure("token_perplexity", "token perplexity", "#.4g"),
        Measure("word_perplexity", "word perplexity", "#.4g"),
        Measure("bits_per_character", "bits per character", ".4f"),
        Measure("bits_per_byte", "bits per byte", ".4f"),
        Measure("nats_per_document", "nats per document", "#.4g"),
    )

    def as_dict(self) -> dict[str, Any]:
        """The keys of ``rnngen eval --json``, named as in lm-evaluation-harness."""
        others = {"ngram": self.ngram, "mixture": self.mixture}
        return {
            **super().as_dict(),
            "nats": self.nats,
            **{name: other.as_dict() for name, other in others.items() if other},
            **({"baselines": self.baselines.as_dict()} if self.baselines else {}),
        }

    def measured(self) -> dict[str, float]:
        """The measures by key, and the perplexity per byte."""
        counts, has_words = self.counts, self.has_words and self.counts.words
        return {
            "nats_per_token": self.nats_per_token,
            "token_perplexity": exp_or_infinity(self.nats_per_token),
            "word_perplexity": exp_or_infinity(self.nats / counts.words) if has_words else math.nan,
            "byte_perplexity": exp_or_infinity(self.nats / counts.bytes),
            "bits_per_character": self.nats / counts.characters / math.log(2),
            "bits_per_byte": self.nats / counts.bytes / math.log(2),
            **({"nats_per_document": self.nats / counts.documents} if counts.documents else {}),
        }

    def without_words(self) -> Self:
        """The same score for a text without separated words: without word perplexity."""
        ngram, mixture = (other and other.without_words() for other in (self.ngram, self.mixture))
        return dataclasses.replace(self, has_words=False, ngram=ngram, mixture=mixture)


@dataclass(frozen=True)
class PseudoScore(TextScore):
    """How well a bidirectional model predicts each token of a text from all the others."""

    title = "Pseudo-perplexity"
    prefix = "pseudo-"
    caution = "each token predicted from both sides: not comparable with perplexity"
    measures = (
        Measure("pseudo_nats_per_token", "pseudo-nats per token", ".4f"),
        Measure("pseudo_perplexity", "pseudo-perplexity", "#.4g"),
        Measure("pseudo_bits_per_character", "pseudo-bits per character", ".4f"),
    )

    def measured(self) -> dict[str, float]:
        """The measures by key, none of which is a left-to-right model's."""
        return {
            "pseudo_nats_per_token": self.nats_per_token,
            "pseudo_perplexity": exp_or_infinity(self.nats_per_token),
            "pseudo_bits_per_character": self.nats / self.counts.characters / math.log(2),
        }


def kind_of_score(*, bidirectional: bool) -> type[TextScore]:
    """The kind of score that a network gets."""
    return PseudoScore if bidirectional else Score
