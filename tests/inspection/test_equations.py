from __future__ import annotations

import pytest
import torch

from rnngen.config import ModelConfig
from rnngen.inspection.equations import start_states, step_model
from rnngen.model.language_model import RecurrentLM
from tests.model.test_cells import KINDS


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize(("cell", "nonlinearity"), KINDS)
def test_steps_equal_the_fast_kernels(cell: str, nonlinearity: str, tied: bool) -> None:
    config = ModelConfig(cell=cell, nonlinearity=nonlinearity, hidden_size=7, embedding_size=5, num_layers=2, tied=tied)  # type: ignore[arg-type]
    model = RecurrentLM(config, 9, torch.Generator().manual_seed(1))
    tokens = torch.randint(9, (20, 3), generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        expected, state = model(tokens, model.start_state(3))
        states = start_states(model, 3)
        for t, row in enumerate(tokens):
            logits, steps = step_model(model, row, states)
            torch.testing.assert_close(logits, expected[t], atol=1e-5, rtol=1e-4)
            states = [step.states for step in steps]
    for layer, found in zip(state, states, strict=True):
        for part, s in zip(layer, found.values(), strict=True):
            torch.testing.assert_close(part[:, : s.shape[1]], s, atol=1e-5, rtol=1e-4)
    for step in steps:
        gates = [g for name, g in step.gates.items() if name != "candidate"]
        assert len(gates) == {"lstm": 3, "gru": 2, "rnn": 0}[cell]
        assert all(((g > 0) & (g < 1)).all() for g in gates)
