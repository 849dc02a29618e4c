"""The words that are likely to come next, whatever the tokens are."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

from rnngen.generation.context import Context, nats_of

WORD = re.compile(r"\W*\w+(?:['’]\w+)*(?=[^\w'’]|['’]\W)", re.DOTALL)
"""What is before a word, and the word, once it is clear that it has ended."""

KEPT = 48  # unfinished words that are followed at a time
CHOICES = 64  # likeliest tokens that each is continued with
LONGEST = 24  # tokens


def likely_words(context: Context, table: list[bytes], banned: Sequence[int], most: int) -> list[tuple[str, float]]:
    """Words that are likely to come next, with what stands before them, and their probabilities.

    A beam search over what may be written until a word ends. The end of a word is a character that cannot stand in
    one, so its probability is the sum over all of these.

    Args:
        context: a single stream; it is left as it was.
        table: the bytes of each token.
        banned: tokens that are not considered.
        most: how many words.

    Returns:
        (text, probability), the likeliest first; at most ``most``.
    """
    start = context.snapshot
    found: dict[str, float] = {}
    live: list[tuple[float, bytes]] = [(0.0, b"")]  # nats, content
    for _ in range(LONGEST):
        prediction = context.prediction().copy()
        prediction[:, list(banned)] = -np.inf
        choices = np.argsort(-prediction, axis=1, kind="stable")[:, :CHOICES]
        grown: list[tuple[float, bytes, int, int]] = []
        for row, (nats, content) in enumerate(live):
            tokens = choices[row].tolist()
            for token, cost in zip(tokens, nats_of(prediction[[row] * len(tokens)], tokens).tolist(), strict=True):
                if cost < np.inf:
                    grown.append((nats + cost, content + table[token], row, token))
        open_: list[tuple[float, bytes, int, int]] = []
        for candidate in grown:
            match = WORD.match(candidate[1].decode(errors="ignore"))
            if match:
                found[match[0]] = found.get(match[0], 0.0) + math.exp(-candidate[0])
            else:
                open_.append(candidate)
        open_ = sorted(open_)[:KEPT]
        best = _likeliest(found, most)
        if not open_ or (len(best) == most and math.exp(-open_[0][0]) < best[-1][1]):
            break
        live = [(nats, content) for nats, content, _, _ in open_]
        context.snapshot = context.snapshot.select([row for _, _, row, _ in open_])
        context.read([token for _, _, _, token in open_])
    context.snapshot = start
    return _likeliest(found, most)


def _likeliest(found: dict[str, float], most: int) -> list[tuple[str, float]]:
    return sorted(found.items(), key=lambda pair: -pair[1])[:most]
