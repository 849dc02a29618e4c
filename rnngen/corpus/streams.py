"""Contiguous parallel streams: what truncated back-propagation through time reads.

The training text is a ring of N tokens. B readers stand on it at equal distances and walk on together, T
tokens a step, each keeping its hidden state:

    reader b, step k:   input  = tokens[b·N/B + k·T + t]
                        target = tokens[b·N/B + k·T + t + 1],   t = 0 … T-1, positions modulo N

After N/(B·T) steps every token has been read once: an epoch. A reader then stands where the next one began,
so it goes on with the state it has, windows fall elsewhere in every epoch, no token is ever dropped, and the
step number alone says where everybody is (which is what makes a resumed run equal an uninterrupted one).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnngen.errors import CorpusError


class Streams:
    """Windows of B parallel streams over one token array.

    Args:
        tokens: ids, shape (N,).
        batch_size: B.
        bptt: T.

    Raises:
        CorpusError: the text is shorter than one window.
    """

    def __init__(self, tokens: NDArray[np.integer[Any]], batch_size: int, bptt: int) -> None:
        if len(tokens) < bptt + 1:
            raise CorpusError(
                "the training text is shorter than one window",
                expected=f"at least {bptt + 1} tokens (--bptt {bptt} and one to predict)", found=f"{len(tokens)}",
                hint="Give more text, or a smaller --bptt.",
            )  # fmt: skip
        self._tokens = tokens
        self.batch_size = batch_size
        self.bptt = bptt
        starts = np.arange(batch_size) * len(tokens) // batch_size
        self._offsets = starts + np.arange(bptt + 1)[:, None]  # (T+1, B)

    @property
    def steps_per_epoch(self) -> float:
        """N / (B·T)."""
        return len(self._tokens) / (self.batch_size * self.bptt)

    def window(self, step: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Inputs and targets of one step, each of shape (T, B); the targets are the inputs one token on."""
        positions = (self._offsets + step * self.bptt) % len(self._tokens)
        window = self._tokens[positions].astype(np.int64)
        return window[:-1], window[1:]
