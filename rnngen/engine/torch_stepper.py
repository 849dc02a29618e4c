"""A trained network on a torch device, one step at a time: the counterpart of ``recurrence.Recurrence``.

On a CPU the NumPy engine is faster; this one is for large networks, or many samples, on a GPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

import torch
from torch import Tensor

from rnngen.engine.probabilities import Array
from rnngen.model.language_model import RecurrentLM


class Stepper:
    """B streams of tokens that are read one at a time, in float32; see ``protocol.Model``.

    Args:
        network: the network; it is moved to the device.
        device: the torch device.
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
        """Start B streams that have read nothing."""
        self._continue_from(self._model.start_state(batch_size))

    @torch.inference_mode()
    def step(self, tokens: Sequence[int]) -> Array:
        """Read one token per stream, B in all, and return the logits of the next tokens, (B, V)."""
        ids = torch.tensor([list(tokens)], device=self._state.device)
        logits, self._state = self._model(ids, self._state)
        self.logits = logits[0].cpu().numpy()
        return self.logits

    @property
    def state(self) -> Array:
        """A copy of the streams' state, (L, S, B, H). Assign it to continue from there."""
        state: Array = self._state.cpu().numpy().copy()
        return state

    @state.setter
    @torch.inference_mode()
    def state(self, state: Array) -> None:
        self._continue_from(torch.from_numpy(state).to(self._state.device))

    def _continue_from(self, state: Tensor) -> None:
        self._state = state
        self.logits = self._model.readout(state).cpu().numpy()
