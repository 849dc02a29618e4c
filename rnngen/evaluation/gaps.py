"""How well a model fills gaps: whole words of a text, taken out one at a time.

A single character between its neighbours is easily guessed, so pseudo-perplexity says little about what a bidirectional
model is for. Here a whole word is gone. The share of words that come back exactly is the accuracy, once with the length
given and once without; the likelihood is that of the word, given its left, its right and its length. A left-to-right
model is asked the same: its beam search proposes, and what follows chooses (``infilling/readers.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.tokenizer import Tokenizer
from rnngen.engine.probabilities import normalized
from rnngen.errors import CorpusError
from rnngen.infilling.filler import Filler
from rnngen.infilling.gapped_text import EncodedGap
from rnngen.infilling.options import LONGEST

WORDS = 200
CONTEXT = 200  # tokens that are read on either side
BEAM = 16
LONGEST_WORD = 24  # tokens; a longer run of letters is no word that anybody puts back
_CHUNK = 1 << 20
_KINDS = ("letters", "word", "other", "mixed")


@dataclass(frozen=True)
class GapScore:
    """What a model made of words that were taken out.

    Attributes:
        words: how many.
        tokens: of them.
        right: words that came back exactly, the length being known.
        right_without_length: and not being known.
        nats_at_least: -Σ ln p(word | its left, its right, its length), p being that by which fills are ranked, over the
            sum of it over the proposals and the word: all other fills are taken to be impossible.
        nats: the same exactly, p being the product of p(token | all to its left, all to the right of the gap); None of
            a left-to-right model, which has no such p.
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


def score_gaps(
    fillers: Sequence[Filler],
    tokens: NDArray[np.integer[Any]],
    words: int = WORDS,
    on_word: Callable[[int], object] | None = None,
) -> list[GapScore]:
    """Take words out of a text, one at a time, all over it, and let models put them back.

    Args:
        fillers: the models, all of the same tokenizer.
        tokens: the text in its ids, (N,).
        words: how many at most, of those of up to ``LONGEST_WORD`` tokens.
        on_word: told how many are done.

    Returns:
        What each made of them. Their likelihoods are taken over the proposals of all.

    Raises:
        CorpusError: the text has no word that could be taken out.
    """
    tokenizer = fillers[0].tokenizer
    there = sum(1 for _ in word_spans(tokenizer, tokens))
    if not there:
        raise CorpusError("the text has no word to take out", expected="a word of known characters between others")
    numbers = set(np.unique(np.linspace(0, there - 1, min(words, there)).astype(int)).tolist())
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
    """Of each model: whether it was right, with the length and without, and the word's nats, at least and exactly."""
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


def word_spans(tokenizer: Tokenizer, tokens: NDArray[np.integer[Any]]) -> Iterator[tuple[int, int]]:
    """Where words of letters begin and end in a text of ids (N,), those of up to ``LONGEST_WORD`` tokens.

    A space that begins a token is part of its word. A word at either end of the text, with nothing beside it, is none.
    """
    table = tokenizer.token_bytes()
    kinds = np.array([_KINDS.index(_kind(token)) for token in table], np.uint8)
    if tokenizer.unknown_id is not None:
        kinds[tokenizer.unknown_id] = _KINDS.index("other")
    letters, word, other, mixed = range(4)
    for begin in range(1, len(tokens), _CHUNK):  # a part at a time: a text may be larger than memory
        kind = kinds[tokens[begin - 1 : begin + _CHUNK + LONGEST_WORD]]  # from the token before the part on
        starts = np.flatnonzero((kind[1:] == word) | ((kind[1:] == letters) & (kind[:-1] == other))) + 1
        starts = starts[starts <= _CHUNK]
        ends = np.append(np.flatnonzero(kind != letters), len(kind))
        stops = ends[np.searchsorted(ends, starts, "right")]
        whole = (stops < len(kind)) & (stops - starts <= LONGEST_WORD)
        whole[whole] = kind[stops[whole]] != mixed
        yield from zip((starts[whole] + begin - 1).tolist(), (stops[whole] + begin - 1).tolist(), strict=True)


def _kind(token: bytes) -> str:
    """What a token can be of a word: ``letters``, a ``word`` that a space begins, ``other``, or ``mixed``."""
    try:
        text = token.decode()
    except UnicodeDecodeError:
        return "mixed"
    bare = text.removeprefix(" ")
    if bare.isalpha():
        return "letters" if bare == text else "word"
    return "mixed" if any(c.isalpha() for c in text) else "other"
