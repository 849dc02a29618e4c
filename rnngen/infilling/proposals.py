"""What could stand in a gap: a beam search over p(token | all to its left, all to the right of the gap)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rnngen.corpus.tokenizer import Tokenizer
from rnngen.engine.probabilities import Array, log_softmax
from rnngen.engine.recurrence import Recurrence
from rnngen.infilling.gapped_text import Beginning, Place
from rnngen.sampling import filters

Proposal = tuple[int, tuple[int, ...]]
"""The row of the state that it goes on from, and its ids."""


def propose(
    left: Recurrence,
    state: Array,
    scores: Sequence[float],
    offsets: Array,
    place: Place,
    beam: int,
    banned: Sequence[int],
) -> list[Proposal]:
    """For each length and beginning, the likeliest fills by the product of their tokens' probabilities.

    Args:
        left: reads from the left.
        state: of it, before the gap, of each row, (L, S, rows, H).
        scores: ln p of the rows.
        offsets: what the right adds to the logits of the last token of a gap, of the one before it, …, (most, V).
        place: the gap.
        beam: how many of each length and beginning.
        banned: ids that no fill has.
    """
    left = left.fork()
    V = left.vocab_size
    live = [
        _Growing(n + len(beginning.ids), beginning, row, (), score)
        for n in place.lengths
        for beginning in place.beginnings
        for row, score in enumerate(scores)
    ]
    left.state = state[:, :, [growing.row for growing in live]]
    done: list[Proposal] = []
    for k in range(place.most):
        added = offsets[[growing.length - 1 - k for growing in live]]
        log_p = filters.ban(log_softmax(left.logits + added), banned)
        if any(k <= len(growing.beginning.ids) for growing in live):
            log_p = np.where([growing.beginning.allowed(k, V) for growing in live], log_p, -np.inf)
        grown = log_p + np.array([growing.score for growing in live])[:, None]
        before, live, kept = live, [], []
        alike: dict[tuple[int, int], list[int]] = {}
        for i, growing in enumerate(before):
            alike.setdefault((growing.length, id(growing.beginning)), []).append(i)
        for rows in alike.values():
            block = grown[rows]
            best = np.argsort(-block, axis=None, kind="stable")[:beam]
            for i, token in zip(*np.unravel_index(best, block.shape), strict=True):
                if block[i, token] == -np.inf:
                    continue
                one = before[rows[i]]
                ids = (*one.ids, int(token))
                if one.length == k + 1:
                    done.append((one.row, ids))
                else:
                    live.append(one._replace(ids=ids, score=float(block[i, token])))
                    kept.append(rows[i])
        if not live:
            break
        left.state = left.state[:, :, kept]
        left.step([growing.ids[-1] for growing in live])
    return done


class _Growing(NamedTuple):
    """The first tokens of a fill.

    Attributes:
        length: tokens that it will have.
        beginning: how it begins.
        row: of the state that it goes on from.
        ids: its tokens so far.
        score: ln p of them and of the row.
    """

    length: int
    beginning: Beginning
    row: int
    ids: tuple[int, ...]
    score: float


def readable(found: Sequence[Proposal], tokenizer: Tokenizer) -> list[Proposal]:
    """Those that are text; of a length of which none is, as of one byte in Chinese, all."""
    kept: dict[int, list[Proposal]] = {}
    for length in dict.fromkeys(len(ids) for _, ids in found):
        same = [each for each in found if len(each[1]) == length]
        kept[length] = [each for each in same if "\ufffd" not in tokenizer.decode(each[1])] or same
    return [each for same in kept.values() for each in same]
