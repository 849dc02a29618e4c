"""How a gradient becomes a step: parameter groups, Muon, clipping, weight averaging.

The matrices of the recurrent layers are learned by Muon, everything else (embedding, softmax, biases) by AdamW; or
all of it by plain gradient descent (see ``asgd.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from rnngen.model.network import Network
from rnngen.options.training import OptimizerConfig

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients of the quintic that drives all singular values towards 1 (Jordan et al. 2024)."""


def orthogonalise(matrices: Tensor, steps: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Each matrix (…, m, n) with its singular values driven towards 1, by ``steps`` of Newton–Schulz iteration.

    What comes out is near U V^T of the singular value decomposition U S V^T, up to a rough factor of 0.7 to 1.2.
    """
    a, b, c = NEWTON_SCHULZ
    wide = matrices.shape[-2] <= matrices.shape[-1]
    x = (matrices if wide else matrices.mT).to(dtype)
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x if wide else x.mT).to(matrices.dtype)


class Muon(torch.optim.Optimizer):
    """Orthogonalised momentum (Jordan et al. 2024), for each gate's block of a recurrent layer by itself.

    A recurrent layer stacks its G gates in one matrix (G·H, n). They do different things on different scales, so the
    momentum is orthogonalised in G blocks (H, n): every direction of every gate moves equally far. With G = 1 this
    is ``torch.optim.Muon``.

    Args:
        params: groups with ``params``, matrices (G·H, n), and ``blocks``, G.
        lr: the spectral norm of a step.
        weight_decay: share of a weight that a step of length 1 takes off, as in AdamW.
        momentum: share of the old momentum kept; the step looks ahead as Nesterov's does.
        steps: Newton–Schulz iterations.
        dtype: in which they are computed.
    """

    def __init__(
        self,
        params: Iterable[dict[str, Any]],
        lr: float,
        weight_decay: float = 0.0,
        momentum: float = 0.95,
        steps: int = 3,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum, "blocks": 1})
        self.newton_schulz_steps, self.dtype = steps, dtype

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Move every matrix that has a gradient."""
        assert closure is None
        for group in self.param_groups:
            for parameter in group["params"]:
                gradient, state = parameter.grad, self.state[parameter]
                if gradient is None:
                    continue
                if not state:
                    state["momentum"] = torch.zeros_like(gradient)
                state["momentum"].lerp_(gradient, 1 - group["momentum"])
                ahead = gradient.lerp(state["momentum"], group["momentum"])
                blocks = ahead.reshape(group["blocks"], -1, ahead.shape[1])  # (G, H, n)
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                direction = orthogonalise(blocks, self.newton_schulz_steps, self.dtype)
                parameter.add_(direction.reshape(parameter.shape), alpha=-group["lr"])


def make_optimizers(model: Network, config: OptimizerConfig) -> list[torch.optim.Optimizer]:
    """Muon for the recurrent layers' matrices; AdamW (Loshchilov & Hutter 2019) for the rest.

    Matrices that are multiplied decay, embeddings and biases do not. With ``asgd`` instead: gradient descent for all,
    whose gradient has ``weight_decay`` times the weight added after clipping, as in Merity et al. (2018).
    """
    if config.optimizer == "asgd":
        return [torch.optim.SGD(model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)]
    recurrent: list[Tensor] = []
    decaying: list[Tensor] = []
    others: list[Tensor] = []
    for name, parameter in model.named_parameters():
        if name.endswith(("weight_ih_l0", "weight_hh_l0")):
            recurrent.append(parameter)
        elif name.endswith(("output.weight", *(("embedding.weight",) if model.config.tied else ()))):
            decaying.append(parameter)
        else:
            others.append(parameter)
    adamw = torch.optim.AdamW(
        [{"params": decaying, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}],
        lr=config.learning_rate,
        betas=(0.9, 0.99),
        fused=True,
    )
    blocks = model.config.gates
    muon = Muon(
        [{"params": recurrent, "blocks": blocks}], lr=config.muon_learning_rate, weight_decay=config.weight_decay
    )
    return [muon, adamw]


def clip_gradients(parameters: Iterable[Tensor], threshold: float) -> Tensor:
    """Scale all gradients by threshold/‖∇θ‖ if their global norm is above the threshold (Pascanu et al. 2013).

    Returns:
        ‖∇θ‖ before clipping, a scalar on the gradients' device (nothing waits for it there). If it is not finite the
        gradients are left as they are.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = torch.nn.utils.get_total_norm(gradients)
    factor = torch.where(norm.isfinite(), threshold / norm, 1.0).clamp(max=1.0)
    if norm.device.type != "cpu" or factor < 1:
        torch._foreach_mul_(gradients, factor)
    return norm


class WeightAverage:
    """An exponential moving average of a model's weights (Polyak & Juditsky 1992), for validation and for use.

    Args:
        model: whose weights are averaged.
        averaged: a second model that holds the average.
        decay: share of the old average kept at each step; less during the first steps. 0 keeps no average.
    """

    def __init__(self, model: Network, averaged: Network, decay: float) -> None:
        self.model = averaged
        self._from: list[Tensor] = list(model.parameters())
        self._to: list[Tensor] = list(averaged.parameters())
        self._decay = decay

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after ``step`` (counted from 0)."""
        decay = min(self._decay, (1 + step) / (10 + step)) if self._decay else 0.0
        torch._foreach_lerp_(self._to, self._from, 1 - decay)

    def validated(self, nll: float) -> None:
        """Hear of a validation loss; here it changes nothing."""

    def values(self) -> dict[str, Tensor]:
        """What training changes beside the averaged weights, for a saved state; here nothing."""
        return {}

    def restore(self, values: Mapping[str, Tensor]) -> None:
        """Put back what ``values`` gave."""
