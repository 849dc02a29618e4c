"""Reading a text with a left-to-right network, block after block, with what the network says of every token.

The result is that of reading the text token by token with the state carried from the first to the last, every token
scored once, the first one from the start state. Within a block ``parallel.py`` makes this fast; blocks follow one
another, so memory does not grow with the text, and what was read before an interruption is known.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnngen.corpus.encoded import release_pages
from rnngen.evaluation.blocks import BLOCK, SMALLEST_BLOCK, ScoredBlock, TokenScores
from rnngen.evaluation.parallel import LONG_ENOUGH, ids_at, read_in_parallel
from rnngen.model.device import autocast
from rnngen.model.language_model import RecurrentLM

_WEIGHTS_READ = 150e9  # in the first block: one or a few seconds on most processors


def first_block_of(model: RecurrentLM) -> int:
    """Tokens of the first block: fewer for a larger network, so that something is known soon.

    The number depends on the network alone, not on how fast it was measured to be, so that results are the same again.
    """
    if model.device.type != "cpu":
        return BLOCK
    weights = model.config.multiplied_weights(model.vocab_size)
    return int(np.clip(1 << int(_WEIGHTS_READ / weights).bit_length() - 1, SMALLEST_BLOCK, BLOCK))


@torch.no_grad()
def read_blocks(
    model: RecurrentLM,
    tokens: NDArray[np.integer[Any]],
    *,
    batch_size: int | None = None,
    window: int = 64,
    block: int | None = None,
    precision: str = "float32",
    max_rounds: int | None = None,
    detailed: bool = False,
    on_read: Callable[[int], object] | None = None,
) -> Iterator[ScoredBlock]:
    """What a network says of each token of a text, given all tokens before it.

    Args:
        model: the network, which is read without dropout.
        tokens: token ids, (N,).
        batch_size: number of streams read in parallel; does not change the result beyond rounding.
        window: T, steps per call; does not change the result either.
        block: tokens per block, rounded down to whole windows; does not change the result beyond rounding. By default
            the first block is ``first_block_of`` the network; each is as long as all before it until they are long
            enough to be read fast, so that an interruption loses at most half of the work.
        precision: ``float32``, or ``bf16``, which is faster and less accurate.
        max_rounds: see ``parallel.read_in_parallel``; without it the result is exact.
        detailed: whether ranks and the highest probabilities are wanted too.
        on_read: called before each window with the number of its tokens; what it raises ends the computation.
    """
    if not len(tokens):
        return
    state = model.start_state(1)
    logits = model.readout(state)
    transitions = len(tokens) - 1
    for begin, end in _blocks(max(transitions, 1), block or first_block_of(model), window, grows=block is None):
        began = time.perf_counter()
        steps = min(end, transitions) - begin  # each reads a token and predicts the one after it
        first = 0 if begin == 0 else 1  # the first block has a token more, which nothing precedes
        scores = TokenScores.empty(steps + 1 - first, detailed=detailed)
        if begin == 0:
            scores.keep(np.zeros(1, np.int64), logits, torch.tensor([int(tokens[0])], device=logits.device))
        if steps:
            text = tokens[begin : begin + steps + 1]
            read = _reader(model, text, scores, 1 - first, steps, precision, on_read)
            state = read_in_parallel(
                read, state, steps, window, precision, batch_size=batch_size, max_rounds=max_rounds
            )
        predicted = tokens[begin + first : begin + steps + 1]
        yield ScoredBlock(begin + first, predicted, scores, time.perf_counter() - began)
        release_pages(tokens)


def _blocks(steps: int, first: int, window: int, *, grows: bool) -> Iterator[tuple[int, int]]:
    """Where blocks of whole windows begin and end."""
    begin, size = 0, max(1, first // window) * window
    while begin < steps:
        yield begin, min(begin + size, steps)
        begin += size
        size = min(begin, max(size, LONG_ENOUGH // window * window)) if grows else size


def _reader(
    model: RecurrentLM,
    text: NDArray[np.integer[Any]],
    scores: TokenScores,
    shift: int,
    steps: int,
    precision: str,
    on_read: Callable[[int], object] | None,
) -> Callable[[NDArray[np.int64], Tensor], Tensor]:
    """What reads a window of some streams of a block, and keeps the scores of the tokens that it predicts."""

    def read(positions: NDArray[np.int64], state: Tensor) -> Tensor:
        if on_read is not None:
            on_read(positions.size)
        ids = ids_at(text, positions, state.device)
        with autocast(state.device, precision):
            logits, state = model(ids[:-1], state)
        inside = positions.ravel() < steps
        kept = torch.from_numpy(np.flatnonzero(inside)).to(logits.device)
        flat, targets = logits.flatten(0, 1), ids[1:].flatten()
        if len(kept) < len(targets):
            flat, targets = flat[kept], targets[kept]
        scores.keep(positions.ravel()[inside] + shift, flat, targets)
        return state

    return read
