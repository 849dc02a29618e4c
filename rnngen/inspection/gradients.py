"""How far gradients reach back: ‖∂J^i/∂h^j‖ by the lag i - j, on real text.

J^i is the loss at token i and h^j a layer's state at token j: ∂J^i/∂h^j = ∂J^i/∂h^i · Π ∂h^t/∂h^{t-1}. Where the
product shrinks with the lag, a network cannot learn from what lies further back (Bengio, Simard & Frasconi 1994); where
it grows, training is unstable (Pascanu, Mikolov & Bengio 2013). For an LSTM the same is measured for c, the path that
was designed to carry gradients (Hochreiter & Schmidhuber 1997).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnngen.errors import CorpusError
from rnngen.inspection.equations import layer_name, start_states, step_layer, step_model
from rnngen.model.cells import Cell
from rnngen.model.language_model import Direction, Network, RecurrentLM

Curve = NDArray[np.float64]

BURN_IN = 64  # tokens read beforehand, so that the states are those of running text
STREAMS = 8  # passages of the text
ENDS = 16  # losses per passage
JACOBIANS = 24  # steps whose Jacobians are computed
EVEN = 0.01  # a relative change per step below this counts as none
CARRIED = 0.1  # fraction of the norm at lag 1 that is left at the last lag if the gradient is carried


@dataclass(frozen=True)
class Verdict:
    """Whether a gradient vanishes, explodes or is carried, judged by the slope of its curve.

    Attributes:
        kind: ``vanishes``, ``explodes`` or ``carries``.
        factor: mean factor by which the norm changes per step.
        words: the same as a sentence.
    """

    kind: Literal["vanishes", "explodes", "carries"]
    factor: float
    words: str


@dataclass(frozen=True)
class Flow:
    """The norm of ∂J^i/∂s^j by lag, for a state s of a layer.

    Attributes:
        layer: counted from 1.
        state: ``h`` or ``c``.
        mean, low, high: mean, 10th and 90th percentile over many i, by the lag from 0, (lags + 1,).
        bound: product of the largest singular values of the Jacobians of the layer's whole state, by lag, (lags + 1,):
            the norm at lag 0 can have grown by this factor at most.
        verdict: what the curve shows.
        direction: the direction of reading; empty if the network has only one.
    """

    layer: int
    state: str
    mean: Curve
    low: Curve
    high: Curve
    bound: Curve
    verdict: Verdict
    direction: str = ""

    @property
    def name(self) -> str:
        """Direction, layer and state, in words."""
        return f"{self.layer_name}, {self.state}"

    @property
    def layer_name(self) -> str:
        """Direction and layer, in words."""
        return layer_name(self.direction, self.layer)


def gradient_flow(model: Network, tokens: NDArray[np.integer[Any]], lags: int = 100) -> list[Flow]:
    """Measure how far the gradient of the loss reaches back, for every layer and state.

    "Back" means against the direction of reading; a bidirectional network is measured in each direction.

    Args:
        model: the network, on the CPU.
        tokens: a text as ids, (N,), of which evenly spaced passages are read.
        lags: number of tokens to go back.

    Raises:
        CorpusError: the text is too short.
    """
    model.eval().requires_grad_(False)
    return [flow for direction in model.directions for flow in _flows(direction, tokens, lags)]


def _flows(direction: Direction, text: NDArray[np.integer[Any]], lags: int) -> list[Flow]:
    """The flow through one direction. A second reader reads the same text from its other end, and adds its logits."""
    model, other, tokens = direction.reader, direction.other, direction.in_reading_order(text)
    T = lags + ENDS
    needed = BURN_IN + T + 1 + (0 if other is None else BURN_IN)
    if len(tokens) < needed:
        max_lags = lags - (needed - len(tokens))
        longer = "read a longer text with `text`"
        raise CorpusError(
            "the text is too short for this many lags",
            expected=f"{needed} tokens for {lags} lags",
            found=len(tokens),
            hint=f"Use `lags={max_lags}`, or {longer}." if max_lags > 1 else f"{longer.capitalize()}.",
        )
    starts = np.linspace(0, len(tokens) - needed, STREAMS).astype(int)
    windows = torch.from_numpy(np.stack([tokens[s : s + needed] for s in starts], axis=1).astype(np.int64))  # (N, B)
    states = start_states(model, STREAMS)
    for row in windows[:BURN_IN]:
        states = [step.states for step in step_model(model, row, states)[1]]
    states = [{name: s.requires_grad_() for name, s in layer.items()} for layer in states]
    trace = [states]  # the states of every step, with respect to which the gradient is taken
    losses = []
    added = None if other is None else other(windows.flip(0), other.start_state(STREAMS))[0].flip(0)  # (N, B, V)
    for t in range(BURN_IN, BURN_IN + T):
        logits, step = step_model(model, windows[t], trace[-1])
        if added is not None:
            logits = logits + added[t + 2]
        losses.append(torch.nn.functional.cross_entropy(logits, windows[t + 1], reduction="sum"))
        trace.append([layer.states for layer in step])
    norms = _norms(losses, trace, lags)
    bounds = [_bound(model, layer, windows, trace, lags) for layer in range(len(model.cells))]
    return [_flow(direction.name, layer, name, values, bounds[layer]) for (layer, name), values in norms.items()]


def _norms(losses: list[Tensor], trace: list[list[dict[str, Tensor]]], lags: int) -> dict[tuple[int, str], Curve]:
    """Norms of the gradient in each stream, (ends · B, lags + 1), by layer and state."""
    found: dict[tuple[int, str], list[Curve]] = {}
    for end in range(lags, len(losses)):
        past = trace[end + 1 - lags : end + 2]  # after token i - lags … after token i
        wanted = [s for states in past for layer in states for s in layer.values()]
        keys = [(index, name) for layers in past[:1] for index, layer in enumerate(layers) for name in layer]
        gradients = torch.autograd.grad(losses[end], wanted, retain_graph=True, allow_unused=True)
        each = torch.stack(
            [torch.zeros(len(s)) if g is None else g.norm(dim=1) for g, s in zip(gradients, wanted, strict=True)]
        )
        by_lag = each.reshape(lags + 1, len(keys), -1).flip(0).double().numpy()  # (lags + 1, states, B)
        for index, key in enumerate(keys):
            found.setdefault(key, []).append(by_lag[:, index].T)
    return {key: np.concatenate(parts) for key, parts in found.items()}


def _flow(direction: str, layer: int, name: str, norms: Curve, bound: Curve) -> Flow:
    low, high = np.percentile(norms, [10, 90], axis=0)
    mean = norms.mean(axis=0)
    verdict = verdict_on(mean, "the cell" if name == "c" else "the state")
    return Flow(layer + 1, name, mean, low, high, bound, verdict, direction)


def verdict_on(curve: Sequence[float] | Curve, path: str = "the state") -> Verdict:
    """The verdict on a curve of norms by lag. Lag 0 is left out: it is the gradient within the loss's own step.

    Args:
        curve: norms, (lags + 1,).
        path: what the gradient flows through, in words.
    """
    values = np.asarray(curve, dtype=float)[1:]
    usable = values > max(values[0], 1e-300) * 1e-30
    n = len(values) if usable.all() else int(np.argmin(usable))
    if n < 2 or not np.isfinite(values).all():
        if np.isfinite(values).all():
            return Verdict("vanishes", 0.0, "vanishes at once")
        return Verdict("explodes", math.inf, "explodes beyond all numbers")
    factor = math.exp(np.polyfit(np.arange(n), np.log(values[:n]), 1)[0])
    if factor > 1 + EVEN:
        return Verdict("explodes", factor, f"explodes by a factor of {factor:.3g} per step")
    if values[-1] >= CARRIED * values[0]:
        return Verdict("carries", factor, f"carries {len(values)} steps through {path}")
    half_life = f"{math.log(2) / -math.log(factor):.3g}"
    unit = "step" if half_life == "1" else "steps"
    return Verdict("vanishes", factor, f"vanishes with a half-life of {half_life} {unit}")


def _bound(model: RecurrentLM, layer: int, windows: Tensor, trace: list[list[dict[str, Tensor]]], lags: int) -> Curve:
    """Product of the largest singular values of a layer's Jacobians in the first stream, by lag, (lags + 1,)."""
    cell, logs = model.cells[layer], []
    for t in np.linspace(1, len(trace) - 1, JACOBIANS).astype(int):
        before = {name: s[:1].detach() for name, s in trace[t - 1][layer].items()}
        below = model.embedding(windows[BURN_IN + t - 1][:1]) if layer == 0 else trace[t][layer - 1]["h"][:1].detach()
        logs.append(math.log(max(largest_singular_value(state_jacobian(model, cell, below, before)), 1e-300)))
    # the geometric mean over the sampled steps is taken for every step
    with np.errstate(over="ignore"):
        bound: Curve = np.exp(np.arange(lags + 1) * float(np.mean(logs)))
    return bound


