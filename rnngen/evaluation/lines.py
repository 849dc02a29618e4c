"""Scores of the lines of a text: which of them are the hardest for a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.encoded import TokenArray
from rnngen.corpus.tokenizer import Tokenizer, pieces_of
from rnngen.evaluation.blocks import ScoredBlock
from rnngen.evaluation.exponential import exp_or_infinity
from rnngen.evaluation.line_ends import LineEnds


class LineScore(NamedTuple):
    """The score of a line.

    Attributes:
        line: its number, from 1.
        rank: its place among all that are not blank, the one with the most nats per token being the first; None: it is
            blank, or no token begins in it.
        nats: the sum over its tokens.
        tokens: how many begin in it, the line end among them.
        text: without the line end.
    """

    line: int
    rank: int | None
    nats: float
    tokens: int
    text: str

    @property
    def nats_per_token(self) -> float | None:
        """Their mean; None: no token begins in it."""
        return self.nats / self.tokens if self.tokens else None

    @property
    def perplexity(self) -> float | None:
        """The exponential of that."""
        return exp_or_infinity(self.nats / self.tokens) if self.tokens else None


class LineSums:
    """An analysis (see ``blocks.py``) that sums nats and counts tokens by lines.

    A token belongs to the line in which it begins. A line ends with a line feed, or with its document. Only the sums of
    the lines are kept.

    Args:
        tokenizer: of the text.
    """

    detailed = False

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        ends = LineEnds.of(tokenizer)
        self._ends, self._shows = ends.within, ~ends.blank  # only lines with something to see are ranked
        self._line = 0  # of the next token
        self._parts: list[tuple[int, NDArray[np.float64]]] = []

    def add(self, block: ScoredBlock) -> None:
        """Take in the next tokens of the text."""
        if not len(block.tokens):
            return
        ends = self._ends[block.tokens]
        lines = self._line + np.cumsum(ends) - ends
        first = int(lines[0])
        rows = (block.nats, np.ones(len(lines)), self._shows[block.tokens])
        self._parts.append((first, np.stack([np.bincount(lines - first, row) for row in rows])))
        self._line = int(lines[-1] + ends[-1])

    def ranked(self, tokens: TokenArray, is_complete: bool = True) -> RankedLines:
        """All lines of the text.

        Args:
            tokens: of the text, (N,).
            is_complete: whether all of it was taken in; else a line that has not ended is left out.
        """
        sums = np.zeros((3, max(first + part.shape[1] for first, part in self._parts)))
        for first, part in self._parts:
            sums[:, first : first + part.shape[1]] += part
        nats, sizes, shown = sums if is_complete else sums[:, : self._line]
        return RankedLines(self._tokenizer, tokens, nats, sizes.astype(np.int64), shown > 0)


class RankedLines(Sequence[LineScore]):
    """The lines of a text, in its order.

    Args:
        tokenizer: of the text.
        tokens: of the text, (N,).
        nats: of each line.
        sizes: tokens of each line.
        shown: which lines are ranked.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        tokens: TokenArray,
        nats: NDArray[np.float64],
        sizes: NDArray[np.int64],
        shown: NDArray[np.bool_],
    ) -> None:
        self._tokenizer, self._tokens, self._nats, self._sizes = tokenizer, tokens, nats, sizes
        self._stops = np.cumsum(sizes)
        means = np.where(shown, nats / np.maximum(sizes, 1), -np.inf)
        self._order = np.argsort(-means, kind="stable")[: np.count_nonzero(shown)]
        self._ranks = np.zeros(len(nats), np.int64)
        self._ranks[self._order] = np.arange(1, len(self._order) + 1)

    def __len__(self) -> int:
        return len(self._nats)

    def __getitem__(self, number: int) -> LineScore:  # type: ignore[override]
        if not 0 <= number < len(self):
            raise IndexError(number)
        stop, size = int(self._stops[number]), int(self._sizes[number])
        text = "".join(pieces_of(self._tokenizer, self._tokens[stop - size : stop].tolist()))
        rank = int(self._ranks[number]) or None
        return LineScore(number + 1, rank, float(self._nats[number]), size, text.rstrip("\n"))

    def hardest(self, count: int) -> Iterator[LineScore]:
        """The lines with the most nats per token, the hardest first."""
        return (self[int(number)] for number in self._order[:count])
