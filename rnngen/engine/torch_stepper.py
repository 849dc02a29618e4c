"""A trained network that steps on a device of torch, as ``engine.recurrence.Recurrence`` does in NumPy.

On a processor the NumPy engine is faster; this one is for large networks, or many samples, on a GPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnngen.model.language_model import RecurrentLM

Array = NDArray[np.floating[Any]]


class Stepper:
    """B streams of tokens that are read one at a time, in float32; see ``engine.context.Model``.

    Args:
        network: the network; it is moved to the device.
        device: of torch.
    """

    def __init__(self, network: RecurrentLM, device: str) -> None:
        self.vocab_size = network.vocab_size
        self._model = network.eval().to(device)
        self.reset()

    def fork(self) -> Stepper:
        """Another reader with the same weights, which has read nothing."""
        twin = copy(self)
        twin.reset()
        return twin

    _state: Tensor
    logits: Array

    @torch.inference_mode()
    def reset(self, batch_size: int = 1) -> None:
        """Begin B streams that have read nothing."""
        self._go_to(self._model.start_state(batch_size))

    @torch.inference_mode()
    def step(self, tokens: Sequence[int]) -> Array:
        """Read one token a stream, B in all, and return the logits of those after them, (B, V)."""
        ids = torch.tensor([list(tokens)], device=self._state.device)
        logits, self._state = self._model(ids, self._state)
        self.logits = logits[0].cpu().numpy()
        return self.logits

    @property
    def state(self) -> Array:
        """All that the streams remember, (L, S, B, H): a copy. Assigning it goes on from there."""
        state: Array = self._state.cpu().numpy().copy()
        return state

    @state.setter
    @torch.inference_mode()
    def state(self, state: Array) -> None:
        self._go_to(torch.from_numpy(state).to(self._state.device))

    def _go_to(self, state: Tensor) -> None:
        self._state = state
        self.logits = self._model.readout(state).cpu().numpy()
