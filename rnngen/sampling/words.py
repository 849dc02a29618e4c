"""The words that are likely to come next, whatever the tokens are."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

from rnngen.engine.context import Context
from rnngen.engine.probabilities import log_softmax
from rnngen.sampling import filters
from rnngen.sampling.opening import Opening, branches

WORD = re.compile(r"\W*\w+(?:['’]\w+)*(?=[^\w'’]|['’]\W)", re.DOTALL)
"""What is before a word, and the word, once it is clear that it has ended."""

KEPT = 48  # unfinished words that are followed at a time
CHOICES = 64  # likeliest tokens that each is continued with
LONGEST = 24  # tokens


def likely_words(
    context: Context, opening: Opening, table: list[bytes], banned: Sequence[int], most: int
) -> list[tuple[str, float]]:
    """Words that are likely to come next, with what stands before them, and their probabilities.

    A beam search over what may be written until a word ends. The end of a word is a character that cannot stand in
    one, so its probability is the sum over all of these.

    Args:
        context: a single stream that has read the text up to what is held back; it is left as it was.
        opening: how what comes next can begin.
        table: the bytes of each token.
        banned: tokens that are not considered.
        most: how many words.

    Returns:
        (text, probability), the likeliest first; at most ``most``.

    Raises:
        RnngenError: the model's logits are not finite.
    """
    start = context.snapshot
    try:
        return _search(context, opening, table, list(banned), most)
    finally:
        context.snapshot = start


def _search(
    context: Context, opening: Opening, table: list[bytes], banned: list[int], most: int
) -> list[tuple[str, float]]:
    found: dict[str, float] = {}
    begun, log_p = branches(context, opening, banned)
    live = [(branch.log_p, b"") for branch in begun]  # ln p, content
    known = [branch.known for branch in begun]  # bytes of the next token that are there
    for _ in range(LONGEST):
        choices = np.argsort(-log_p, axis=1, kind="stable")[:, :CHOICES]
        unfinished: list[tuple[float, bytes, int, int]] = []
        for row, (before, content) in enumerate(live):
            for token in choices[row].tolist():
                score, grown = before + float(log_p[row, token]), content + table[token][known[row] :]
                match = WORD.match(grown.decode(errors="ignore"))
                if match and score > -math.inf:
                    found[match[0]] = found.get(match[0], 0.0) + math.exp(score)
                elif score > -math.inf:
                    unfinished.append((score, grown, row, token))
        unfinished = sorted(unfinished, reverse=True)[:KEPT]
        best = _likeliest(found, most)
        if not unfinished or (len(best) == most and math.exp(unfinished[0][0]) < best[-1][1]):
            break
        live, known = [(score, grown) for score, grown, _, _ in unfinished], [0] * len(unfinished)
        context.snapshot = context.snapshot.select([row for _, _, row, _ in unfinished])
        context.read([token for _, _, _, token in unfinished])
        log_p = filters.ban(log_softmax(context.prediction()), banned)
    return _likeliest(found, most)


def _likeliest(found: dict[str, float], most: int) -> list[tuple[str, float]]:
    return sorted(found.items(), key=lambda pair: -pair[1])[:most]
