"""Eigenvalues of the recurrent matrices, against NumPy's."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from rnngen.errors import RnngenError
from rnngen.inspection.eigenvalues import GATE_NAMES, layer_eigenvalues
from rnngen.inspection.equations import layer_name
from rnngen.model.load import make_network
from rnngen.options.network import GATES, ModelConfig
from tests.inspection.test_gradients import network

V, H = 9, 6


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_spectral_radii_are_those_of_every_gate_in_every_layer_and_direction(cell: str, bidirectional: bool) -> None:
    config = ModelConfig(cell=cell, hidden_size=H, embedding_size=4, num_layers=2, bidirectional=bidirectional)  # type: ignore[arg-type]
    model = make_network(config, V, torch.Generator().manual_seed(3))
    weights = {name: p.detach().double().numpy() for name, p in model.named_parameters()}
    directions = (
        {"left to right, ": "left_to_right.", "right to left, ": "right_to_left."} if bidirectional else {"": ""}
    )
    expected = {}
    for words, prefix in directions.items():
        for layer in (0, 1):
            blocks = np.split(weights[f"{prefix}layers.{layer}.weight_hh_l0"], len(GATE_NAMES[cell]))
            expected[f"{words}layer {layer + 1}"] = [abs(np.linalg.eigvals(block)).max() for block in blocks]
    found = {
        layer_name(direction.name, number): {
            gate: float(abs(values[0])) for gate, values in layer_eigenvalues(layer, cell).items()
        }
        for direction in model.directions
        for number, layer in enumerate(direction.reader.cells, start=1)
    }
    assert found.keys() == expected.keys()
    for layer, radii in found.items():
        assert tuple(radii) == GATE_NAMES[cell]
        np.testing.assert_allclose(list(radii.values()), expected[layer], rtol=1e-6)


def test_every_block_of_a_recurrent_matrix_has_a_name() -> None:
    assert {cell: len(names) for cell, names in GATE_NAMES.items()} == GATES


def test_weights_that_are_no_numbers_are_an_error() -> None:
    model = network("lstm")
    with torch.no_grad():
        model.cells[0].weight_hh_l0[0, 0] = math.nan
    with pytest.raises(RnngenError, match="not finite"):
        layer_eigenvalues(model.cells[0], "lstm")
