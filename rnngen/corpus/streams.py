"""Parallel streams of windows: what truncated back-propagation through time reads.

The training text is a ring of N tokens. B readers advance together, T tokens per step, each with its own hidden state.
They start at equal distances and read all of it in order:

    reader b, step k:   input  = tokens[b·N/B + k·T + t]
                        target = tokens[b·N/B + k·T + t + 1],   t = 0 … T-1, positions modulo N

After N/(B·T) steps every token has been read once: an epoch. Each reader is then where the next one began and continues
with its state, so the windows' borders differ from epoch to epoch and no token is ever dropped.

Or each reads W windows from one place and then begins, with a new state, at another: the ring is divided into pieces of
W windows, whose order is random and, like their borders, differs in each epoch. A network learns what it reads now at
the expense of what it read long ago, so B readers that read a long text in order teach it B places of it at a time. A
Wth of the readers moves at each step, so that all steps are equally hard; for that, the first piece of most readers is
shorter. With windows of varying length, a piece may end a little before the next one begins, or after.

Windows may vary in length (``window_lengths.py``); k·T then stands for the number of tokens before window k. The step
number alone determines every position, which is why a resumed run equals an uninterrupted one.
"""

from __future__ import annotations

import math
from functools import lru_cache
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
        seed: of the random lengths, and of the order of the pieces.
        contiguous: W, the windows that a reader reads in a row; 0: the text is read in order.

    Raises:
        CorpusError: the text is shorter than one window.
    """

    def __init__(
        self,
        tokens: NDArray[np.integer[Any]],
        batch_size: int,
        bptt: int,
        jitter: float = 0.0,
        seed: int = 0,
        contiguous: int = 0,
    ) -> None:
        check_length(len(tokens), bptt)
        self._tokens = tokens
        self.batch_size = batch_size
        self.lengths = WindowLengths(bptt, jitter, seed)
        self._readers = np.arange(batch_size)
        self._seed = seed
        self._windows = contiguous  # in a piece
        if self._windows:
            self._pieces = math.ceil(len(tokens) / (self._windows * self.lengths.mean))
            self._ahead = self._readers * self._windows // batch_size  # windows by which a reader is ahead of the first
            self._order = lru_cache(maxsize=4)(self._draw_order)

    @property
    def steps_per_epoch(self) -> float:
        """N / (B·T), where T is the mean length if windows vary."""
        return len(self._tokens) / (self.batch_size * self.lengths.mean)

    def position(self, step: int, t: int, b: int) -> int:
        """The position in the text of the target in row ``t`` and column ``b`` of a step's window."""
        return (int(self._begins(step)[b]) + t + 1) % len(self._tokens)

    def window(self, step: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Inputs and targets of one step, each of shape (T, B); the targets are the inputs shifted by one token."""
        _, length = self.lengths.window(step)
        positions = (self._begins(step) + np.arange(length + 1)[:, None]) % len(self._tokens)  # (T+1, B)
        window = self._tokens[positions].astype(np.int64)
        return window[:-1], window[1:]

    def moves(self, step: int) -> NDArray[np.bool_]:
        """Which readers begin elsewhere at a step, (B,), and so need a new state."""
        if not self._windows:
            return np.zeros(self.batch_size, bool)
        return np.asarray((step + self._ahead) % self._windows == 0)

    def _begins(self, step: int) -> NDArray[np.int64]:
        """The position of each reader's first input at a step, (B,)."""
        N, before = len(self._tokens), self.lengths.window(step)[0]
        if not self._windows:
            return np.asarray(self._readers * N // self.batch_size + before % N)
        count, within = np.divmod(step + self._ahead, self._windows)  # pieces that a reader has finished; its window
        epochs, indices = np.divmod(count * self.batch_size + self._readers, self._pieces)
        begins = np.empty(self.batch_size, np.int64)
        for epoch in np.unique(epochs):
            shift, order = self._order(int(epoch))
            here = epochs == epoch
            begins[here] = shift + order[indices[here]] * N // self._pieces
        windows, places = np.unique(within, return_inverse=True)
        read = [before - self.lengths.window(max(0, step - int(w)))[0] for w in windows]
        return np.asarray(begins + np.array(read)[places])

    def _draw_order(self, epoch: int) -> tuple[int, NDArray[np.int64]]:
        """Where the first piece of an epoch begins in the text, and the order in which its pieces are read."""
        generator = np.random.default_rng((self._seed, epoch))
        return int(generator.integers(len(self._tokens))), generator.permutation(self._pieces)
