"""The summed nats of a text under a left-to-right model, exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnngen.evaluation.blocks import sum_nats
from rnngen.evaluation.reading import read_blocks
from rnngen.model.language_model import RecurrentLM


def total_nats(
    model: RecurrentLM, tokens: NDArray[np.integer[Any]], *, each: NDArray[np.float32] | None = None, **how: Any
) -> float:
    """-Σ ln p(token | all tokens before it), over all N tokens of a text, in nats.

    Args:
        model: the network, which is read without dropout.
        tokens: token ids, (N,).
        each: an array, (N,), that receives the nats of each token.
        how: see ``reading.read_blocks``.
    """
    return sum_nats(read_blocks(model, tokens, **how), each)
