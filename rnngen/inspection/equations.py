"""The recurrences written out in torch, one step at a time, with every intermediate value accessible.

The kernels of ``model/cells.py`` hide everything between input and output. Here each gate and each state is a tensor
of its own, whose values can be read and with respect to which gradients can be taken. Dimensions: see ``rnngen/model``.
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


DIRECT = {"lstm": ("c", "forget", "f"), "gru": ("h", "update", "z")}
"""Cell → the state with a direct path from step to step, the gate that multiplies it there, and the gate's letter."""


@dataclass(frozen=True)
class LayerStep:
    """One layer at one step of time.

    Attributes:
        states: h, and c in an LSTM: name → (B, H).
        gates: gates and candidate: name → (B, H); none in an RNN.
    """

    states: dict[str, Tensor]
    gates: dict[str, Tensor]


def step_layer(config: ModelConfig, layer: Cell, x: Tensor, states: dict[str, Tensor]) -> LayerStep:
    """Compute one step of one layer by the formulas at the top of ``model/cells.py``.

    Args:
        config: names the recurrence.
        layer: holds the weights.
        x: the input, (B, E).
        states: the states after the step before, name → (B, H).
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
    """The states before any token: for each layer, name → (B, H)."""
    start = model.start_state(batch_size)  # (L, S, B, H)
    return [
        {name: part[..., : layer.hidden_size].clone() for name, part in zip("hc", parts, strict=False)}
        for layer, parts in zip(model.cells, start, strict=True)
    ]


def step_model(
    model: RecurrentLM, tokens: Tensor, states: list[dict[str, Tensor]], earlier: Tensor | None = None
) -> tuple[Tensor, list[LayerStep]]:
    """Read one token per stream.

    Args:
        model: the network.
        tokens: token ids, (B,).
        states: the states of every layer after the step before.
        earlier: ids of tokens before these, the last ones last, (N, B), of which the network's history is read; by
            default there are none.

    Returns:
        Logits of the next tokens, (B, V), and the step of each layer.
    """
    x = model.embed(tokens[None], history_before(model, tokens, earlier))[0][0]
    ended = None if model.boundary is None else (tokens == model.boundary)[:, None]
    start = start_states(model, len(tokens))
    steps = []
    for layer, before, begun in zip(model.cells, states, start, strict=True):
        step = step_layer(model.config, layer, x, before)
        if ended is not None and ended.any():
            step = _begin_anew(step, begun, ended)
        steps.append(step)
        x = step.states["h"]
    return model.output(x), steps


def history_before(model: RecurrentLM, tokens: Tensor, earlier: Tensor | None) -> Tensor:
    """Ids plus one of as many tokens before these (B,) as the network's input depends on, (history, B); 0: none."""
    history = tokens.new_zeros(model.config.history, len(tokens))
    known = 0 if earlier is None else min(len(earlier), len(history))
    if earlier is not None and known:
        history[-known:] = earlier[-known:] + 1
    return history


def _begin_anew(step: LayerStep, start: dict[str, Tensor], ended: Tensor) -> LayerStep:
    """The same step, where documents have ended, (B, 1), with the start state and all gates shut."""
    states = {name: torch.where(ended, start[name], state) for name, state in step.states.items()}
    if "c" in states:  # h is made from this very c: a gradient with respect to c includes the path through h
        h = step.gates["output"] * states["c"].tanh()
        states["h"] = torch.where(ended, start["h"], h)
    return LayerStep(states, {name: gate.masked_fill(ended, 0) for name, gate in step.gates.items()})


def layer_name(direction: str, layer: int) -> str:
    """A layer, counted from 1, in words, with the direction of reading unless that is empty."""
    return f"{direction}, layer {layer}".removeprefix(", ")
