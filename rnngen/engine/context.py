"""Text being read: the state of the network, and of the n-gram model that may be mixed into it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rnngen.engine.probabilities import Array, log_softmax

if TYPE_CHECKING:
    from rnngen.engine.protocol import Model
    from rnngen.ngram.mixture import Mixture


@dataclass(frozen=True)
class Snapshot:
    """The state of B streams at some moment.

    Attributes:
        state: the network's, (L, S, B, H).
        numbers: the n-gram model's, (n - 1, B); without such a model n is 1.
    """

    state: Array
    numbers: NDArray[Any]

    def repeat(self, n: int) -> Snapshot:
        """Every stream n times."""
        return Snapshot(self.state.repeat(n, axis=2), self.numbers.repeat(n, axis=1))

    def select(self, rows: Sequence[int]) -> Snapshot:
        """These streams, in this order."""
        return Snapshot(self.state[:, :, rows], self.numbers[:, rows])

    @staticmethod
    def join(parts: Sequence[Snapshot]) -> Snapshot:
        """All streams of several snapshots."""
        return Snapshot(
            np.concatenate([part.state for part in parts], axis=2),
            np.concatenate([part.numbers for part in parts], axis=1),
        )


class Context:
    """B streams that read tokens and predict the next ones, at first a single one that has read nothing.

    Args:
        model: the network; its weights are shared, and its own state is left alone.
        mixture: mixes an n-gram model's distribution into the network's.
    """

    def __init__(self, model: Model, mixture: Mixture | None = None) -> None:
        self._model = model.fork()
        self._mixture = mixture
        self._numbers: NDArray[Any] = np.zeros((0, 1), np.int64) if mixture is None else mixture.ngram.start(1)

    def read(self, tokens: Sequence[int]) -> None:
        """Read one token per stream, B in all."""
        self._model.step(tokens)
        if self._mixture is not None:
            self._numbers = self._mixture.ngram.step(np.array(tokens), self._numbers)

    def read_text(self, ids: Iterable[int], on_read: Callable[[int], object] | None = None) -> None:
        """Read a text into a single stream; ``on_read`` is given the number of tokens read, every thousand tokens."""
        for n, token in enumerate(ids):
            self.read((token,))
            if on_read is not None and n % 1000 == 0:
                on_read(n)

    @property
    def network(self) -> Array:
        """The network's logits of the next token, (B, V); the next read overwrites them."""
        return self._model.logits

    @property
    def mixed(self) -> bool:
        """Whether an n-gram model is mixed into the predictions."""
        return self._mixture is not None

    def prediction(self) -> Array:
        """The logits to draw the next token from, (B, V): those of the network, or ln p of the mixture."""
        if self._mixture is None:
            return self._model.logits
        return self._mixture.log_probabilities(log_softmax(self._model.logits), self._numbers)

    @property
    def snapshot(self) -> Snapshot:
        """The state of the streams. Assign a snapshot to continue from there."""
        return Snapshot(self._model.state, self._numbers)

    @snapshot.setter
    def snapshot(self, snapshot: Snapshot) -> None:
        self._model.state, self._numbers = snapshot.state, snapshot.numbers
