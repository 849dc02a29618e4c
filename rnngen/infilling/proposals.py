"""Proposals for a gap: a beam search over p(token | all to its left, all to the right of the gap)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rnngen.corpus.tokenizer import Tokenizer
from rnngen.engine.probabilities import Array, log_softmax
from rnngen.engine.recurrence import Recurrence
from rnngen.infilling.gapped_text import Beginning, EncodedGap
from rnngen.sampling import filters

Proposal = tuple[int, tuple[int, ...]]
"""The row of the state that it continues, and its ids."""


def propose(
    left: Recurrence,
    state: Array,
    scores: Sequence[float],
    offsets: Array,
    gap: EncodedGap,
    beam: int,
    banned: Sequence[int],
) -> list[Proposal]:
    """The most likely fills of each length and beginning, by the product of their tokens' probabilities.

    Args:
        left: the left-to-right reader.
        state: of the reader before the gap, (L, S, rows, H).
        scores: ln p of each row.
        offsets: added to the logits of the last token of a gap, of the one before it, …, (length, V).
        gap: the gap.
        beam: the number of fills of each length and beginning.
        banned: ids that no fill contains.
    """
    left = left.fork()
    V = left.vocab_size
    live = [
        _Growing(n + len(beginning.ids), beginning, row, (), score)
        for n in gap.lengths
        for beginning in gap.beginnings
        for row, score in enumerate(scores)
    ]
    left.state = state[:, :, [growing.row for growing in live]]
    done: list[Proposal] = []
    for k in range(gap.max_length):
        added = offsets[[growing.length - 1 - k for growing in live]]
        log_p = filters.ban(log_softmax(left.logits + added), banned)
        if any(k <= len(growing.beginning.ids) for growing in live):
            log_p = np.where([growing.beginning.allowed(k, V) for growing in live], log_p, -np.inf)
        grown = log_p + np.array([growing.score for growing in live])[:, None]
        before, live, kept = live, [], []
        same_shape: dict[tuple[int, int], list[int]] = {}
        for i, growing in enumerate(before):
            same_shape.setdefault((growing.length, id(growing.beginning)), []).append(i)
        for rows in same_shape.values():
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
        length: of the complete fill, in tokens.
        beginning: of the fill.
        row: of the state that it continues.
        ids: the tokens so far.
        score: ln p of the row and of these tokens.
    """

    length: int
    beginning: Beginning
    row: int
    ids: tuple[int, ...]
    score: float


def readable(found: Sequence[Proposal], tokenizer: Tokenizer) -> list[Proposal]:
    """The proposals that decode to text; all of a length of which none does, such as one byte in Chinese."""
    kept: dict[int, list[Proposal]] = {}
    for length in dict.fromkeys(len(ids) for _, ids in found):
        same = [each for each in found if len(each[1]) == length]
        kept[length] = [each for each in same if "\ufffd" not in tokenizer.decode(each[1])] or same
    return [each for same in kept.values() for each in same]
