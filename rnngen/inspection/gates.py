"""What the gates of a network do while it reads a text, and which of its cells keep count of something that we know.

After Karpathy, Johnson & Fei-Fei, "Visualizing and Understanding Recurrent Networks" (2015): a gate is left-saturated
below 0.1 (it erases, or lets nothing through) and right-saturated above 0.9 (it keeps, or lets everything through);
some cells count characters since the line began, or remember that a quotation is open.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rnngen.engine.probabilities import not_finite
from rnngen.errors import CorpusError
from rnngen.inspection.equations import start_states, step_model
from rnngen.model.cloze import ClozeLM, readers_by_name
from rnngen.model.network import Network

Values = NDArray[np.float32]

LEFT, RIGHT = 0.1, 0.9
QUOTES = {'"': '"', "“": "”", "«": "»", "„": "“"}
BRACKETS = {"(": ")", "[": "]", "{": "}"}
LONGEST = 300  # characters after which an open quotation or bracket is taken for a mistake
LEAST_TOKENS = 20
ENOUGH = 500  # tokens in which units that go with something are looked for


@dataclass(frozen=True)
class LayerTrace:
    """One layer while it reads T tokens.

    Attributes:
        direction: of a bidirectional network, else empty.
        layer: counted from 1.
        gates: name → values after each token was read, (T, H); none in an RNN.
        states: h, and c in an LSTM, (T, H).
    """

    direction: str
    layer: int
    gates: dict[str, Values]
    states: dict[str, Values]

    @property
    def name(self) -> str:
        """Direction and layer, in words."""
        return f"{self.direction}, layer {self.layer}".removeprefix(", ")

    @property
    def memory(self) -> tuple[str, Values]:
        """What carries over: the cell of an LSTM, the state of the others."""
        name = "c" if "c" in self.states else "h"
        return name, self.states[name]

    def saturation(self) -> dict[str, tuple[float, float]]:
        """Gate → shares of its values that are left- and right-saturated."""
        return {
            name: (float((values < LEFT).mean()), float((values > RIGHT).mean()))
            for name, values in self.gates.items()
            if name != "candidate"  # no gate, but what is written
        }


@torch.no_grad()
def trace_gates(model: Network, tokens: NDArray[np.integer[Any]]) -> list[LayerTrace]:
    """Every gate and state at every token of a text, from the start state.

    A right-to-left direction begins at the text's end; its values at t are those after token t was read.

    Args:
        model: the network, on the CPU.
        tokens: ids, (T,).

    Raises:
        CorpusError: the text is too short to say anything.
        RnngenError: a state is not finite.
    """
    if len(tokens) < LEAST_TOKENS:
        raise CorpusError(
            "the text is too short",
            expected=f"{LEAST_TOKENS} tokens or more",
            found=len(tokens),
            hint="Read a longer text with `text`.",
        )
    traces = []
    for direction, one in readers_by_name(model).items():
        backwards = isinstance(model, ClozeLM) and one is model.right_to_left
        ids = torch.from_numpy(tokens[:: -1 if backwards else 1].astype(np.int64))
        states, steps = start_states(one, 1), []
        for token in ids:
            _, step = step_model(one, token[None], states)
            states = [layer.states for layer in step]
            steps.append(step)

        def over_time(rows: list[torch.Tensor], backwards: bool = backwards) -> Values:
            values: Values = torch.cat(rows).numpy()
            return values[::-1] if backwards else values

        for layer in range(len(one.cells)):
            at = [step[layer] for step in steps]
            gates = {name: over_time([s.gates[name] for s in at]) for name in at[0].gates}
            kept = {name: over_time([s.states[name] for s in at]) for name in at[0].states}
            if not all(np.isfinite(values).all() for values in kept.values()):
                raise not_finite()
            traces.append(LayerTrace(direction, layer + 1, gates, kept))
    return traces


def text_features(pieces: list[str]) -> dict[str, Values]:
    """What we know of a text after each of its tokens, by name, (T,).

    Args:
        pieces: the text of each token.
    """
    names = ("since newline", "inside quotes", "inside brackets", "length of the word", "share of the line")
    columns: dict[str, list[float]] = {name: [] for name in names}
    since = word = 0
    quote, depth, opened, at = "", 0, 0, 0
    stack: list[str] = []
    text = "".join(pieces)
    lengths = [len(line) + 1 for line in text.split("\n")]
    line = 0
    for piece in pieces:
        for c in piece:
            at += 1
            since, line = (0, line + 1) if c == "\n" else (since + 1, line)
            word = word + 1 if c.isalpha() else 0
            if quote and (c == quote or at - opened > LONGEST):
                quote = ""
            elif not quote and c in QUOTES:
                quote, opened = QUOTES[c], at
            if c in BRACKETS:
                stack.append(BRACKETS[c])
                depth = at
            elif stack and (c == stack[-1] or at - depth > LONGEST):
                stack.pop()
        values = (since, bool(quote), bool(stack), word, since / lengths[min(line, len(lengths) - 1)])
        for name, value in zip(names, values, strict=True):
            columns[name].append(float(value))
    return {name: np.array(column, np.float32) for name, column in columns.items()}


@dataclass(frozen=True)
class Detector:
    """A unit whose memory goes with something that we know of the text.

    Attributes:
        feature: see ``text_features``.
        trace: the layer.
        unit: counted from 0.
        correlation: Pearson's r, from -1 to 1.
    """

    feature: str
    trace: LayerTrace
    unit: int
    correlation: float


def find_detectors(traces: list[LayerTrace], features: dict[str, Values]) -> list[Detector]:
    """For each feature that the text has, the unit that goes with it best, the clearest first; none below ``ENOUGH``.

    Of hundreds of units one goes with anything in a few tokens, by chance.
    """
    found = []
    if any(len(feature) < ENOUGH for feature in features.values()):
        return []
    for name, feature in features.items():
        if feature.std() == 0:
            continue
        best: Detector | None = None
        for trace in traces:
            correlations = correlate(trace.memory[1], feature)
            unit = int(np.abs(correlations).argmax())
            if best is None or abs(correlations[unit]) > abs(best.correlation):
                best = Detector(name, trace, unit, float(correlations[unit]))
        if best is not None:
            found.append(best)
    return sorted(found, key=lambda d: -abs(d.correlation))


def correlate(values: Values, feature: Values) -> NDArray[np.float64]:
    """Pearson's r of each column of (T, H) with a feature (T,), 0 for a column that does not change: (H,)."""
    x = values.astype(np.float64) - values.mean(axis=0, dtype=np.float64)
    y = feature.astype(np.float64) - feature.mean(dtype=np.float64)
    scale = np.sqrt((x**2).sum(axis=0) * (y**2).sum())
    r: NDArray[np.float64] = np.divide(x.T @ y, scale, out=np.zeros(x.shape[1]), where=scale > 1e-12)
    return r
