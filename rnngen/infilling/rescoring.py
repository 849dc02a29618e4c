"""Ln p of given token sequences under one reader, many at a time.

A reader is a network that reads in one direction, a ``Recurrence``; it predicts every token from those that it has read
before.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rnngen.engine.probabilities import Array, log_softmax
from rnngen.engine.recurrence import Recurrence

FOLLOWING = 12
"""The number of known tokens beyond a gap that count towards the rank of its fills."""


def after_reading(reader: Recurrence, tokens: Sequence[int]) -> Recurrence:
    """A copy of a reader that has read a text from its beginning."""
    twin = reader.fork()
    for token in tokens:
        twin.step([token])
    return twin


def read_rows(reader: Recurrence, rows: Sequence[Sequence[int]]) -> None:
    """Read texts of different lengths, one per stream."""
    states = reader.state
    for k in range(max(map(len, rows), default=0)):
        reader.step([row[k] if k < len(row) else 0 for row in rows])
        ending = [i for i, row in enumerate(rows) if k + 1 == len(row)]
        if ending:
            states[:, :, ending] = reader.state[:, :, ending]
    reader.state = states


def fills_log_p(
    reader: Recurrence,
    added: Array,
    state: Array,
    known: Sequence[Sequence[int]],
    rows: Sequence[Sequence[Sequence[int]]],
) -> NDArray[np.float64]:
    """Ln p of fills and of the next tokens beyond each, under one reader, (rows,).

    Args:
        reader: the reader.
        added: to its logits, (1, V).
        state: of the reader before the first gap, one per row or one for all.
        known: the known tokens after each gap.
        rows: the fillings, each with the ids of every gap; gaps, fills and tokens are in the order of reading.
    """
    sequences, counted = [], []
    for row in rows:
        tokens: list[int] = []
        counts: list[bool] = []
        for fill, after in zip(row, known, strict=True):
            near = min(len(after), FOLLOWING)
            tokens += [*fill, *after]
            counts += [True] * (len(fill) + near) + [False] * (len(after) - near)
        end = len(tokens) - max(0, len(known[-1]) - FOLLOWING)  # tokens after the last that counts are not read
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
    """Ln p of token sequences, each from its own state, (rows,).

    Args:
        reader: the reader.
        state: of the reader before each sequence.
        sequences: ids.
        offsets: added to the logits of the last token of each sequence, of the one before it, …; the last row for all
            earlier tokens.
        counted: whether each token of each sequence counts; the others are only read. None: all count.
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
