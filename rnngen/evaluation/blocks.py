"""What a model says of each token of a text, in blocks: the common form in which every analysis gets it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

BLOCK, SMALLEST_BLOCK = 1 << 20, 1 << 15
"""Tokens per block, at most and at least."""
_IN_MEMORY = 1 << 24  # tokens whose scores are held in memory; those of a longer text are in a file


@dataclass(frozen=True)
class TokenScores:
    """What a model says of N tokens, each in float32.

    Attributes:
        nats: -ln of the probability of each, (N,).
        ranks: how many tokens are more likely than it, (N,); None: not wanted.
        tops: the probability of the most likely token at its place, (N,); None: not wanted.
    """

    nats: NDArray[np.float32]
    ranks: NDArray[np.int32] | None = None
    tops: NDArray[np.float32] | None = None

    @classmethod
    def empty(cls, n: int, *, detailed: bool) -> TokenScores:
        """Scores of n tokens that are to be kept."""
        nats = _empty(n, np.float32)
        return cls(nats, _empty(n, np.int32), _empty(n, np.float32)) if detailed else cls(nats)

    def part(self, which: slice) -> TokenScores:
        """The scores of some of the tokens."""
        if self.ranks is None or self.tops is None:
            return TokenScores(self.nats[which])
        return TokenScores(self.nats[which], self.ranks[which], self.tops[which])

    def keep(self, positions: NDArray[np.int64], logits: Tensor, targets: Tensor) -> None:
        """Keep what logits say of some tokens.

        Args:
            positions: where to keep it, (n,).
            logits: (n, V).
            targets: ids of the tokens, (n,).
        """
        from torch.nn.functional import cross_entropy

        logits = logits.float()
        nats = cross_entropy(logits, targets, reduction="none")
        self.nats[positions] = nats.cpu().numpy()
        if self.ranks is None or self.tops is None:
            return
        target = logits.gather(1, targets[:, None])
        self.ranks[positions] = (logits > target).sum(1).cpu().numpy()
        self.tops[positions] = (logits.amax(1) - target[:, 0] - nats).exp().cpu().numpy()


@dataclass(frozen=True)
class ScoredBlock:
    """Consecutive tokens of a text, and what a model says of each.

    Attributes:
        start: the position of the first one in the text.
        tokens: ids, (n,).
        scores: of each of them.
        seconds: that reading them took; 0: not measured.
    """

    start: int
    tokens: NDArray[np.integer[Any]]
    scores: TokenScores
    seconds: float = 0.0

    @property
    def stop(self) -> int:
        """The position after the last token."""
        return self.start + len(self.tokens)

    @property
    def nats(self) -> NDArray[np.float32]:
        """-ln of the probability of each token, (n,)."""
        return self.scores.nats


def _empty(n: int, dtype: type[np.generic]) -> NDArray[Any]:
    return np.empty(n, dtype) if n <= _IN_MEMORY else in_file((n,), dtype)


def in_file(shape: tuple[int, ...], dtype: type[np.generic]) -> NDArray[Any]:
    """An array in an unnamed file, for what would take too much memory."""
    with tempfile.TemporaryFile(prefix="rnngen-") as file:
        return np.memmap(file, dtype, "w+", shape=shape)


class Analysis(Protocol):
    """Something that is computed from a model's scores of a text, and is given them block after block."""

    @property
    def detailed(self) -> bool:
        """Whether it needs ranks and the highest probabilities."""

    def add(self, block: ScoredBlock) -> None:
        """Take in the next tokens of the text."""


def sum_nats(blocks: Iterable[ScoredBlock], each: NDArray[np.float32] | None = None) -> float:
    """The sum of all nats, in float64.

    Args:
        blocks: of a text of N tokens.
        each: an array, (N,), that receives the nats of each token.
    """
    total = 0.0
    for block in blocks:
        total += float(block.nats.sum(dtype=np.float64))
        if each is not None:
            each[block.start : block.stop] = block.nats
    return total