def state_jacobian(model: RecurrentLM, cell: Cell, x: Tensor, states: dict[str, Tensor]) -> Tensor:
    """∂s^t/∂s^{t-1} of one layer, where s is the concatenation of all of its states, (S·H, S·H).

    Args:
        model: names the recurrence.
        cell: the layer.
        x: its input at t, (1, E).
        states: its states at t - 1, name → (1, H).
    """
    names = list(states)

    def step(flat: Tensor) -> Tensor:
        given = dict(zip(names, flat[None].chunk(len(names), dim=1), strict=True))
        after = step_layer(model.config, cell, x, given).states
        return torch.cat([after[name] for name in names], dim=1)[0]

    flat = torch.cat([states[name] for name in names], dim=1)[0]
    jacobian: Tensor = torch.func.jacrev(step)(flat)
    return jacobian.detach()


def largest_singular_value(matrix: Tensor, iterations: int = 60) -> float:
    """‖matrix‖₂, by power iteration on M^T M from a fixed start."""
    v = torch.randn(matrix.shape[1], generator=torch.Generator().manual_seed(0)).to(matrix.dtype)
    for _ in range(iterations):
        v = matrix.T @ (matrix @ v)
        norm = v.norm()
        if norm == 0:
            return 0.0
        v = v / norm
    return float((matrix @ v).norm())
