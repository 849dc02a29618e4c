"""What could stand in a gap: a beam search over p(token | all to its left, all to the right of the gap)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rnngen.corpus.tokenizer import Tokenizer
from rnngen.generation import filters
from rnngen.generation.context import log_softmax
from rnngen.generation.filters import Array
from rnngen.generation.gapped_text import Place
from rnngen.generation.recurrence import Recurrence

Proposal = tuple[int, tuple[int, ...]]
"""The row of the state that it goes on from, and its ids."""


def propose(
    left: Recurrence, state: Array, scores: Sequence[float], offsets: Array, place: Place, beam: int,
    banned: Sequence[int],
) -> list[Proposal]:  # fmt: skip
    """For each length, the likeliest fills by the product of their tokens' probabilities.

    Args:
        left: reads from the left.
        state: of it, before the gap, of each row, (L, S, rows, H).
        scores: ln p of the rows.
        offsets: what the right adds to the logits of the last token of a gap, of the one before it, …, (most, V).
        place: the gap.
        beam: how many of each length.
        banned: ids that no fill has.
    """
    left = left.fork()
    live: list[tuple[int, int, tuple[int, ...], float]] = [
        (n, row, (), score) for n in place.lengths for row, score in enumerate(scores)
    ]
    left.state = state[:, :, [row for _, row, _, _ in live]]
    done: list[Proposal] = []
    for k in range(max(place.lengths)):
        added = offsets[[n - 1 - k for n, *_ in live]]
        log_p = filters.ban(log_softmax(left.logits + added), banned)
        if k == 0 and place.first is not None:
            log_p = np.where(place.first, log_p, -np.inf)
        grown = log_p + np.array([score for *_, score in live])[:, None]
        going: list[tuple[int, int, int, float]] = []  # index into live, token, length, score
        for n in dict.fromkeys(n for n, *_ in live):
            rows = [i for i, entry in enumerate(live) if entry[0] == n]
            block = grown[rows]
            best = np.argsort(-block, axis=None, kind="stable")[:beam]
            for i, token in zip(*np.unravel_index(best, block.shape), strict=True):
                if block[i, token] > -np.inf:
                    going.append((rows[i], int(token), n, float(block[i, token])))
        before = live
        live, kept, tokens = [], [], []
        for index, token, n, score in going:
            _, row, ids, _ = before[index]
            if n == k + 1:
                done.append((row, (*ids, token)))
            else:
                live.append((n, row, (*ids, token), score))
                kept.append(index)
                tokens.append(token)
        if not live:
            break
        left.state = left.state[:, :, kept]
        left.step(tokens)
    return done


def readable(found: Sequence[Proposal], tokenizer: Tokenizer) -> list[Proposal]:
    """Those that are text; of a length of which none is, as of one byte in Chinese, all."""
    kept: dict[int, list[Proposal]] = {}
    for length in dict.fromkeys(len(ids) for _, ids in found):
        same = [each for each in found if len(each[1]) == length]
        kept[length] = [each for each in same if "\ufffd" not in tokenizer.decode(each[1])] or same
    return [each for same in kept.values() for each in same]
