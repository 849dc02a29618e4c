"""What the network that does not adapt says of a text, from the reading by which the text is scored."""

from __future__ import annotations

import tempfile
import weakref

import numpy as np
from numpy.typing import NDArray

from rnngen.evaluation.blocks import ScoredBlock


class StaticReading:
    """Keeps the nats of each token, in an unnamed file, and how long the reading took.

    Attributes:
        tokens: that were read.
        seconds: that it took, without what else is computed from the scores.
    """

    detailed = False

    def __init__(self) -> None:
        self.tokens, self.seconds = 0, 0.0
        self._file = tempfile.TemporaryFile(prefix="rnngen-")  # noqa: SIM115
        weakref.finalize(self, self._file.close)

    def add(self, block: ScoredBlock) -> None:
        """Some more was read."""
        self._file.write(block.nats.astype(np.float32).tobytes())
        self.tokens, self.seconds = block.stop, self.seconds + block.seconds

    @property
    def speed(self) -> float:
        """Tokens per second."""
        return self.tokens / max(1e-9, self.seconds)

    def nats(self, tokens: int | None = None) -> NDArray[np.float32]:
        """-ln p of the first tokens, or of all of them, (N,)."""
        self._file.flush()
        return np.memmap(self._file, np.float32, "r", shape=(self.tokens if tokens is None else tokens,))
