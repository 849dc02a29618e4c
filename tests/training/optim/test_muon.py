from __future__ import annotations

from typing import Literal

import pytest
import torch

from rnngen.model.cloze import ClozeLM
from rnngen.model.language_model import RecurrentLM
from rnngen.options.network import ModelConfig
from rnngen.options.training import OptimizerConfig
from rnngen.training.optim.muon import Muon, MuonAndAdamW
from tests.rounding import gamma


def model(seed: int = 0) -> RecurrentLM:
    return RecurrentLM(ModelConfig(hidden_size=8, embedding_size=4), 5, torch.Generator().manual_seed(seed))


def with_gradients(scale: float) -> RecurrentLM:
    m = model()
    for i, p in enumerate(m.parameters()):
        p.grad = scale * torch.randn(p.shape, generator=torch.Generator().manual_seed(i))
    return m


def test_matrices_decay_and_embeddings_and_biases_do_not() -> None:
    m = model()
    optimizers = MuonAndAdamW.make_optimizers(m, OptimizerConfig(weight_decay=0.3))
    decay = {id(p): g["weight_decay"] for o in optimizers for g in o.param_groups for p in g["params"]}
    decaying = {name for name, p in m.named_parameters() if decay[id(p)] == 0.3}
    assert decaying == {"layers.0.weight_ih_l0", "layers.0.weight_hh_l0", "output.weight"}
    assert len(decay) == len(list(m.parameters()))


def test_both_directions_decay_alike() -> None:
    m = ClozeLM(ModelConfig(hidden_size=8, embedding_size=8, bidirectional=True), 5)
    optimizers = MuonAndAdamW.make_optimizers(m, OptimizerConfig(weight_decay=0.3))
    decay = {id(p): g["weight_decay"] for o in optimizers for g in o.param_groups for p in g["params"]}
    decaying = {name for name, p in m.named_parameters() if decay[id(p)] == 0.3}
    each = ("layers.0.weight_ih_l0", "layers.0.weight_hh_l0", "output.weight")
    assert decaying == {f"{direction}.{name}" for direction in ("left_to_right", "right_to_left") for name in each}


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("tied", [False, True])
def test_every_parameter_is_learned_by_one_optimizer(cell: Literal["lstm", "gru", "rnn"], tied: bool) -> None:
    m = RecurrentLM(ModelConfig(cell=cell, hidden_size=8, embedding_size=8, tied=tied, num_layers=2), 5)
    optimizers = MuonAndAdamW.make_optimizers(m, OptimizerConfig())
    learned = [id(p) for o in optimizers for g in o.param_groups for p in g["params"]]
    assert sorted(learned) == sorted(id(p) for p in m.parameters())


def test_adamw_takes_the_step_of_its_paper() -> None:
    m = with_gradients(0.1)
    config = OptimizerConfig(learning_rate=0.01, weight_decay=0.1)
    optimizer = MuonAndAdamW.make_optimizers(m, config)[1]
    w, g = m.output.weight.detach().clone(), m.output.weight.grad
    optimizer.step()
    b1, b2 = optimizer.param_groups[0]["betas"]
    m_hat, v_hat = (1 - b1) * g / (1 - b1), (1 - b2) * g**2 / (1 - b2)
    expected = w - 0.01 * 0.1 * w - 0.01 * m_hat / (v_hat.sqrt() + 1e-8)
    rounding = gamma(20)  # of some twenty operations on numbers below 1
    torch.testing.assert_close(m.output.weight, expected, rtol=rounding, atol=rounding)


def test_muon_is_that_of_torch_where_there_is_one_block() -> None:
    ours, theirs = (torch.nn.Linear(6, 4, bias=False) for _ in range(2))
    theirs.load_state_dict(ours.state_dict())
    muon = Muon([{"params": [ours.weight]}], lr=0.1, weight_decay=0.2, momentum=0.9, steps=5, dtype=torch.bfloat16)
    reference = torch.optim.Muon(theirs.parameters(), lr=0.1, weight_decay=0.2, momentum=0.9, nesterov=True, ns_steps=5)
    for seed in range(4):
        gradient = torch.randn(4, 6, generator=torch.Generator().manual_seed(seed))
        ours.weight.grad, theirs.weight.grad = gradient.clone(), gradient.clone()
        muon.step()
        reference.step()
        torch.testing.assert_close(ours.weight, theirs.weight, rtol=0, atol=4e-3)  # bf16: 0.1 · 2^-8 a step and entry


def test_muon_moves_each_gate_as_if_it_were_alone() -> None:
    whole = torch.nn.Parameter(torch.zeros(12, 5))
    whole.grad = (
        torch.randn(12, 5, generator=torch.Generator().manual_seed(0))
        * torch.tensor([1e-3, 1, 50]).repeat_interleave(4)[:, None]
    )
    gates = [torch.nn.Parameter(torch.zeros(4, 5)) for _ in range(3)]
    for gate, gradient in zip(gates, whole.grad.split(4), strict=True):
        gate.grad = gradient
    Muon([{"params": [whole], "blocks": 3}], lr=0.1).step()
    Muon([{"params": gates}], lr=0.1).step()
    # products of 5 terms and of 4, batched or not
    torch.testing.assert_close(whole, torch.cat(list(gates)), rtol=0, atol=0.1 * 3.4445**3 * gamma(5 * 5))
