"""The search for the best fills: gap after gap, proposals of a beam search, ranked by the readers.

Proposals come from a beam search over p(token | all to its left, all to the right of the gap); then each reader ranks
them alone (``readers.py``). For a left-to-right model the proposals depend only on the left.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rnngen.corpus.tokenizer import Tokenizer
from rnngen.engine.probabilities import Array
from rnngen.infilling.gapped_text import EncodedGap, unreadable
from rnngen.infilling.proposals import propose, readable
from rnngen.infilling.readers import Readers
from rnngen.infilling.rescoring import after_reading, read_rows


class Candidate(NamedTuple):
    """Fills of the gaps so far, and their rank: ln p."""

    fills: tuple[tuple[int, ...], ...]
    score: float


def search(
    readers: Readers, tokenizer: Tokenizer, before: Sequence[int], gaps: Sequence[EncodedGap], beam: int
) -> list[Candidate]:
    """Fills of all gaps, the best first; ``beam`` of each length of the last gap."""
    found = [Candidate((), 0.0)]
    left, known = after_reading(readers.left, before), before
    beyond = readers.states_beyond(gaps)
    for number, gap in enumerate(gaps):
        state = left.state
        extended = _extend(readers, tokenizer, state, known, found, gap, beyond[number], beam)
        extended.sort(key=lambda pair: -pair[1].score)
        last = number == len(gaps) - 1
        kept = extended if last else extended[:beam]
        found = [candidate for _, candidate in kept]
        if not last:
            left.state, known = state[:, :, [row for row, _ in kept]], gap.after
            read_rows(left, [[*candidate.fills[-1], *gap.after] for candidate in found])
    if len(gaps) > 1:  # the right-to-left reader had not read the fills of later gaps
        scores = readers.log_p(before, gaps, [candidate.fills for candidate in found])
        found = [candidate._replace(score=float(score)) for candidate, score in zip(found, scores, strict=True)]
        found.sort(key=lambda candidate: -candidate.score)
    return found


def search_one(
    readers: Readers, tokenizer: Tokenizer, before: Sequence[int], gap: EncodedGap, beam: int
) -> list[tuple[tuple[int, ...], float]]:
    """Fills of a single gap, each with its rank, ln p: ``beam`` of each of its lengths, in no order."""
    state, (beyond,) = readers.state_before(before), readers.states_beyond([gap])
    found = _extend(readers, tokenizer, state, before, [Candidate((), 0.0)], gap, beyond, beam)
    return [(candidate.fills[0], candidate.score) for _, candidate in found]


def _extend(
    readers: Readers,
    tokenizer: Tokenizer,
    state: Array,
    before: Sequence[int],
    origins: Sequence[Candidate],
    gap: EncodedGap,
    beyond: Array,
    beam: int,
) -> list[tuple[int, Candidate]]:
    """Candidates with one more gap filled, each with the row of its origin.

    Args:
        readers: of the model.
        tokenizer: of the model.
        state: of the left-to-right reader, one row per origin.
        before: the known tokens before the gap.
        origins: the fills so far.
        gap: the next gap.
        beyond: the right-to-left reader's state, see ``Readers.states_beyond``.
        beam: of each length.
    """
    offsets = readers.added_by_right(beyond, gap.max_length)
    scores = [origin.score for origin in origins]
    proposed = propose(readers.left, state, scores, offsets, gap, beam, unreadable(tokenizer))
    found = readable(proposed, tokenizer)
    rows, fills = [row for row, _ in found], [ids for _, ids in found]
    log_p = readers.log_p_from(state[:, :, rows], before, gap, beyond, fills)
    return [
        (row, Candidate((*origins[row].fills, ids), origins[row].score + float(score)))
        for (row, ids), score in zip(found, log_p, strict=True)
    ]
