"""Eigenvalues of the recurrent matrices: how each gate's W_h alone would shrink or grow a state."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from rnngen.engine.probabilities import not_finite
from rnngen.inspection.equations import layer_name
from rnngen.model.language_model import Network, RecurrentLM

GATE_NAMES = {
    "lstm": ("input", "forget", "candidate", "output"),
    "gru": ("reset", "update", "candidate"),
    "rnn": ("h",),
}
"""The blocks of a recurrent matrix, in the order of the file."""


def recurrent_eigenvalues(model: RecurrentLM) -> list[dict[str, NDArray[np.complex128]]]:
    """Eigenvalues of each gate's W_h, the largest modulus first: for each layer, gate → (H,).

    Raises:
        RnngenError: a weight is not finite.
    """
    gates = GATE_NAMES[model.config.cell]
    found = []
    for cell in model.cells:
        if not cell.weight_hh_l0.isfinite().all():
            raise not_finite()  # LAPACK does not survive it
        blocks = cell.weight_hh_l0.detach().double().chunk(len(gates))
        values = [torch.linalg.eigvals(block).numpy() for block in blocks]
        found.append({gate: v[np.argsort(-np.abs(v), kind="stable")] for gate, v in zip(gates, values, strict=True)})
    return found


def spectral_radii(model: Network) -> dict[str, dict[str, float]]:
    """The largest modulus of an eigenvalue of each gate's W_h: layer in words → gate → radius.

    Raises:
        RnngenError: a weight is not finite.
    """
    return {
        layer_name(direction.name, number): {gate: float(abs(values[0])) for gate, values in layer.items()}
        for direction in model.directions
        for number, layer in enumerate(recurrent_eigenvalues(direction.reader), start=1)
    }
