from __future__ import annotations

import pytest
import torch

from rnngen.inspection.equations import start_states, step_model
from rnngen.model.language_model import RecurrentLM
from rnngen.options.network import ModelConfig
from tests.model.test_cells import KINDS
from tests.rounding import rounding_bound


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize(("cell", "nonlinearity"), KINDS)
def test_steps_equal_the_fast_kernels(cell: str, nonlinearity: str, tied: bool) -> None:
    config = ModelConfig(cell=cell, nonlinearity=nonlinearity, hidden_size=7, embedding_size=5, num_layers=2, tied=tied)  # type: ignore[arg-type]
    model = RecurrentLM(config, 9, torch.Generator().manual_seed(1))
    tokens = torch.randint(9, (20, 3), generator=torch.Generator().manual_seed(2))
    bounds = [rounding_bound(lambda m, part=part: m(tokens, m.start_state(3))[part], model) for part in (0, 1)]
    with torch.no_grad():
        expected, state = model(tokens, model.start_state(3))
        states = start_states(model, 3)
        for t, row in enumerate(tokens):
            logits, steps = step_model(model, row, states)
            torch.testing.assert_close(logits, expected[t], rtol=0, atol=bounds[0])
            states = [step.states for step in steps]
    for layer, found in zip(state, states, strict=True):
        for part, s in zip(layer, found.values(), strict=True):
            torch.testing.assert_close(part[:, : s.shape[1]], s, rtol=0, atol=bounds[1])
    for step in steps:
        gates = [g for name, g in step.gates.items() if name != "candidate"]
        assert len(gates) == {"lstm": 3, "gru": 2, "rnn": 0}[cell]
        assert all(((g > 0) & (g < 1)).all() for g in gates)
