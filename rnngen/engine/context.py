"""What was read: the state of the network, and of the n-gram model that may stand beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from rnngen.engine.probabilities import Array

if TYPE_CHECKING:
    from rnngen.ngram.mixture import Mixture


class Model(Protocol):
    """A network that steps, as ``recurrence.Recurrence`` does in NumPy and ``model.stepper.Stepper`` in torch."""

    vocab_size: int
    logits: Array
    state: Array

    def fork(self) -> Self:
        """Another reader with the same weights, which has read nothing."""

    def reset(self, batch_size: int = 1) -> None:
        """Begin B streams that have read nothing."""

    def step(self, tokens: Sequence[int]) -> Array:
        """Read one token a stream."""


@dataclass(frozen=True)
class Snapshot:
    """What B streams had read at some moment.

    Attributes:
        state: the network's, (L, S, B, H).
        numbers: the n-gram model's, (n - 1, B); n is 1 where there is none.
    """

    state: Array
    numbers: NDArray[Any]

    def repeat(self, n: int) -> Snapshot:
        """Each stream n times."""
        return Snapshot(self.state.repeat(n, axis=2), self.numbers.repeat(n, axis=1))

    def select(self, rows: Sequence[int]) -> Snapshot:
        """These streams, in this order."""
        return Snapshot(self.state[:, :, rows], self.numbers[:, rows])

    @staticmethod
    def join(parts: Sequence[Snapshot]) -> Snapshot:
        """All streams of several."""
        return Snapshot(
            np.concatenate([part.state for part in parts], axis=2),
            np.concatenate([part.numbers for part in parts], axis=1),
        )


class Context:
    """B streams that read tokens and predict the next, beginning with one that has read nothing.

    Args:
        model: the network; its weights are shared, its state is not touched.
        mixture: mix an n-gram model's distribution into the network's.
    """

    def __init__(self, model: Model, mixture: Mixture | None = None) -> None:
        self._model = model.fork()
        self._mixture = mixture
        self._numbers: NDArray[Any] = np.zeros((0, 1), np.int64) if mixture is None else mixture.ngram.start(1)

    def read(self, tokens: Sequence[int]) -> None:
        """One token a stream, B in all."""
        self._model.step(tokens)
        if self._mixture is not None:
            self._numbers = self._mixture.ngram.step(np.array(tokens), self._numbers)

    def read_text(self, ids: Iterable[int], on_read: Callable[[int], object] | None = None) -> None:
        """Several tokens one after the other, into a single stream; ``on_read`` is told how many, every thousand."""
        for n, token in enumerate(ids):
            self.read((token,))
            if on_read is not None and n % 1000 == 0:
                on_read(n)

    @property
    def network(self) -> Array:
        """The network's logits of the next token, (B, V), until the next read."""
        return self._model.logits

    @property
    def mixed(self) -> bool:
        """Whether ``prediction`` is a mixture's."""
        return self._mixture is not None

    def prediction(self) -> Array:
        """The logits that the next token is drawn from, (B, V): the network's, or the mixture's ln p."""
        if self._mixture is None:
            return self._model.logits
        return self._mixture.log_probabilities(self._model.logits, self._numbers)

    @property
    def snapshot(self) -> Snapshot:
        """All that was read. Assigning it goes on from there."""
        return Snapshot(self._model.state, self._numbers)

    @snapshot.setter
    def snapshot(self, snapshot: Snapshot) -> None:
        self._model.state, self._numbers = snapshot.state, snapshot.numbers
