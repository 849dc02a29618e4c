"""Fills drawn by Gibbs sampling: every token anew given all others, again and again (Geman & Geman 1984)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rnngen.engine.probabilities import Array, not_finite
from rnngen.infilling.gapped_text import Place
from rnngen.infilling.rescoring import having_read
from rnngen.sampling import filters

if TYPE_CHECKING:
    from rnngen.infilling.fill import Filler


class Chains:
    """Several texts whose gaps are drawn anew, token by token: one Markov chain a row.

    Both ends of the text are read once; a sweep reads from the first gap to the last and back. A gap has one length
    and one beginning.
    """

    def __init__(
        self,
        filler: Filler,
        before: Sequence[int],
        places: Sequence[Place],
        count: int,
        temperature: float,
        rng: np.random.Generator,
    ) -> None:
        assert filler.right is not None
        self._banned, self._temperature, self._rng = filler.banned, temperature, rng
        self._count, self._places = count, places
        self._left, self._right = (having_read(filler.left, before), having_read(filler.right, places[-1].after[::-1]))
        self._ends = self._left.state.repeat(count, axis=2), self._right.state.repeat(count, axis=2)
        self._allowed: dict[int, NDArray[np.bool_]] = {}
        self._gaps: list[range] = []
        columns: list[int] = []  # tokens from the first gap to the last
        for place in places:
            begin = len(columns)
            (beginning,) = place.beginnings
            for at in range(len(beginning.ids) + (beginning.then is not None)):
                self._allowed[begin + at] = beginning.allowed(at, filler.left.vocab_size)
            columns += [0] * place.most
            self._gaps.append(range(begin, len(columns)))
            columns += place.after if place is not places[-1] else []
        self._tokens = np.tile(np.array(columns), (count, 1))  # (count, N)
        self._open = {column for gap in self._gaps for column in gap}
        self._begin(filler)

    def fills(self) -> list[list[list[int]]]:
        """The gaps' tokens in every chain."""
        return [[[row[column] for column in gap] for gap in self._gaps] for row in self._tokens.tolist()]

    def _begin(self, filler: Filler) -> None:
        """Draw every token given its left and what is to the right of its gap."""
        added: dict[int, Array] = {}
        for gap, beyond in zip(self._gaps, filler.states_beyond(self._places), strict=True):
            offsets = filler.added_by_right(beyond, len(gap))
            added |= {column: offsets[gap.stop - 1 - column][None] for column in gap}
        self._draw(added)

    def sweep(self) -> None:
        """Draw every token anew, from the first to the last, each given all others."""
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
