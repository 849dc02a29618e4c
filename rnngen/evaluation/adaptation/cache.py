"""The continuous neural cache: what followed in states like this one (Grave, Joulin & Usunier 2017).

With h_t the input of the softmax that predicts token x_{t+1}, the cache remembers the last N pairs (h_i, x_{i+1}) and
predicts

    p(w | h_t) ∝ Σ_i 1{w = x_{i+1}} exp(θ h_t · h_i)

It knows no other tokens, so it is only used in a mixture. Before the first pair, it says 1/V of every token.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnngen.evaluation.adaptation.settings import Cache
from rnngen.model.device import token_ids

_ROWS = 256  # predictions computed at a time


class NeuralCache:
    """Predicts tokens and remembers them, block after block.

    Args:
        settings: how many are remembered, and θ.
        vocab_size: V.
        flatness: several θ to compare, instead of the one of the settings.
    """

    def __init__(self, settings: Cache, vocab_size: int, flatness: tuple[float, ...] = ()) -> None:
        self._size, self._vocab_size = settings.size, vocab_size
        self._flatness = flatness or (settings.flatness,)
        self._keys: Tensor | None = None
        self._values = torch.zeros(0, dtype=torch.int64)
        self._waiting: list[tuple[Tensor, Tensor]] = []
        self._found: list[NDArray[np.float64]] = []

    def add(self, hidden: Tensor, tokens: NDArray[np.integer[Any]]) -> None:
        """Predict tokens (n,) from the inputs of the softmax (n, H), and remember them."""
        self._waiting.append((hidden, token_ids(tokens, hidden.device)))
        if sum(len(values) for _, values in self._waiting) >= _ROWS:
            self._flush()

    def probabilities(self) -> NDArray[np.float64]:
        """The probability of each token that was added, (N,), or (N, K) for K values of θ."""
        self._flush()
        found = np.concatenate(self._found) if self._found else np.empty((0, len(self._flatness)))
        return found if len(self._flatness) > 1 else found[:, 0]

    def _flush(self) -> None:
        if not self._waiting:
            return
        hidden = torch.cat([hidden for hidden, _ in self._waiting])
        tokens = torch.cat([values for _, values in self._waiting])
        self._waiting = []
        for begin in range(0, len(tokens), _ROWS):
            self._predict(hidden[begin : begin + _ROWS], tokens[begin : begin + _ROWS])

    @torch.no_grad()
    def _predict(self, queries: Tensor, tokens: Tensor) -> None:
        old = 0 if self._keys is None else len(self._keys)
        keys = queries if self._keys is None else torch.cat([self._keys, queries])
        values = torch.cat([self._values.to(tokens.device), tokens])
        m = len(keys)
        # prediction j is made from keys old + j - N … old + j - 1
        behind = torch.arange(old, m, device=keys.device)[:, None] - torch.arange(m, device=keys.device)
        outside = (behind < 1) | (behind > self._size)
        likeness = (queries @ keys.T).masked_fill_(outside, -math.inf)  # (n, m)
        same = values == tokens[:, None]
        columns = []
        for flatness in self._flatness:
            scores = likeness * flatness
            highest = scores.amax(1, keepdim=True).clamp_(min=-1e30)
            weights = (scores - highest).exp_()
            total = weights.sum(1, dtype=torch.float64)
            hit = (weights * same).sum(1, dtype=torch.float64)
            columns.append(torch.where(total > 0, hit / total.clamp(min=1e-300), 1 / self._vocab_size))
        self._found.append(torch.stack(columns, 1).cpu().numpy())
        self._keys, self._values = keys[-self._size :], values[-self._size :]
