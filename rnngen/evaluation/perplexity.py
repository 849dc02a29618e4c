"""The summed nats of a text under a left-to-right model, exactly.

The result is that of reading the text token by token with the state carried from the first to the last, every token
scored once, the first one from the start state; ``parallel.py`` makes this fast.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnngen.evaluation.parallel import ids_at, read_in_parallel
from rnngen.model.device import autocast
from rnngen.model.language_model import RecurrentLM


@torch.no_grad()
def total_nats(
    model: RecurrentLM,
    tokens: NDArray[np.integer[Any]],
    *,
    batch_size: int | None = None,
    window: int = 64,
    precision: str = "float32",
    max_rounds: int | None = None,
    each: NDArray[np.float32] | None = None,
    check: Callable[[], object] | None = None,
) -> float:
    """-Σ ln p(token | all tokens before it), over all N tokens of a text, in nats.

    Args:
        model: the network, which is read without dropout.
        tokens: token ids, (N,).
        batch_size: number of streams read in parallel; does not change the result beyond rounding.
        window: T, steps per call; does not change the result either.
        precision: ``float32``, or ``bf16``, which is faster and less accurate.
        max_rounds: see ``parallel.read_in_parallel``; without it the result is exact.
        each: an array, (N,), that receives the nats of each token.
        check: called before each window; what it raises ends the computation.
    """
    if len(tokens) == 0:
        return 0.0
    start = model.start_state(1)
    first = torch.nn.functional.cross_entropy(
        model.readout(start).float(), torch.tensor([int(tokens[0])], device=start.device)
    )
    if each is not None:
        each[0] = float(first)
    if len(tokens) == 1:
        return float(first)
    transitions = len(tokens) - 1
    sums = np.zeros(math.ceil(transitions / window))  # by window

    def read(positions: NDArray[np.int64], state: Tensor) -> Tensor:
        if check is not None:
            check()
        inside = torch.from_numpy(positions < transitions).to(start.device)
        ids = ids_at(tokens, positions, start.device)
        with autocast(start.device, precision):
            logits, state = model(ids[:-1], state)
        nats = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), ids[1:].flatten(), reduction="none")
        nats = nats.view(inside.shape)
        sums[positions[0] // window] = (nats * inside).double().sum(0).cpu().numpy()
        if each is not None:
            each[1 + positions[inside.cpu().numpy()]] = nats[inside].cpu().numpy()
        return state

    read_in_parallel(read, start, transitions, window, precision, batch_size=batch_size, max_rounds=max_rounds)
    return float(first) + float(sums.sum())
