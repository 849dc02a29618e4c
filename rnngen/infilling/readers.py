"""The readers of a model that fills gaps, and ln p of the fills under them.

A bidirectional model (``model/cloze.py``) is two readers whose logits are added. The one from the right reads the text
after a gap and then, for every token that is not known yet, a masked token. So its logits do not depend on the fill and
are computed once; what is left is a left-to-right model with logits added at each position.

Fills are ranked by asking each reader alone, while the other has read nothing: how probable are the fill and the next
known tokens, in the order in which it reads them? A wrong fill makes what follows improbable, so this compares fills of
different lengths too. The rank is the geometric mean of the readers' probabilities. A left-to-right model has one
reader.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rnngen.engine.probabilities import Array
from rnngen.engine.recurrence import Recurrence
from rnngen.infilling.gapped_text import EncodedGap
from rnngen.infilling.rescoring import after_reading, fills_log_p, sequence_log_p

GUESSED_LENGTH = 5
"""The length assumed for a gap of unknown length while another gap before it is filled."""


class Readers:
    """The left-to-right reader of a model and, if the model is bidirectional, its right-to-left reader.

    Args:
        left: reads from the left.
        right: reads from the right; None for a left-to-right model.
    """

    def __init__(self, left: Recurrence, right: Recurrence | None) -> None:
        self.left, self.right = left, right
        no_logits = np.zeros_like(left.logits) if right is None else right.fork().logits
        # each reader, with the logits of the other one where that has read nothing
        self._alone = [(left, no_logits)] if right is None else [(left, no_logits), (right, left.fork().logits)]

    def state_before(self, before: Sequence[int]) -> Array:
        """The left-to-right reader's state after the text before the first gap, (L, S, 1, H)."""
        return after_reading(self.left, before).state

    def states_beyond(self, gaps: Sequence[EncodedGap]) -> list[Array]:
        """The right-to-left reader's state after all that follows each gap, with later gaps masked.

        For a left-to-right model the states are empty.
        """
        if self.right is None:
            return [np.empty(0)] * len(gaps)
        right, masked = self.right.fork(), self.left.vocab_size
        states = []
        for gap in reversed(gaps):
            for token in reversed(gap.after):
                right.step([token])
            states.append(right.state)
            for _ in range(gap.max_length if len(gap.lengths) == 1 else GUESSED_LENGTH):
                right.step([masked])
        return states[::-1]

    def added_by_right(self, beyond: Array, length: int) -> Array:
        """The logits that the right adds in a gap, by the number of unknown tokens after the position: (length, V).

        Args:
            beyond: the right-to-left reader's state, see ``states_beyond``.
            length: of the gap.
        """
        V = self.left.vocab_size
        if self.right is None:
            return np.zeros((length, V), np.float32)
        right = self.right.fork()
        right.state = beyond
        rows = [right.logits[0].copy()]
        rows += [right.step([V])[0].copy() for _ in range(length - 1)]
        return np.array(rows)

    def log_p(
        self, before: Sequence[int], gaps: Sequence[EncodedGap], rows: Sequence[Sequence[Sequence[int]]]
    ) -> NDArray[np.float64]:
        """The rank of several fillings: the mean over the readers of ln p(fills, and the next tokens beyond each).

        A reader predicts every fill, and the next known tokens, from all that it has read before them; the other has
        read nothing.

        Args:
            before: ids before the first gap.
            gaps: the gaps; their lengths are those of the fills.
            rows: the fillings, each with the ids of every gap.

        Returns:
            One rank per filling, (rows,).
        """
        known = [before, *(gap.after for gap in gaps)]
        log_p = []
        for (reader, added), direction in zip(self._alone, (1, -1), strict=False):
            first, *others = [part[::direction] for part in known[::direction]]
            fills = [[fill[::direction] for fill in row[::direction]] for row in rows]
            log_p.append(fills_log_p(reader, added, after_reading(reader, first).state, others, fills))
        return _mean(log_p)

    def log_p_from(
        self, state: Array, before: Sequence[int], gap: EncodedGap, beyond: Array, fills: Sequence[Sequence[int]]
    ) -> NDArray[np.float64]:
        """The rank of fills of one gap, like ``log_p``, from states that have read the known text.

        Args:
            state: of the left-to-right reader before the gap, of each fill.
            before: the known tokens before the gap, which the right-to-left reader predicts.
            gap: the gap.
            beyond: the right-to-left reader's state, see ``states_beyond``.
            fills: the ids of each fill.
        """
        (left, added), *others = self._alone
        log_p = [fills_log_p(left, added, state, [gap.after], [[fill] for fill in fills])]
        for right, added in others:
            log_p.append(fills_log_p(right, added, beyond, [before[::-1]], [[fill[::-1]] for fill in fills]))
        return _mean(log_p)

    def nats(self, before: Sequence[int], gap: EncodedGap, fill: Sequence[int]) -> float:
        """-ln p(fill | all to its left, all to the right of the gap, its length): exact for a bidirectional model."""
        offsets = self.added_by_right(self.states_beyond([gap])[0], len(fill))
        return -float(sequence_log_p(self.left, self.state_before(before), [fill], offsets)[0])


def _mean(log_p: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The mean over the readers, (rows,)."""
    mean: NDArray[np.float64] = np.mean(log_p, axis=0)
    return mean
