"""What a reader makes of token sequences that are put before it: ln p, many at a time.

A reader is a network that reads in one direction, ``Recurrence``; in the order of its reading, every token is predicted
from those before it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rnngen.engine.probabilities import Array, log_softmax
from rnngen.engine.recurrence import Recurrence

FOLLOWING = 12
"""Known tokens beyond a gap by which its fills are judged."""


def having_read(reader: Recurrence, tokens: Sequence[int]) -> Recurrence:
    """A reader of its own, that has read a text from its beginning."""
    twin = reader.fork()
    for token in tokens:
        twin.step([token])
    return twin


def read_rows(reader: Recurrence, rows: Sequence[Sequence[int]]) -> None:
    """Read texts of different lengths, one a stream."""
    states = reader.state
    for k in range(max(map(len, rows), default=0)):
        reader.step([row[k] if k < len(row) else 0 for row in rows])
        ending = [i for i, row in enumerate(rows) if k + 1 == len(row)]
        if ending:
            states[:, :, ending] = reader.state[:, :, ending]
    reader.state = states


def judge(
    reader: Recurrence,
    added: Array,
    state: Array,
    known: Sequence[Sequence[int]],
    rows: Sequence[Sequence[Sequence[int]]],
) -> NDArray[np.float64]:
    """Ln p of fills and the tokens beyond each, by one reader, (rows,).

    Args:
        reader: predicts each token from those that it has read.
        added: to its logits, (1, V).
        state: before the first gap, of each row or of all.
        known: what it reads after each gap.
        rows: fillings, each with the ids of every gap; gaps, fills and tokens all in the order of reading.
    """
    sequences, counted = [], []
    for row in rows:
        tokens: list[int] = []
        counts: list[bool] = []
        for fill, after in zip(row, known, strict=True):
            near = min(len(after), FOLLOWING)
            tokens += [*fill, *after]
            counts += [True] * (len(fill) + near) + [False] * (len(after) - near)
        end = len(tokens) - max(0, len(known[-1]) - FOLLOWING)  # nothing is read for what comes after the last
        sequences.append(tokens[:end])
        counted.append(counts[:end])
    state = state if state.shape[2] == len(rows) else state.repeat(len(rows), axis=2)
    return sequence_log_p(reader, state, sequences, added, counted)


def sequence_log_p(
    reader: Recurrence,
    state: Array,
    sequences: Sequence[Sequence[int]],
    offsets: Array,
    counted: Sequence[Sequence[bool]] | None = None,
) -> NDArray[np.float64]:
    """Ln p of token sequences, each from its column of a state, (rows,).

    Args:
        reader: predicts each token from those before it.
        state: before each sequence.
        sequences: ids.
        offsets: added to the logits of the last token of each, of the one before it, …; the last for all others.
        counted: which tokens, by sequence; all others are read and not counted. None: all.
    """
    twin = reader.fork()
    twin.state = state
    lengths = np.array([len(sequence) for sequence in sequences])
    padded = np.zeros((len(sequences), lengths.max()), np.int64)
    counts = np.zeros(padded.shape, bool)
    for row, sequence in enumerate(sequences):
        padded[row, : len(sequence)] = sequence
        counts[row, : len(sequence)] = True if counted is None else counted[row]
    total = np.zeros(len(sequences))
    for k, (tokens, count) in enumerate(zip(padded.T, counts.T, strict=True)):
        if count.any():
            logits = twin.logits + offsets[np.clip(lengths - 1 - k, 0, len(offsets) - 1)]
            chosen = log_softmax(logits)[np.arange(len(tokens)), tokens]
            total += np.where(count, chosen, 0.0)
        if k + 1 < padded.shape[1]:
            twin.step(tokens.tolist())
    return total
