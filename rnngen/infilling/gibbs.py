"""Fills drawn by Gibbs sampling: each token again and again, given all others (Geman & Geman 1984)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.tokenizer import Tokenizer
from rnngen.engine.probabilities import Array, not_finite
from rnngen.infilling.gapped_text import EncodedGap, GappedText, unreadable
from rnngen.infilling.options import BEAM, SWEEPS, DrawnFills
from rnngen.infilling.readers import Readers
from rnngen.infilling.rescoring import after_reading
from rnngen.infilling.search import search
from rnngen.sampling import filters
from rnngen.sampling.options import draw_seed


def draw_fills(
    readers: Readers,
    tokenizer: Tokenizer,
    gapped: GappedText,
    sampling: DrawnFills,
    on_sweep: Callable[[int], object] | None = None,
) -> list[list[list[int]]]:
    """Fills of all gaps by a bidirectional model, each from a Markov chain of its own.

    Args:
        readers: of the model.
        tokenizer: of the model.
        gapped: the text.
        sampling: the options.
        on_sweep: called with the number of sweeps done so far.

    Returns:
        The ids of every gap, in every filling.
    """
    rng = np.random.default_rng(draw_seed() if sampling.seed is None else sampling.seed)
    banned = unreadable(tokenizer)
    groups = [
        Chains(readers, gapped.before, gaps, count, sampling.temperature, rng, banned)
        for gaps, count in _draw_shapes(readers, tokenizer, gapped, sampling, rng)
    ]
    for sweep in range(SWEEPS if sampling.gibbs is None else sampling.gibbs):
        for chains in groups:
            chains.sweep()
        if on_sweep is not None:
            on_sweep(sweep + 1)
    return [fills for chains in groups for fills in chains.fills()]


def _draw_shapes(
    readers: Readers, tokenizer: Tokenizer, gapped: GappedText, sampling: DrawnFills, rng: np.random.Generator
) -> list[tuple[Sequence[EncodedGap], int]]:
    """The gaps with one length and one beginning each, and the number of fillings that have these."""
    gaps, count = gapped.gaps, sampling.num_fills
    if all(len(gap.lengths) == len(gap.beginnings) == 1 for gap in gaps):
        return [(gaps, count)]
    found = search(readers, tokenizer, gapped.before, gaps, BEAM)
    scores = np.array([[candidate.score for candidate in found]])
    weights = filters.weights(scores, sampling.temperature).repeat(count, axis=0)
    shapes: dict[tuple[object, ...], list[Sequence[EncodedGap]]] = {}
    for i in filters.draw(weights, rng.random(count).tolist()):
        shaped = [gap.with_shape_of(fill) for gap, fill in zip(gaps, found[i].fills, strict=True)]
        shape = tuple((gap.lengths[0], gap.beginnings[0].ids) for gap in shaped)
        shapes.setdefault(shape, []).append(shaped)
    return [(same[0], len(same)) for same in shapes.values()]


class Chains:
    """Several Markov chains over the gaps of a text, one per row.

    The text before the first gap and after the last is read once; a sweep reads from the first gap to the last and
    back.

    Args:
        readers: of a bidirectional model.
        before: ids before the first gap.
        gaps: the gaps, each with one length and one beginning.
        count: the number of chains.
        temperature: divides the logits; 0 takes the most likely token.
        rng: of the draws.
        banned: ids that are never drawn.
    """

    def __init__(
        self,
        readers: Readers,
        before: Sequence[int],
        gaps: Sequence[EncodedGap],
        count: int,
        temperature: float,
        rng: np.random.Generator,
        banned: Sequence[int],
    ) -> None:
        assert readers.right is not None
        self._banned, self._temperature, self._rng, self._count = banned, temperature, rng, count
        self._left, self._right = (
            after_reading(readers.left, before),
            after_reading(readers.right, gaps[-1].after[::-1]),
        )
        self._ends = self._left.state.repeat(count, axis=2), self._right.state.repeat(count, axis=2)
        self._allowed: dict[int, NDArray[np.bool_]] = {}
        self._gaps: list[range] = []  # the columns of each gap
        columns: list[int] = []  # tokens from the first gap to the last
        for gap in gaps:
            begin = len(columns)
            (beginning,) = gap.beginnings
            for at in range(len(beginning.ids) + (beginning.then is not None)):
                self._allowed[begin + at] = beginning.allowed(at, readers.left.vocab_size)
            columns += [0] * gap.max_length
            self._gaps.append(range(begin, len(columns)))
            columns += gap.after if gap is not gaps[-1] else []
        self._tokens = np.tile(np.array(columns), (count, 1))  # (count, N)
        self._open = {column for columns in self._gaps for column in columns}
        self._begin(readers, gaps)

    def fills(self) -> list[list[list[int]]]:
        """The tokens of the gaps in every chain."""
        return [[[row[column] for column in columns] for columns in self._gaps] for row in self._tokens.tolist()]

    def _begin(self, readers: Readers, gaps: Sequence[EncodedGap]) -> None:
        """Draw every token given all to its left and all to the right of its gap."""
        added: dict[int, Array] = {}
        for columns, beyond in zip(self._gaps, readers.states_beyond(gaps), strict=True):
            offsets = readers.added_by_right(beyond, len(columns))
            added |= {column: offsets[columns.stop - 1 - column][None] for column in columns}
        self._draw(added)

    def sweep(self) -> None:
        """Draw every token again, from the first to the last, each given all others."""
        right = self._right
        right.state = self._ends[1]
        added: dict[int, Array] = {}
        for column in reversed(range(self._tokens.shape[1])):
            if column in self._open:
                added[column] = right.logits.copy()
            right.step(self._tokens[:, column].tolist())
        self._draw(added)

    def _draw(self, added: dict[int, Array]) -> None:
        left = self._left
        left.state = self._ends[0]
        for column in range(self._tokens.shape[1]):
            if column in self._open:
                logits = filters.ban(left.logits + added[column], self._banned)
                if column in self._allowed:
                    logits = np.where(self._allowed[column], logits, -np.inf)
                weights = filters.weights(logits, self._temperature)
                try:
                    self._tokens[:, column] = filters.draw(weights, self._rng.random(self._count).tolist())
                except FloatingPointError as error:
                    raise not_finite() from error
            left.step(self._tokens[:, column].tolist())
