"""Reading a long text with a recurrent network in parallel, with the result of reading it sequentially.

B contiguous streams are read in parallel, each from a guess of the state at its beginning (zero). Then each stream is
read again from the state in which the one before it ended, but only until it meets the trajectory of the first
reading: a recurrent network forgets, so everything after that would be the same. This repeats until every stream
begins in the state in which the one before it ended.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

TOLERANCE = {"float32": 1e-5, "bf16": 3e-2}
"""States that differ by less than this (relative to 1 + their size) count as equal."""

_STREAMS, _STREAM = 64, 2048  # streams at most, and their steps: reading their beginnings twice costs little
LONG_ENOUGH = _STREAMS * _STREAM
"""Steps that can be read as fast as any number of them."""

_LANDMARKS = 32  # windows from a stream's beginning at which the trajectory is remembered

ReadWindow = Callable[[NDArray[np.int64], Tensor], Tensor]
"""Read the steps at these positions, (T, B), from a state, and return the state after them, both (L, S, B, H).

Positions of the last stream may lie beyond the end. The same window may be read again from a better state; the last
reading counts. ``positions[0] // window`` numbers the windows.
"""


def ids_at(tokens: NDArray[np.integer[Any]], positions: NDArray[np.int64], device: torch.device) -> Tensor:
    """The tokens at positions (T, B) and the next one of each column, (T + 1, B); beyond the end, the last token."""
    rows = np.concatenate([positions, positions[-1:] + 1])
    return torch.from_numpy(tokens[np.minimum(rows, len(tokens) - 1)].astype(np.int64)).to(device)


def read_in_parallel(
    read: ReadWindow,
    start: Tensor,
    steps: int,
    window: int,
    precision: str,
    *,
    batch_size: int | None = None,
    max_rounds: int | None = None,
) -> Tensor:
    """Read ``steps`` time steps, each from the state after the one before it.

    Args:
        read: reads a window of some streams.
        start: the state before the first step, (L, S, 1, H).
        steps: N.
        window: T, steps per call; does not change the result.
        precision: ``float32`` or ``bf16``; decides how close states must be to count as equal.
        batch_size: number of streams read in parallel; does not change the result beyond rounding.
        max_rounds: maximum number of times that streams are read again, which bounds the time for networks that hardly
            forget; without it the result is exact.

    Returns:
        The state after the last step, (L, S, 1, H), if ``steps`` is a multiple of ``window``.
    """
    if batch_size is None:
        batch_size = int(np.clip(steps // _STREAM, 1, _STREAMS))
        batch_size -= batch_size % 16 if batch_size > 16 else 0  # kernels are fastest with multiples of 16
    windows = math.ceil(steps / window / batch_size)  # per stream
    B = math.ceil(steps / (windows * window))
    streams = _Streams(read, start, B, windows, window, steps, TOLERANCE[precision])
    begins = torch.cat([start, torch.zeros_like(start).expand(-1, -1, B - 1, -1)], dim=2)
    todo = torch.arange(B, device=start.device)
    streams.read(todo, begins, first=True)
    for _ in range(min(B - 1, B if max_rounds is None else max_rounds)):  # stream b is exact after b rounds
        shifted = torch.cat([begins[:, :, :1], streams.ends[:, :, :-1]], dim=2)
        todo = (~streams.close(shifted, begins)).nonzero()[:, 0]
        if not len(todo):
            break
        begins = shifted
        streams.read(todo, begins[:, :, todo], first=False)
    return streams.ends[:, :, -1:]


class _Streams:
    """B contiguous streams of windows, and the states that reading them has led to so far."""

    def __init__(
        self, read: ReadWindow, start: Tensor, B: int, windows: int, window: int, steps: int, tolerance: float
    ) -> None:
        self._read, self._windows, self._window = read, windows, window
        self._steps, self._tolerance = steps, tolerance
        self._landmarks: list[Tensor] = []  # states after the first windows, each (L, S, B, H)
        self.ends = start.expand(-1, -1, B, -1).clone()

    def read(self, streams: Tensor, state: Tensor, first: bool) -> None:
        """Read some streams from the given states, each to its end or until it meets its earlier trajectory."""
        for k in range(self._windows):
            begins = (streams.cpu().numpy() * self._windows + k) * self._window
            if begins[-1] >= self._steps:  # the last stream has no more windows
                self.ends[:, :, streams[-1]] = state[:, :, -1]
                begins, streams, state = begins[:-1], streams[:-1], state[:, :, :-1]
                if not len(streams):
                    return
            rows = min(self._window, self._steps - begins[0])
            state = self._read(begins + np.arange(rows)[:, None], state)
            if k < _LANDMARKS and first:
                self._landmarks.append(state.clone())
            elif k < _LANDMARKS:
                apart = ~self.close(state, self._landmarks[k][:, :, streams])
                self._landmarks[k][:, :, streams] = state
                streams, state = streams[apart], state[:, :, apart]
                if not len(streams):
                    return
        self.ends[:, :, streams] = state

    def close(self, a: Tensor, b: Tensor) -> Tensor:
        """Which streams have equal states (L, S, B, H) within the tolerance: (B,)."""
        return ((a - b).abs() <= self._tolerance * (1 + b.abs())).all(-1).all(0).all(0)
