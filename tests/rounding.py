"""How far apart two correct computations may be, from the lengths of the sums and the precision of the numbers.

Processors add in different orders, with or without fused multiply-add, so the last bits of their results differ.
Whatever the order, a computed dot product of n terms is the exact one of a + Δa and b, with |Δa| <= γ_n |a|,
γ_n = n·u / (1 - n·u), where u is half the distance from 1 to the next number (Higham 2002, Accuracy and Stability of
Numerical Algorithms, Lemma 3.1 and section 3.1). It follows that |fl(a·b) - a·b| <= γ_n Σ |a||b|.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rnngen.model.language_model import RecurrentLM
from rnngen.model.load import load_language_model
from rnngen.runs.finding import open_run


def gamma(n: int, dtype: torch.dtype = torch.float32) -> float:
    """γ_n, the largest relative change of a factor that accounts for n roundings."""
    nu = n * torch.finfo(dtype).eps / 2
    return nu / (1 - nu)


@torch.no_grad()
def rounding_bound(compute: Callable[[Any], Any], model: torch.nn.Module, relative: float | None = None) -> float:
    """The largest difference by rounding between two float32 computations of ``compute(model)``.

    Each computed step is the exact step of a network whose weights differ by at most γ_n |w| (see above). So the
    bound is found by changing the weights so much: in float64, every weight by +γ_n |w| or -γ_n |w| at random, and
    looking at what becomes of the result, which has the growth or decay over all steps and layers in it. It is the
    largest change of any entry for any of eight such networks, plus the rounding of the result itself, twice, since
    both computations may be that far from the exact one.

    The changes are larger than those of rounding: they are the worst case γ_n ~ n·u, and the same at every step, while
    rounding errors have a mean of zero and add up to about sqrt(n)·u (Higham & Mary 2019, "A New Approach to
    Probabilistic Rounding Error Analysis", SIAM J. Sci. Comput. 41). Nothing here depends on the processor.

    Args:
        compute: called with a copy of the model in float64.
        model: the network.
        relative: the change of a weight; by default γ_n of float32, where n counts the roundings of one step: two dot
            products as long as the widest matrix, two biases, and ten for activations, gates and the next state.
    """
    result = gamma(2 * max(p.shape[1] for p in model.parameters() if p.ndim == 2) + 12)
    relative = result if relative is None else relative
    generator = torch.Generator().manual_seed(0)
    exact = deepcopy(model).double()
    value = np.asarray(compute(exact), dtype=float)
    change = 0.0
    for _ in range(8):
        changed = deepcopy(exact)
        for p in changed.parameters():
            p.mul_(1 + relative * (2 * torch.randint(2, p.shape, generator=generator) - 1))
        change = max(change, float(np.abs(np.asarray(compute(changed), dtype=float) - value).max()))
    return 2 * (change + result * float(np.abs(value).max()))


def nats_bound(model: RecurrentLM, tokens: Any) -> float:
    """The same for the summed nats of a text, or of any part of it."""
    ids = torch.as_tensor(np.asarray(tokens, dtype=np.int64))[:, None]

    def nats(m: RecurrentLM) -> float:
        start = m.start_state(1)
        logits = torch.cat([m.readout(start), m(ids, start)[0][:-1, 0]])
        return float(torch.nn.functional.cross_entropy(logits, ids[:, 0], reduction="sum"))

    return rounding_bound(nats, model)


def run_nats_bound(path: Path, text: str) -> float:
    """The same for the network of a run."""
    run = open_run(path)
    return nats_bound(load_language_model(run), run.tokenizer().encode(text))
