"""Contiguous parallel streams: what truncated back-propagation through time reads.

The training text is a ring of N tokens. B readers start at equal distances and advance together, T tokens per step,
each with its own hidden state:

    reader b, step k:   input  = tokens[b·N/B + k·T + t]
                        target = tokens[b·N/B + k·T + t + 1],   t = 0 … T-1, positions modulo N

Windows may vary in length (``window_lengths.py``); k·T then stands for the number of tokens before window k. After
N/(B·T) steps every token has been read once: an epoch. Each reader is then where the next one began and continues with
its state, so the windows' borders differ from epoch to epoch and no token is ever dropped. The step number alone
determines every position, which is why a resumed run equals an uninterrupted one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.window_lengths import WindowLengths
from rnngen.errors import CorpusError


def check_length(tokens: int, bptt: int) -> None:
    """Make sure that a training text of this many tokens has a window to read.

    Raises:
        CorpusError: it is shorter than one window.
    """
    if tokens < bptt + 1:
        raise CorpusError(
            "the training text is shorter than one window",
            expected=f"at least {bptt + 1} tokens (`bptt={bptt}` and one to predict)",
            found=f"{tokens}",
            hint="Give more text, or a smaller `bptt`.",
        )


class Streams:
    """Windows of B parallel streams over one token array.

    Args:
        tokens: ids, shape (N,).
        batch_size: B.
        bptt: T.
        jitter: standard deviation of a window's length around T; 0: all windows have length T.
        seed: of the random lengths.

    Raises:
        CorpusError: the text is shorter than one window.
    """

    def __init__(
        self, tokens: NDArray[np.integer[Any]], batch_size: int, bptt: int, jitter: float = 0.0, seed: int = 0
    ) -> None:
        check_length(len(tokens), bptt)
        self._tokens = tokens
        self.batch_size = batch_size
        self.lengths = WindowLengths(bptt, jitter, seed)
        self._starts = np.arange(batch_size) * len(tokens) // batch_size  # (B,)

    @property
    def steps_per_epoch(self) -> float:
        """N / (B·T), where T is the mean length if windows vary."""
        return len(self._tokens) / (self.batch_size * self.lengths.mean)

    def position(self, step: int, t: int, b: int) -> int:
        """The position in the text of the target in row ``t`` and column ``b`` of a step's window."""
        return (int(self._starts[b]) + self.lengths.window(step)[0] + t + 1) % len(self._tokens)

    def window(self, step: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Inputs and targets of one step, each of shape (T, B); the targets are the inputs shifted by one token."""
        begin, length = self.lengths.window(step)
        offsets = begin % len(self._tokens) + np.arange(length + 1)[:, None]  # (T+1, 1)
        positions = (self._starts + offsets) % len(self._tokens)
        window = self._tokens[positions].astype(np.int64)
        return window[:-1], window[1:]
