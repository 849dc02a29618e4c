"""What the gates of a network do while it reads a text.

After Karpathy, Johnson & Fei-Fei, "Visualizing and Understanding Recurrent Networks" (2015): a gate is left-saturated
below 0.1 (it erases, or lets nothing through) and right-saturated above 0.9 (it keeps, or lets everything through).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rnngen.engine.probabilities import not_finite
from rnngen.errors import CorpusError, UsageError
from rnngen.inspection.equations import LayerStep, layer_name, start_states, step_model
from rnngen.model.language_model import Direction, Network

Values = NDArray[np.float32]

LEFT, RIGHT = 0.1, 0.9
MIN_TOKENS = 20


@dataclass(frozen=True)
class LayerTrace:
    """The gates and states of one layer while it reads T tokens.

    Attributes:
        direction: the direction of reading; empty if the network has only one.
        layer: counted from 1.
        gates: name → values after each token, (T, H); none in an RNN.
        states: h, and c in an LSTM, after each token, (T, H).
    """

    direction: str
    layer: int
    gates: dict[str, Values]
    states: dict[str, Values]

    @property
    def name(self) -> str:
        """Direction and layer, in words."""
        return layer_name(self.direction, self.layer)

    @property
    def units(self) -> int:
        """H."""
        return int(self.memory[1].shape[1])

    @property
    def memory(self) -> tuple[str, Values]:
        """The state that carries information on, by name: the cell of an LSTM, the hidden state of the others."""
        name = "c" if "c" in self.states else "h"
        return name, self.states[name]

    def saturation(self) -> dict[str, tuple[float, float]]:
        """Gate → fractions of its values that are left- and right-saturated."""
        return {
            name: (float((values < LEFT).mean()), float((values > RIGHT).mean()))
            for name, values in self.gates.items()
            if name != "candidate"  # the value to be written, not a gate
        }


@torch.no_grad()
def trace_gates(model: Network, tokens: NDArray[np.integer[Any]]) -> list[LayerTrace]:
    """Every gate and state at every token of a text, read from the start state.

    A right-to-left reader starts at the end of the text; its values at t are those after it has read token t.

    Args:
        model: the network, on the CPU.
        tokens: token ids, (T,).

    Raises:
        CorpusError: the text is too short.
        RnngenError: a state is not finite.
    """
    if len(tokens) < MIN_TOKENS:
        raise CorpusError(
            "the text is too short",
            expected=f"{MIN_TOKENS} tokens or more",
            found=len(tokens),
            hint="Read a longer text with `text`.",
        )
    return [trace for direction in model.directions for trace in _trace_direction(direction, tokens)]


def _trace_direction(direction: Direction, tokens: NDArray[np.integer[Any]]) -> list[LayerTrace]:
    ids = torch.from_numpy(direction.in_reading_order(tokens).astype(np.int64))
    states = start_states(direction.reader, 1)
    steps: list[list[LayerStep]] = []
    for t, token in enumerate(ids):
        steps.append(step_model(direction.reader, token[None], states, ids[:t, None])[1])
        states = [layer.states for layer in steps[-1]]

    def over_time(rows: list[torch.Tensor]) -> Values:
        values: Values = direction.in_reading_order(torch.cat(rows).numpy())
        return values

    traces = []
    for layer, each in enumerate(zip(*steps, strict=True), start=1):
        gates = {name: over_time([step.gates[name] for step in each]) for name in each[0].gates}
        kept = {name: over_time([step.states[name] for step in each]) for name in each[0].states}
        if not all(np.isfinite(values).all() for values in kept.values()):
            raise not_finite()
        traces.append(LayerTrace(direction.name, layer, gates, kept))
    return traces


def layers_with_unit(traces: list[LayerTrace], layer: int, unit: int) -> list[LayerTrace]:
    """The traces of a layer, counted from 1, in every direction, provided that it has this unit.

    Raises:
        UsageError: there is no such unit.
    """
    found = [trace for trace in traces if trace.layer == layer and unit < trace.units]
    if not found:
        units = ", ".join(f"{trace.name}: 0 to {trace.units - 1}" for trace in traces)
        raise UsageError("there is no such unit", expected=units, found=f"{layer}:{unit}")
    return found
