"""Eigenvalues of the recurrent matrices: how each gate's W_h alone would shrink or grow a state."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from rnngen.engine.probabilities import not_finite
from rnngen.model.cells import Cell

GATE_NAMES = {
    "lstm": ("input", "forget", "candidate", "output"),
    "gru": ("reset", "update", "candidate"),
    "rnn": ("h",),
}
"""The blocks of a recurrent matrix, in the order of the file."""


def layer_eigenvalues(layer: Cell, cell: str) -> dict[str, NDArray[np.complex128]]:
    """Eigenvalues of each gate's W_h, the largest modulus first: gate → (H,).

    Args:
        layer: of a network.
        cell: ``lstm``, ``gru`` or ``rnn``.

    Raises:
        RnngenError: a weight is not finite.
    """
    gates = GATE_NAMES[cell]
    if not layer.weight_hh_l0.isfinite().all():
        raise not_finite()  # LAPACK does not survive it
    blocks = layer.weight_hh_l0.detach().double().chunk(len(gates))
    values = [torch.linalg.eigvals(block).numpy() for block in blocks]
    return {gate: each[np.argsort(-np.abs(each), kind="stable")] for gate, each in zip(gates, values, strict=True)}
