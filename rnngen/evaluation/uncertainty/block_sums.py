"""Sums of nats over consecutive blocks of a text: what a block bootstrap draws from.

Neighbouring tokens are not independent, so a bootstrap must not draw tokens. It draws blocks that are long beside the
distance over which the loss is correlated (Carlstein 1986; Künsch 1989): runs of bytes, or of whole documents where the
text consists of enough of them. Blocks are cut by position, so two models whose tokens differ have the same blocks.
Whenever there are too many, neighbours are merged: memory is constant, and the longer the text, the longer the blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.tokenizer import Tokenizer
from rnngen.evaluation.blocks import ScoredBlock

NATS, TOKENS, CHARACTERS, BYTES = range(4)
"""The rows of ``Blocks.sums``."""

MOST = 256
"""Blocks at most; once there were more, there are at least half as many."""
FEWEST = 20
"""Blocks at least, for an interval."""
SHORTEST = 256
"""Bytes of a block at least: a few lines."""

Unit = Literal["bytes", "documents"]


@dataclass(frozen=True)
class Blocks:
    """A text in blocks.

    Attributes:
        sums: nats, tokens, characters and bytes of each, (4, n).
        unit: what a block consists of.
        size: how many of these; the last block may have fewer.
    """

    sums: NDArray[np.float64]
    unit: Unit
    size: int

    @property
    def count(self) -> int:
        """How many blocks there are, n."""
        return int(self.sums.shape[1])

    def merged_to(self, size: int) -> Blocks:
        """The same with blocks of this size, a power of 2 times theirs."""
        blocks = self
        while blocks.size < size:
            blocks = Blocks(_halved(blocks.sums), blocks.unit, 2 * blocks.size)
        return blocks

    def first(self, count: int) -> Blocks:
        """The same with this many blocks, the last of which has what followed them."""
        last = self.sums[:, count - 1 :].sum(1, keepdims=True)
        return Blocks(np.hstack([self.sums[:, : count - 1], last]), self.unit, self.size)


class BlockSums:
    """An analysis (see ``blocks.py``) that sums nats, tokens, characters and bytes by blocks.

    Several texts may be added one after the other: they are blocks of one.

    Args:
        tokenizer: of the text.
        boundary: the token that ends a document; None: the text is one stream.
    """

    detailed = False

    def __init__(self, tokenizer: Tokenizer, boundary: int | None) -> None:
        table = tokenizer.token_bytes()
        self._bytes = np.array([len(content) for content in table], np.int64)
        self._characters = np.array([_characters(content) for content in table], np.int64)
        self._boundary, self._read, self._ended = boundary, 0, 0
        self._by_bytes, self._by_documents = _Sums(SHORTEST), _Sums(1)

    def add(self, block: ScoredBlock) -> None:
        """Take in the next tokens of the text."""
        if not len(block.tokens):
            return
        length = self._bytes[block.tokens]
        stops = self._read + np.cumsum(length)
        rows = (block.nats, np.ones(len(length)), self._characters[block.tokens], length)
        self._by_bytes.add(stops - length, rows)
        self._read = int(stops[-1])
        if self._boundary is not None:
            ends = block.tokens == self._boundary
            ended = self._ended + np.cumsum(ends)
            self._by_documents.add(ended - ends, rows)
            self._ended = int(ended[-1])

    def blocks(self, unit: Unit | None = None) -> Blocks:
        """The text in blocks; of whole documents if there are enough, and nothing else is asked for."""
        unit = unit or ("documents" if self._by_documents.used >= FEWEST else "bytes")
        sums = self._by_documents if unit == "documents" else self._by_bytes
        return Blocks(sums.values[:, : sums.used].copy(), unit, sums.size)


class _Sums:
    """Rows of sums by position, in at most ``MOST`` blocks of ``size`` positions."""

    def __init__(self, size: int) -> None:
        self.size, self.used, self.values = size, 0, np.zeros((4, MOST))

    def add(self, positions: NDArray[np.int64], rows: tuple[NDArray[Any], ...]) -> None:
        """Add values, row by row, at positions that do not fall."""
        while positions[-1] // self.size >= MOST:
            self.values = np.pad(_halved(self.values), ((0, 0), (0, MOST // 2)))
            self.size, self.used = 2 * self.size, (self.used + 1) // 2
        places = positions // self.size
        for sums, values in zip(self.values, rows, strict=True):
            sums += np.bincount(places, values, minlength=MOST)
        self.used = int(places[-1]) + 1


def _halved(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums of neighbouring pairs of columns."""
    even = np.pad(sums, ((0, 0), (0, sums.shape[1] % 2)))
    return even[:, ::2] + even[:, 1::2]


def _characters(content: bytes) -> int:
    """How many characters begin in some bytes of UTF-8."""
    return sum(byte & 0xC0 != 0x80 for byte in content)
