"""How far gradients reach back: ‖∂J^i/∂h^j‖ by the lag i - j, on real text.

J^i is the loss at token i and h^j a layer's state at token j: ∂J^i/∂h^j = ∂J^i/∂h^i · Π ∂h^t/∂h^{t-1}. Where the
product shrinks with the lag, a network cannot learn from what lies further back (Bengio, Simard & Frasconi 1994); where
it grows, training is unstable (Pascanu, Mikolov & Bengio 2013). For an LSTM the same is measured for c, the path that
was designed to carry gradients (Hochreiter & Schmidhuber 1997).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnngen.inspection.bounds import bounds
from rnngen.inspection.equations import layer_name
from rnngen.inspection.factors import Factors, layer_factors
from rnngen.inspection.passages import Passages, needed_tokens, read_passages
from rnngen.inspection.verdicts import Verdict, verdict_on
from rnngen.model.language_model import Network

Curve = NDArray[np.float64]

LAGS = 100
"""How far back gradients are followed where the text is long enough."""


@dataclass(frozen=True)
class Flow:
    """The norm of ∂J^i/∂s^j by lag, for a state s of a layer, in many passages.

    Where a network begins anew at each document, j and i are in the same one; so there are only as many lags as enough
    documents have.

    Attributes:
        layer: counted from 1.
        state: ``h`` or ``c``.
        median, mean, low, high: median, mean, 10th and 90th percentile over the passages, by lag from 0, (lags + 1,).
        bound: the median of an upper bound on each passage's norm (``bounds.py``), (lags + 1,).
        verdict: what the median shows.
        factors: of the layer's recurrence.
        direction: the direction of reading; empty if the network has only one.
    """

    layer: int
    state: str
    median: Curve
    mean: Curve
    low: Curve
    high: Curve
    bound: Curve
    verdict: Verdict
    factors: Factors
    direction: str = ""

    @property
    def name(self) -> str:
        """Direction, layer and state, in words."""
        return f"{self.layer_name}, {self.state}"

    @property
    def layer_name(self) -> str:
        """Direction and layer, in words."""
        return layer_name(self.direction, self.layer)

    @property
    def left(self) -> Curve:
        """The median as a fraction of that at lag 0, by lag, (lags + 1,): 0 throughout if that is 0."""
        return self.median / self.median[0] if self.median[0] > 0 else np.zeros_like(self.median)

    @property
    def lags(self) -> int:
        """How many tokens back it was followed."""
        return len(self.median) - 1


def possible_lags(model: Network, tokens: NDArray[np.integer[Any]], wanted: int = LAGS) -> int:
    """As many lags as are wanted, or as a text is long enough for; but 2 or more."""
    spare = len(tokens) - max(needed_tokens(direction, 0) for direction in model.directions)
    return max(2, min(wanted, spare))


def gradient_flow(model: Network, tokens: NDArray[np.integer[Any]], lags: int = LAGS) -> list[Flow]:
    """Measure how far the gradient of the loss reaches back, for every layer and state.

    "Back" means against the direction of reading; a bidirectional network is measured in each direction, with the same
    number of lags. Computed in float64, in which nothing that can be drawn is lost.

    Args:
        model: the network, on the CPU.
        tokens: a text as ids, (N,), of which evenly spaced passages are read.
        lags: number of tokens to go back.

    Raises:
        CorpusError: the text is too short.
        RnngenError: a weight is not finite.
    """
    exact = copy.deepcopy(model).double().eval().requires_grad_(False)
    read = [read_passages(direction, tokens, lags) for direction in exact.directions]
    most = min(passages.document_lags for passages in read)
    return [
        flow
        for direction, passages in zip(exact.directions, read, strict=True)
        for flow in _flows(direction.name, replace(passages, most=most))
    ]


def furthest(flows: list[Flow]) -> Flow:
    """The flow by which networks are compared: of c in an LSTM, of h elsewhere, in the layer where most is left."""
    memory = {flow.layer_name: flow for flow in flows}.values()  # c comes after h
    return max(memory, key=lambda flow: flow.left[-1])


def _flows(direction: str, passages: Passages) -> list[Flow]:
    norms, first = _measured(passages)
    layers = len(passages.model.cells)
    upper = bounds(passages, first[layers - 1, "h"].norm(dim=2))
    factors = [
        layer_factors(passages, n, {s: g for (layer, s), g in first.items() if layer == n}, norms[n, "h"])
        for n in range(layers)
    ]
    return [
        _flow(
            direction,
            layer + 1,
            name,
            passages.within_documents(values),
            passages.within_documents(upper[layer]),
            factors[layer],
        )
        for (layer, name), values in norms.items()
    ]


def _measured(passages: Passages) -> tuple[dict[tuple[int, str], Curve], dict[tuple[int, str], Tensor]]:
    """By layer and state: norms of the gradient by lag, (ends · B, lags + 1), and itself at lag 0, (ends, B, H)."""
    lags, trace = passages.lags, passages.trace
    keys = [(index, name) for index, layer in enumerate(trace[0]) for name in layer]
    found: dict[tuple[int, str], list[Curve]] = {key: [] for key in keys}
    first: dict[tuple[int, str], list[Tensor]] = {key: [] for key in keys}
    for end in passages.ends:
        past = trace[end + 1 - lags : end + 2]  # after token i - lags … after token i
        wanted = [s for states in past for layer in states for s in layer.values()]
        gradients = torch.autograd.grad(passages.losses[end], wanted, retain_graph=True, allow_unused=True)
        each = [torch.zeros_like(s) if g is None else g for g, s in zip(gradients, wanted, strict=True)]
        for index, key in enumerate(keys):
            back = each[index :: len(keys)][::-1]  # by lag
            found[key].append(torch.stack([g.norm(dim=1) for g in back], dim=1).numpy())
            first[key].append(back[0])
    return {k: np.concatenate(v) for k, v in found.items()}, {k: torch.stack(v) for k, v in first.items()}


def _flow(direction: str, layer: int, name: str, norms: Curve, bound: Curve, factors: Factors) -> Flow:
    low, median, high = np.nanpercentile(norms, [10, 50, 90], axis=0)
    if name == "c":
        bound = bound * 2**0.5
    verdict = verdict_on(median)
    mean, bound = np.nanmean(norms, axis=0), np.nanmedian(bound, axis=0)
    return Flow(layer, name, median, mean, low, high, bound, verdict, factors, direction)
