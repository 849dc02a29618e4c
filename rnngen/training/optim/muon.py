"""Muon for the matrices of the recurrent layers, RMSprop for a table of n-grams, AdamW for everything else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from rnngen.model.language_model import Network, RecurrentLM
from rnngen.options.training import OptimizerConfig
from rnngen.training.optim.average import WeightAverage
from rnngen.training.optim.optimizer import AdamW, Optimizer
from rnngen.training.optim.orthogonal import halley, newton_schulz
from rnngen.training.optim.recipe import Recipe
from rnngen.training.optim.rows import RowRMSprop


class Muon(Optimizer):
    """Orthogonalised momentum (Jordan et al. 2024), for each gate's block of a recurrent layer separately.

    A recurrent layer stacks its G gates in one matrix (G·H, n). They do different things on different scales, so the
    momentum is orthogonalised in G blocks (H, n): every direction of every gate moves equally far. With G = 1 this
    is ``torch.optim.Muon``.

    Args:
        params: groups with ``params``, matrices (G·H, n), and ``blocks``, G.
        lr: the spectral norm of a step.
        weight_decay: fraction of a weight that a step of length 1 subtracts, as in AdamW.
        momentum: fraction of the old momentum that is kept; the step looks ahead, as in Nesterov's method.
        steps: Newton–Schulz iterations.
        dtype: that they are computed in.
        rational: whether one rational step takes their place on a processor, in float32.
    """

    def __init__(
        self,
        params: Iterable[Mapping[str, Any]],
        lr: float,
        weight_decay: float = 0.0,
        momentum: float = 0.95,
        steps: int = 3,
        dtype: torch.dtype = torch.float32,
        *,
        rational: bool = False,
    ) -> None:
        super().__init__(params, lr, weight_decay=weight_decay, momentum=momentum, blocks=1)
        self.newton_schulz_steps, self.dtype, self.rational = steps, dtype, rational

    def move(self, group: Mapping[str, Any], parameters: list[Tensor], states: list[dict[str, Tensor]]) -> None:
        """Move these matrices of a group."""
        for parameter, state in zip(parameters, states, strict=True):
            gradient = parameter.grad
            assert gradient is not None
            if not state:
                state["momentum"] = torch.zeros_like(gradient)
            state["momentum"].lerp_(gradient, 1 - group["momentum"])
            ahead = gradient.lerp(state["momentum"], group["momentum"])
            blocks = ahead.reshape(group["blocks"], -1, ahead.shape[1])  # (G, H, n)
            parameter.mul_(1 - group["lr"] * group["weight_decay"])
            parameter.add_(self.level(blocks).reshape(parameter.shape), alpha=-group["lr"])

    def level(self, matrices: Tensor) -> Tensor:
        """The directions of a step, (G, H, n), from the momentum."""
        if self.rational and self.dtype == torch.float32 and matrices.device.type == "cpu":
            return halley(matrices)
        return newton_schulz(matrices, self.newton_schulz_steps, self.dtype)


class MuonAndAdamW(Recipe):
    """Muon for the recurrent layers' matrices, AdamW (Loshchilov & Hutter 2019) for the rest; an exponential average.

    Matrices that are multiplied decay; embeddings of tokens and biases do not; those of n-grams have a decay of their
    own, and an optimizer that moves only those that were read.
    """

    learning_rates = ("learning_rate", "muon_learning_rate")
    planned_rates = learning_rates
    plans_weight_decay = True
    learns_ngrams = True
    validates_every_epoch = False
    moments = (("momentum",), ("step", "exp_avg", "exp_avg_sq"), ("mean_square",))

    @staticmethod
    def make_optimizers(model: Network, config: OptimizerConfig) -> list[Optimizer]:
        """Muon, then AdamW, then that of n-grams, if there are any."""
        recurrent: list[Tensor] = []
        decaying: list[Tensor] = []
        ngrams: list[Tensor] = []
        others: list[Tensor] = []
        for name, parameter in model.named_parameters():
            if name.endswith(("weight_ih_l0", "weight_hh_l0")):
                recurrent.append(parameter)
            elif name.endswith(("output.weight", *(("embedding.weight",) if model.config.tied else ()))):
                decaying.append(parameter)
            elif name.endswith("history.weight"):
                ngrams.append(parameter)
            else:
                others.append(parameter)
        muon = Muon(
            [{"params": recurrent, "blocks": model.config.gates}],
            lr=config.muon_learning_rate,
            weight_decay=config.weight_decay,
            rational=True,
        )
        adamw = AdamW(
            [{"params": decaying, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}],
            lr=config.learning_rate,
            betas=(0.9, 0.99),
        )
        if not ngrams:
            return [muon, adamw]
        for module in model.modules():
            if isinstance(module, RecurrentLM):
                module.history.sparse = True  # its gradient holds the rows that were read
        rows = RowRMSprop([{"params": ngrams}], lr=config.learning_rate, weight_decay=config.history_decay)
        return [muon, adamw, rows]

    @staticmethod
    def make_average(model: Network, averaged: Network, config: OptimizerConfig) -> WeightAverage:
        """An exponential average from the first step on."""
        return WeightAverage(model, averaged, config.ema)

    def use_precision(self, precision: str) -> None:
        """Orthogonalise in this precision."""
        muon = self.optimizers[0]
        assert isinstance(muon, Muon)
        muon.dtype = torch.bfloat16 if precision == "bf16" else torch.float32


RECIPE = MuonAndAdamW
