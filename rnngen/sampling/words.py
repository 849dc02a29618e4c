"""The most likely next words, whatever the tokens are."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from rnngen.engine.context import Context
from rnngen.engine.probabilities import log_softmax
from rnngen.sampling import filters
from rnngen.sampling.opening import Opening, branches
from rnngen.sampling.word_ends import first_word

KEPT = 48  # unfinished words that are kept at every step
CHOICES = 64  # most likely tokens that each of them is continued with
LONGEST = 24  # tokens


def likely_words(
    context: Context, opening: Opening, table: list[bytes], banned: Sequence[int], count: int
) -> list[tuple[str, float]]:
    """The most likely next words, with the text before each, and their probabilities.

    This is a beam search over the texts that end with a word. A word ends before a character that cannot be part of
    one, so its probability is the sum over all such characters.

    Args:
        context: a single stream that has read the text up to what is held back; it is left unchanged.
        opening: how the following text can begin.
        table: the bytes of each token.
        banned: tokens that are not considered.
        count: the maximum number of words.

    Returns:
        (text, probability), the most likely first.

    Raises:
        RnngenError: the model's logits are not finite.
    """
    start = context.snapshot
    try:
        return _search(context, opening, table, list(banned), count)
    finally:
        context.snapshot = start


def _search(
    context: Context, opening: Opening, table: list[bytes], banned: list[int], count: int
) -> list[tuple[str, float]]:
    found: dict[str, float] = {}
    begun, log_p = branches(context, opening, banned)
    live = [(branch.log_p, b"") for branch in begun]  # ln p, content
    known = [branch.known for branch in begun]  # bytes of the next token that the text has already
    for _ in range(LONGEST):
        choices = np.argsort(-log_p, axis=1, kind="stable")[:, :CHOICES]
        unfinished: list[tuple[float, bytes, int, int]] = []
        for row, (before, content) in enumerate(live):
            for token in choices[row].tolist():
                score, grown = before + float(log_p[row, token]), content + table[token][known[row] :]
                word = first_word(grown.decode(errors="ignore"))
                if word and score > -math.inf:
                    found[word] = found.get(word, 0.0) + math.exp(score)
                elif score > -math.inf:
                    unfinished.append((score, grown, row, token))
        unfinished = sorted(unfinished, reverse=True)[:KEPT]
        best = _most_likely(found, count)
        if not unfinished or (len(best) == count and math.exp(unfinished[0][0]) < best[-1][1]):
            break
        live, known = [(score, grown) for score, grown, _, _ in unfinished], [0] * len(unfinished)
        context.snapshot = context.snapshot.select([row for _, _, row, _ in unfinished])
        context.read([token for _, _, _, token in unfinished])
        log_p = filters.ban(log_softmax(context.prediction()), banned)
    return _most_likely(found, count)


def _most_likely(found: dict[str, float], count: int) -> list[tuple[str, float]]:
    return sorted(found.items(), key=lambda pair: -pair[1])[:count]
