"""The optimizers against torch's, and what their base class promises."""

from __future__ import annotations

import pytest
import torch

from rnngen.training.optim.asgd import GradientDescent
from rnngen.training.optim.optimizer import AdamW, Optimizer


def learners(seed: int) -> list[torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.nn.Parameter(torch.randn(size, generator=generator)) for size in ((7, 5), (3,), (4, 4))]


def pair(name: str) -> tuple[Optimizer, torch.optim.Optimizer, list[torch.nn.Parameter], list[torch.nn.Parameter]]:
    """An optimizer, torch's of that name, and what each learns."""
    ours, theirs = learners(0), learners(0)
    if name == "adamw":
        decays = [{"weight_decay": 0.2}, {"weight_decay": 0.0}]
        groups = [[{"params": p[:2], **decays[0]}, {"params": p[2:], **decays[1]}] for p in (ours, theirs)]
        reference = torch.optim.AdamW(groups[1], lr=0.03, betas=(0.9, 0.99), fused=True)
        return AdamW(groups[0], 0.03, (0.9, 0.99)), reference, ours, theirs
    reference = torch.optim.SGD(theirs, lr=0.03, weight_decay=0.2)
    return GradientDescent([{"params": ours}], 0.03, weight_decay=0.2), reference, ours, theirs


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_its_steps_are_those_of_torch_bit_for_bit(name: str) -> None:
    optimizer, reference, ours, theirs = pair(name)
    for step in range(6):
        factor = 1 / (step + 1)
        gradients = learners(step + 1)
        for i, (a, b, gradient) in enumerate(zip(ours, theirs, gradients, strict=True)):
            skipped = step == 2 and i == 1  # a parameter without a gradient stays as it is
            a.grad, b.grad = (None, None) if skipped else (gradient.data.clone(), gradient.data.clone())
        optimizer.step(factor)
        for group in reference.param_groups:
            group["lr"] = 0.03 * factor
        reference.step()
        assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_what_is_restored_is_a_copy() -> None:
    """So that a state which is kept, to return to it, is not changed by the steps after the return."""
    optimizer, _, ours, _ = pair("adamw")
    for p in ours:
        p.grad = torch.ones_like(p)
    optimizer.step()
    kept = {name: tensor.clone() for name, tensor in optimizer.tensors().items()}
    optimizer.restore(kept)
    before = {name: tensor.clone() for name, tensor in kept.items()}
    optimizer.step()
    assert all(torch.equal(kept[name], tensor) for name, tensor in before.items())
    assert not torch.equal(optimizer.tensors()["0/step"], kept["0/step"])
