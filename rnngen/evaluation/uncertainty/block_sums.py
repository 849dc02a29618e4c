"""Sums of nats over consecutive blocks of a text: what a block bootstrap draws from.

Neighbouring tokens are not independent, so a bootstrap must not draw tokens. It draws blocks, which are runs of
characters, or of whole documents where the text consists of enough of them. Blocks must be longer than the distance
over which the loss is correlated (Carlstein 1986; Künsch 1989). In real text this distance has no end: a chapter, a
topic or a module is easier than another one, and documents next to each other are alike. So there are no more blocks
than an interval needs, and the longer the text, the longer they are: neighbours are merged whenever there are too many,
which also keeps memory constant.

Blocks are cut by characters, and an unknown symbol is one, so models whose tokens differ have the same blocks. How many
bytes an unknown symbol hides is known of all of them together only, so each counts as their mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.encoded import spellings
from rnngen.corpus.pieces import TextCounts
from rnngen.corpus.tokenizer import Tokenizer
from rnngen.evaluation.blocks import ScoredBlock

NATS, TOKENS, CHARACTERS, BYTES, UNKNOWN = range(5)
"""The rows of ``Blocks.sums``."""

FEWEST = 20
"""Blocks at least, for an interval: with fewer, Student's t does not make up for what is not known of the variance."""
MOST = 2 * FEWEST
"""Blocks at most; once there were more, there are at least half as many."""
SHORTEST = 256
"""Characters of a block at least: a few lines."""

Unit = Literal["characters", "documents"]


@dataclass(frozen=True)
class Blocks:
    """A text in blocks.

    Attributes:
        sums: nats, tokens, characters, bytes and unknown symbols of each, (5, n); unknown symbols have no bytes.
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

    @property
    def unknown(self) -> int:
        """How many unknown symbols hide what the text has there."""
        return int(self.sums[UNKNOWN].sum())

    def with_bytes(self, total: int) -> NDArray[np.float64]:
        """The sums, with the bytes of the text: unknown symbols share those that no other token has.

        Args:
            total: bytes of the text.
        """
        sums = self.sums.copy()
        if self.unknown:
            sums[BYTES] += sums[UNKNOWN] * max(0.0, total - sums[BYTES].sum()) / self.unknown
        return sums


class BlockSums:
    """An analysis (see ``blocks.py``) that sums nats, tokens, characters, bytes and unknown symbols by blocks.

    Several texts may be added one after the other: they are blocks of one.

    Args:
        tokenizer: of the text.
        boundary: the token that ends a document; None: the text is one stream.
    """

    detailed = False

    def __init__(self, tokenizer: Tokenizer, boundary: int | None) -> None:
        table = spellings(tokenizer)
        self._bytes = np.array([len(content) for content in table], np.int64)
        self._characters = np.array([_characters(content) for content in table], np.int64)
        self._continues = np.array([_characters(content[:1]) < len(content[:1]) for content in table], np.int64)
        self._hides = np.zeros(len(table), np.int64)  # whether a token is an unknown symbol
        if tokenizer.unknown_id is not None and not tokenizer.is_closed:
            self._bytes[tokenizer.unknown_id], self._hides[tokenizer.unknown_id] = 0, 1
        self._boundary, self._read, self._ended = boundary, 0, 0
        self._by_characters, self._by_documents = _Sums(SHORTEST), _Sums(1)

    @property
    def characters(self) -> int:
        """How many characters have been read; two models that have read as many have the same blocks of characters."""
        return self._read

    def add(self, block: ScoredBlock) -> None:
        """Take in the next tokens of the text."""
        if not len(block.tokens):
            return
        length = self._characters[block.tokens]
        stops = self._read + np.cumsum(length)
        begins = stops - length - self._continues[block.tokens]  # in the character that it is a part of
        rows = (block.nats, np.ones(len(length)), length, self._bytes[block.tokens], self._hides[block.tokens])
        self._read = int(stops[-1])
        self._by_characters.add(begins, self._read, rows)
        if self._boundary is not None:
            ends = block.tokens == self._boundary
            ended = self._ended + np.cumsum(ends)
            begun = ended - ends
            self._by_documents.add(begun, int(begun[-1]) + 1, rows)
            self._ended = int(ended[-1])

    def blocks(self, unit: Unit | None = None) -> Blocks:
        """The text in blocks; of whole documents if there are enough, and nothing else is asked for."""
        unit = unit or ("documents" if self._by_documents.used >= FEWEST else "characters")
        sums = self._by_documents if unit == "documents" else self._by_characters
        return Blocks(sums.values[:, : sums.used].copy(), unit, sums.size)


def are_enough(counts: TextCounts) -> bool:
    """Whether a text of some length has as many blocks as an interval needs."""
    return counts.characters > (FEWEST - 1) * SHORTEST or counts.documents >= FEWEST


class _Sums:
    """Rows of sums by position, in at most ``MOST`` blocks of ``size`` positions, of which ``used`` have been read."""

    def __init__(self, size: int) -> None:
        self.size, self.used, self.values = size, 0, np.zeros((UNKNOWN + 1, MOST))

    def add(self, positions: NDArray[np.int64], read: int, rows: tuple[NDArray[Any], ...]) -> None:
        """Add values, row by row, at positions that do not fall; ``read`` positions have been read then."""
        while read > MOST * self.size:
            self.values = np.pad(_halved(self.values), ((0, 0), (0, MOST // 2)))
            self.size *= 2
        self.used = max(1, -(-read // self.size))  # whatever the tokens: the last block may be within one
        places = np.clip(positions // self.size, 0, self.used - 1)  # a label has no length, and may be the last token
        for sums, values in zip(self.values, rows, strict=True):
            sums += np.bincount(places, values, minlength=MOST)


def _halved(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums of neighbouring pairs of columns."""
    even = np.pad(sums, ((0, 0), (0, sums.shape[1] % 2)))
    return even[:, ::2] + even[:, 1::2]


def _characters(content: bytes) -> int:
    """How many characters begin in some bytes of UTF-8."""
    return sum(byte & 0xC0 != 0x80 for byte in content)
