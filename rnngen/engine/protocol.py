"""What the rest of the program needs of a network that reads one token at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self

from rnngen.engine.probabilities import Array


class Model(Protocol):
    """B streams of tokens read one at a time: ``recurrence.Recurrence`` in NumPy, ``torch_stepper.Stepper`` in torch.

    Attributes:
        vocab_size: V.
        logits: of each stream's next token, (B, V).
        state: of the streams, (L, S, B, H). Assign it to continue from there.
    """

    vocab_size: int
    logits: Array
    state: Array

    def fork(self) -> Self:
        """Another reader with the same weights, which has read nothing."""

    def reset(self, batch_size: int = 1) -> None:
        """Start B streams that have read nothing."""

    def step(self, tokens: Sequence[int]) -> Array:
        """Read one token per stream, B in all, and return the logits of the next tokens, (B, V)."""
