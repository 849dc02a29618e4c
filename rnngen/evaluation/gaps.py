"""How well a model fills gaps: whole words of a text are taken out, one at a time, and the model puts them back.

A single character between its neighbours is easily guessed, so pseudo-perplexity says little about what a bidirectional
model is for. Here a whole word is missing. The accuracy is the fraction of words that come back exactly, once with the
length known and once without; the likelihood is that of the word, given its left, its right and its length. A
left-to-right model gets the same task: its beam search proposes, and what follows chooses (``infilling/readers.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnngen.engine.probabilities import normalized
from rnngen.errors import CorpusError, UsageError
from rnngen.infilling.filler import Filler
from rnngen.infilling.gapped_text import EncodedGap
from rnngen.infilling.options import LONGEST
from rnngen.infilling.word_gaps import word_spans
from rnngen.runs.run import Run

WORDS = 200
CONTEXT = 200  # tokens that are read on each side
BEAM = 16


@dataclass(frozen=True)
class GapScore:
    """How well a model put back words that were taken out.

    Attributes:
        words: number of words.
        tokens: number of their tokens.
        right: number of words that came back exactly when the length was known.
        right_without_length: the same when the length was not known.
        nats_at_least: -Σ ln p(word | its left, its right, its length), where p is the probability by which fills are
            ranked, normalised over the word and the proposals, as if all other fills were impossible.
        nats: the same exactly, where p is the product of p(token | everything to its left, everything to the right of
            the gap); None for a left-to-right model, which has no such p.
    """

    words: int
    tokens: int
    right: int
    right_without_length: int
    nats_at_least: float
    nats: float | None

    def as_dict(self) -> dict[str, Any]:
        """The keys of ``rnngen eval --json``, under ``fill``."""
        return {
            "words": self.words,
            "accuracy": self.right / self.words,
            "accuracy_without_length": self.right_without_length / self.words,
            "nats_per_word_at_least": self.nats_at_least / self.words,
            **({} if self.nats is None else {"nats_per_word": self.nats / self.words}),
        }


def check_same_tokens(run: Run, other: Run) -> None:
    """Refuse to compare runs whose tokens differ.

    Raises:
        UsageError: they have different tokenizers.
    """
    if other.tokenizer().to_json() != run.tokenizer().to_json():
        raise UsageError(
            "`against` has another tokenizer, so its tokens are not the same",
            where=other.path,
            hint="Train both on the same text with the same `tokenizer`.",
        )


def score_gaps(
    fillers: Sequence[Filler],
    tokens: NDArray[np.integer[Any]],
    words: int = WORDS,
    on_word: Callable[[int], object] | None = None,
) -> list[GapScore]:
    """Take evenly spaced words out of a text, one at a time, and let models put them back.

    Args:
        fillers: the models, all with the same tokenizer.
        tokens: token ids of the text, (N,).
        words: maximum number of words, from those of up to ``word_gaps.LONGEST_WORD`` tokens.
        on_word: called with the number of words done.

    Returns:
        The score of each model. Likelihoods are normalised over the proposals of all models.

    Raises:
        CorpusError: the text has no word that could be taken out.
    """
    tokenizer = fillers[0].tokenizer
    found = sum(1 for _ in word_spans(tokenizer, tokens))
    if not found:
        raise CorpusError("the text has no word to take out", expected="a word of known characters between others")
    numbers = set(np.unique(np.linspace(0, found - 1, min(words, found)).astype(int)).tolist())
    picked = [span for i, span in enumerate(word_spans(tokenizer, tokens)) if i in numbers]
    results = []
    for number, (start, stop) in enumerate(picked):
        if on_word is not None:
            on_word(number)
        before, after = tokens[max(0, start - CONTEXT) : start], tokens[stop : stop + CONTEXT]
        results.append(_fill_one(fillers, before.tolist(), after.tolist(), tuple(tokens[start:stop].tolist())))
    total = sum(stop - start for start, stop in picked)
    scores = []
    for filler, each in zip(fillers, zip(*results, strict=True), strict=True):
        right, without, at_least, nats = (sum(column) for column in zip(*each, strict=True))
        scores.append(
            GapScore(len(picked), total, int(right), int(without), at_least, nats if filler.bidirectional else None)
        )
    return scores


def _fill_one(
    fillers: Sequence[Filler], before: list[int], after: list[int], word: tuple[int, ...]
) -> list[tuple[bool, bool, float, float]]:
    """For each model: whether it was right, with the length and without, and the word's nats, at least and exactly."""
    n = len(word)
    longest = max(LONGEST[fillers[0].tokenizer.level], n)
    found = [dict(filler.candidates(before, EncodedGap(range(1, longest + 1), after), BEAM)) for filler in fillers]
    proposals = list(dict.fromkeys([word, *(fill for scores in found for fill in scores if len(fill) == n)]))
    results = []
    for filler, scores in zip(fillers, found, strict=True):
        best = max(scores, key=scores.__getitem__)
        best_of_length = max((fill for fill in scores if len(fill) == n), key=scores.__getitem__)
        log_p = filler.readers.log_p(before, [EncodedGap([n], after)], [[fill] for fill in proposals])
        at_least = -float(normalized(log_p)[0])
        exact = filler.readers.nats(before, EncodedGap([n], after), word) if filler.bidirectional else 0.0
        results.append((best_of_length == word, best == word, at_least, exact))
    return results
