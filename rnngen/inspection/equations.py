"""The recurrences written out in torch, a step at a time, with every intermediate value in the open.

The kernels of ``model/cells.py`` hide what is between input and output; here each gate and each state is a tensor of
its own, that can be looked at, and that a gradient can be taken with respect to. Letters as in ``rnngen/model``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from rnngen.model.cells import Cell
from rnngen.model.language_model import RecurrentLM
from rnngen.options.network import ModelConfig

NONLINEARITIES: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "identity": lambda a: a,
}


@dataclass(frozen=True)
class LayerStep:
    """One layer at one step of time.

    Attributes:
        states: h, and c in an LSTM: name → (B, H).
        gates: what was multiplied with: name → (B, H); none in an RNN.
    """

    states: dict[str, Tensor]
    gates: dict[str, Tensor]


def step_layer(config: ModelConfig, layer: Cell, x: Tensor, states: dict[str, Tensor]) -> LayerStep:
    """One step of one layer, by the formulas at the top of ``model/cells.py``.

    Args:
        config: says which recurrence.
        layer: its weights.
        x: the input, (B, E).
        states: of the step before, name → (B, H).
    """
    h = states["h"]
    from_input = x @ layer.weight_ih_l0.T + layer.bias_ih_l0
    from_state = h @ layer.weight_hh_l0.T + layer.bias_hh_l0
    if config.cell == "lstm":
        a_i, a_f, a_c, a_o = (from_input + from_state).chunk(4, dim=1)
        i, f, o, candidate = a_i.sigmoid(), a_f.sigmoid(), a_o.sigmoid(), a_c.tanh()
        c = f * states["c"] + i * candidate
        return LayerStep({"h": o * c.tanh(), "c": c}, {"input": i, "forget": f, "output": o, "candidate": candidate})
    if config.cell == "gru":
        (x_r, x_z, x_n), (h_r, h_z, h_n) = from_input.chunk(3, dim=1), from_state.chunk(3, dim=1)
        r, z = (x_r + h_r).sigmoid(), (x_z + h_z).sigmoid()
        n = (x_n + r * h_n).tanh()
        return LayerStep({"h": (1 - z) * n + z * h}, {"reset": r, "update": z, "candidate": n})
    return LayerStep({"h": NONLINEARITIES[config.nonlinearity](from_input + from_state)}, {})


def start_states(model: RecurrentLM, batch_size: int) -> list[dict[str, Tensor]]:
    """The states before any token, all zero: a layer each, name → (B, H)."""
    names = ("h", "c") if model.config.cell == "lstm" else ("h",)
    zero = model.output.bias
    return [{name: zero.new_zeros(batch_size, layer.hidden_size) for name in names} for layer in model.cells]


def step_model(model: RecurrentLM, tokens: Tensor, states: list[dict[str, Tensor]]) -> tuple[Tensor, list[LayerStep]]:
    """Read one token a stream.

    Args:
        model: the network.
        tokens: ids, (B,).
        states: of every layer, from the step before.

    Returns:
        Logits of the tokens after these, (B, V), and what happened in each layer.
    """
    x = model.embedding(tokens)
    steps = []
    for layer, before in zip(model.cells, states, strict=True):
        steps.append(step_layer(model.config, layer, x, before))
        x = steps[-1].states["h"]
    return model.output(x), steps
