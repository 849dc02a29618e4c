"""The summed nats of a text under a bidirectional model, each token predicted from all the others.

Both directions read the whole text, with their states carried from end to end. They are first read for their states at
the boundaries of windows; then the windows are predicted, many in parallel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnngen.corpus.encoded import release_pages
from rnngen.evaluation.blocks import BLOCK, ScoredBlock, TokenScores, in_file
from rnngen.evaluation.parallel import ids_at, read_in_parallel
from rnngen.model.cloze import ClozeLM
from rnngen.model.device import autocast
from rnngen.model.language_model import RecurrentLM

WINDOW = 64
BOUNDARY_BYTES = 1 << 28  # of states at the boundaries of windows; a longer text gets longer windows,
LONGEST_WINDOW = 4096  # up to this; beyond that the states go to a file
PREDICTED = 4096  # tokens predicted in parallel


def pseudo_blocks(
    model: ClozeLM,
    tokens: NDArray[np.integer[Any]],
    *,
    window: int | None = None,
    batch_size: int | None = None,
    block: int = BLOCK,
    precision: str = "float32",
    max_rounds: int | None = None,
    detailed: bool = False,
    on_read: Callable[[int], object] | None = None,
) -> Iterator[ScoredBlock]:
    """What a network says of each token of a text, given all other tokens. Nothing is known before all is read.

    Args:
        model: the network, which is read without dropout.
        tokens: token ids, (N,).
        window: T, steps per call; does not change the result.
        batch_size: number of streams read in parallel; does not change it either, beyond rounding.
        block: tokens per block.
        precision: ``float32``, or ``bf16``, which is faster and less accurate.
        max_rounds: see ``parallel.read_in_parallel``; without it the result is exact.
        detailed: whether ranks and the highest probabilities are wanted too.
        on_read: called before each window with the number of its tokens; what it raises ends the computation.
    """
    if not len(tokens):
        return
    scores = TokenScores.empty(len(tokens), detailed=detailed)
    _Scorer(model, tokens, window, batch_size, precision, max_rounds, scores, on_read or (lambda _: None)).read()
    for start in range(0, len(tokens), block):
        here = slice(start, start + block)
        yield ScoredBlock(start, tokens[here], scores.part(here))
        release_pages(tokens)
        release_pages(scores.nats)


@dataclass
class _Scorer:
    """Scores a text in windows of T steps, each of which reads T tokens and predicts the tokens after them."""

    model: ClozeLM
    tokens: NDArray[np.integer[Any]]
    window: int | None
    batch_size: int | None
    precision: str
    max_rounds: int | None
    scores: TokenScores
    on_read: Callable[[int], object]

    def __post_init__(self) -> None:
        self._since = 0
        self._mapped = [self.tokens, self.scores.nats, self.scores.ranks, self.scores.tops]  # from files, or not
        self.start = self.model.start_state(1)
        state_bytes = len(self.tokens) * 2 * 4 * self.start.numel()  # of both directions
        self.T = self.window or min(LONGEST_WINDOW, max(WINDOW, math.ceil(state_bytes / BOUNDARY_BYTES)))
        self.whole, self.rest = divmod(len(self.tokens) - 1, self.T)

    @torch.no_grad()
    def read(self) -> None:
        """Keep the scores of all tokens."""
        left, right = self.model.left_to_right, self.model.right_to_left
        start, T, whole, rest = self.start, self.T, self.whole, self.rest
        reversed_tokens = self.tokens[::-1]
        after_rest = start
        if rest:  # what lies beyond the last whole window, read from the right end
            with autocast(start.device, self.precision):
                after_rest = right.read(self._ids(reversed_tokens[:rest]), start)[2]
        before, last = self._boundaries(left, self.tokens, start)
        # each state has read everything beyond its window
        after, first = self._boundaries(right, reversed_tokens[rest:], after_rest, backwards=True)

        first = start if self.tokens[0] == self.model.boundary else first
        first_logits = left.readout(start).float() + right.readout(first).float()
        self._keep(first_logits[None], self._ids(self.tokens[:1]), np.zeros((1, 1), np.int64))
        in_parallel = max(1, PREDICTED // T)
        for i in range(0, whole, in_parallel):
            some = slice(i, min(i + in_parallel, whole))
            states = (part[some].permute(1, 2, 0, 3).contiguous().to(start.device) for part in (before, after))
            self._predict(np.arange(whole)[some] * T, T, *states)
        if rest:
            self._predict(np.array([whole * T]), rest, last, start)

    def _boundaries(
        self, reader: RecurrentLM, text: NDArray[np.integer[Any]], begin: Tensor, *, backwards: bool = False
    ) -> tuple[Tensor, Tensor]:
        """States before each whole window of a text, (windows, L, S, H), and after the last."""
        T, whole, start = self.T, self.whole, self.start
        shape = (whole, *start.shape[:2], start.shape[3])
        if math.prod(shape) * start.element_size() <= BOUNDARY_BYTES:
            states = start.new_empty(shape)
        else:
            self._mapped.append(in_file(shape, np.float32))
            states = torch.from_numpy(self._mapped[-1])

        def read(positions: NDArray[np.int64], state: Tensor) -> Tensor:
            self._note_read(positions.size)
            numbers = torch.from_numpy(positions[0] // T)
            states[whole - 1 - numbers if backwards else numbers] = state.permute(2, 0, 1, 3).to(states.device)
            with autocast(start.device, self.precision):
                return reader.read(ids_at(text, positions, start.device)[:-1], state)[2]

        if not whole:
            return states, begin
        how = {"batch_size": self.batch_size, "max_rounds": self.max_rounds}
        end = read_in_parallel(read, begin, whole * T, T, self.precision, **how)
        return states, end

    def _predict(self, begins: NDArray[np.int64], length: int, state: Tensor, beyond: Tensor) -> None:
        """Predict the targets of some windows, given the states on both sides of them."""
        positions = begins + np.arange(length)[:, None]  # (T, B)
        self._note_read(positions.size)
        ids = ids_at(self.tokens, positions, self.start.device)
        with autocast(self.start.device, self.precision):
            logits = self.model.predict(ids[:-1], ids[1:], state, after=beyond).logits
        self._keep(logits, ids[1:], positions + 1)

    def _note_read(self, tokens: int) -> None:
        """Tell of some tokens, and now and then let go of what was read or written of mapped files."""
        self.on_read(tokens)
        self._since += tokens
        if self._since >= BLOCK:
            self._since = 0
            for array in self._mapped:
                release_pages(array)

    def _keep(self, logits: Tensor, targets: Tensor, positions: NDArray[np.int64]) -> None:
        """Keep the scores of targets (T, B) at their positions."""
        self.scores.keep(positions.ravel(), logits.flatten(0, 1), targets.flatten())

    def _ids(self, tokens: NDArray[np.integer[Any]]) -> Tensor:
        return torch.from_numpy(tokens.astype(np.int64))[:, None].to(self.start.device)
