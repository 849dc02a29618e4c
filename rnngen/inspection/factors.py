"""What each factor of a recurrence would do to a gradient by itself, and what is predicted from them.

For an RNN ∂h^t/∂h^{t-1} = diag(σ'(a^t)) W_h. W_h alone would multiply a gradient by |λ_max| per step, in the long run;
without a nonlinearity that is all, and the gradient is exactly ∂J^i/∂h^i · W_h^{i-j}. Otherwise σ' shrinks it. Two
estimates of both together are rough, because neither knows that σ' and h depend on each other: the mean of σ' times
|λ_max|; and √(mean of σ'²) · ‖W_h‖_F / √H, the factor for a gradient of random direction (mean-field theory: Schoenholz
et al. 2017).

For an LSTM ∂c^t/∂c^{t-1} is diag(f^t), and more through h. For a GRU ∂h^t/∂h^{t-1} is diag(z^t), and more through the
gates. So a gradient on the direct path is multiplied unit by unit by the product of these gates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnngen.inspection.eigenvalues import layer_eigenvalues
from rnngen.inspection.equations import DIRECT
from rnngen.inspection.passages import Passages

Curve = NDArray[np.float64]

SLOPES: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": lambda h: 1 - h**2,
    "relu": lambda h: (h > 0).to(h.dtype),
    "sigmoid": lambda h: h * (1 - h),
    "identity": torch.ones_like,
}
"""σ'(a) as a function of h = σ(a)."""


@dataclass(frozen=True)
class Factors:
    """The factors of a layer's recurrence.

    Attributes:
        radii: |λ_max| of W_h: of every block of it, by the gate's name.
        slope: mean of σ'(a^t) over units and tokens; None for cells with gates.
        random_gain: √(mean of σ'²) · ‖W_h‖_F / √H; None for cells with gates.
        gate: mean of the gate on the direct path, over units and tokens; None for an RNN.
        gates: product of these gates from step j + 1 to i by lag i - j, mean over units, median over passages,
            (lags + 1,); None for an RNN.
        direct: norm of the gradient on the direct path alone by lag, median over passages, (lags + 1,): ∂J^i/∂c^i times
            the product of gates, or, without a nonlinearity, ∂J^i/∂h^i · W_h^{i-j}; None if there is no such path.
        deviation: largest relative difference between what was measured and ``direct``, if these are the same by
            theory: in the last layer without a nonlinearity; None elsewhere.
    """

    radii: dict[str, float]
    slope: float | None = None
    random_gain: float | None = None
    gate: float | None = None
    gates: Curve | None = None
    direct: Curve | None = None
    deviation: float | None = None

    @property
    def estimate(self) -> float | None:
        """Mean of σ' times |λ_max|: roughly the factor per step of an RNN."""
        return None if self.slope is None else self.slope * self.radii["h"]


def layer_factors(passages: Passages, layer: int, first: dict[str, Tensor], measured: Curve) -> Factors:
    """The factors of a layer's recurrence in the passages that were read.

    Args:
        passages: that were read.
        layer: counted from 0.
        first: the gradient at lag 0, by state, (ends, B, H).
        measured: norms of the gradient of h, (ends · B, lags + 1).
    """
    config, goes_on = passages.model.config, passages.goes_on
    eigenvalues = layer_eigenvalues(passages.model.cells[layer], config.cell)
    radii = {gate: float(abs(values[0])) for gate, values in eigenvalues.items()}
    if config.cell in DIRECT:
        state, gate, _ = DIRECT[config.cell]
        values = passages.gates(layer, gate)
        products = list(_gate_products(passages, values, first[state]))
        means, norms = (np.concatenate(each) for each in zip(*products, strict=True))
        mean = float(values[goes_on].mean()) if goes_on.any() else 0.0
        return Factors(radii, gate=mean, gates=_median(passages, means), direct=_median(passages, norms))
    W = passages.model.cells[layer].weight_hh_l0.detach()
    slopes = SLOPES[config.nonlinearity](passages.states(layer, "h"))[goes_on]  # (…, H)
    gain = float((slopes**2).mean().sqrt() * W.norm() / W.shape[0] ** 0.5)
    direct = deviation = None
    if config.nonlinearity == "identity":
        exact = _powers(passages, W, first["h"])
        direct = _median(passages, exact)
        if layer == config.num_layers - 1:
            deviation = float((np.abs(measured - exact) / np.maximum(exact, exact.max() * 1e-280)).max())
    return Factors(radii, float(slopes.mean()), gain, direct=direct, deviation=deviation)


def _median(passages: Passages, values: Curve) -> Curve:
    median: Curve = np.nanmedian(passages.within_documents(values), axis=0)
    return median


def _gate_products(passages: Passages, gates: Tensor, first: Tensor) -> Iterator[tuple[Curve, Curve]]:
    """For each end: the product of the gates, mean over units, and the norm of the gradient times it, (B, lags + 1)."""
    for end, gradient in zip(passages.ends, first, strict=True):
        back = gates[end - passages.lags + 1 : end + 1].flip(0)  # (lags, B, H)
        product = torch.cat([torch.ones_like(back[:1]), back.cumprod(0)])
        yield product.mean(2).T.double().numpy(), (gradient * product).norm(dim=2).T.double().numpy()


def _powers(passages: Passages, W: Tensor, first: Tensor) -> Curve:
    """‖∂J^i/∂h^i · W^lag‖, 0 beyond the beginning of a document, (ends · B, lags + 1)."""
    gradient, by_lag = first, [first.norm(dim=2)]  # (ends, B, H)
    for lag in range(1, passages.lags + 1):
        steps = torch.tensor([end - lag + 1 for end in passages.ends])
        gradient = gradient @ W * passages.goes_on[steps][..., None]
        by_lag.append(gradient.norm(dim=2))
    return torch.stack(by_lag, dim=2).flatten(0, 1).double().numpy()
