"""Loss by position: since the document, the line and the paragraph began.

Positions count tokens from 1, and are put together in bins that double: 1, 2, 3–4, 5–8, 9–16, … A line begins after a
token that has a line end in it, a paragraph with the first text after an empty line, and both with a document, which
without documents is the whole text. The line end is the last token of its line.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnngen.evaluation.blocks import ScoredBlock
from rnngen.evaluation.line_ends import LineEnds

_BINS = 64


class Bin(NamedTuple):
    """Tokens at some positions, of which the first is 1.

    Attributes:
        first, last: the lowest and the highest position.
        tokens: how many.
        nats: their sum.
    """

    first: int
    last: int
    tokens: int
    nats: float

    @property
    def nats_per_token(self) -> float:
        """Their mean."""
        return self.nats / self.tokens

    @property
    def name(self) -> str:
        """As in ``5–8``."""
        return f"{self.first:,}" if self.first == self.last else f"{self.first:,}–{self.last:,}"


class Positions:
    """Sums over the tokens at each position; ``Analysis``.

    Args:
        ends: of the vocabulary.
        boundary: the token after every document; None: the text is one stream.
    """

    detailed = False

    def __init__(self, ends: LineEnds, boundary: int | None) -> None:
        self._ends, self._boundary = ends, boundary
        self._sums = {name: np.zeros((2, _BINS)) for name in ("document", "line", "paragraph")}
        self._since = dict.fromkeys(self._sums, 0)  # tokens since each began
        self._begins_document = self._begins_line = True
        self._empty, self._has_text = 0, False  # line ends since the last text; whether the document has any

    def add(self, block: ScoredBlock) -> None:
        """Take in the next tokens of the text."""
        tokens = np.asarray(block.tokens, np.int64)
        after_document = np.zeros(len(tokens) + 1, bool)
        after_document[0] = self._begins_document
        if self._boundary is not None:
            after_document[1:] = tokens == self._boundary
        after_line = np.append(self._begins_line, self._ends.within[tokens] > 0) | after_document
        begins = {
            "document": after_document[:-1],
            "line": after_line[:-1],
            "paragraph": self._begin_paragraphs(tokens, after_document) | after_document[:-1],
        }
        self._begins_document, self._begins_line = bool(after_document[-1]), bool(after_line[-1])
        for name, each in begins.items():
            position, self._since[name] = _since(each, self._since[name])
            number = np.frexp(position.astype(float))[1]  # the bit length: 0, 1, 2, 2, 3, 3, 3, 3, …
            self._sums[name] += [
                np.bincount(number, weights, minlength=_BINS) for weights in (np.ones(len(tokens)), block.nats)
            ]

    def _begin_paragraphs(self, tokens: NDArray[np.int64], after_document: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which tokens are the first text after an empty line, and not the first of their document."""
        ends, begins = self._ends, np.zeros(len(tokens), bool)
        # line ends in white space up to each token, and documents that have begun
        blank = np.append(0, np.cumsum(np.where(ends.blank[tokens], ends.within[tokens], 0)))
        documents = np.cumsum(after_document)
        text = np.flatnonzero(~ends.blank[tokens])
        if len(text):
            since = np.diff(blank[text], prepend=-self._empty) + ends.before[tokens[text]]
            since[1:] += ends.after[tokens[text[:-1]]]
            begun = np.diff(documents[text], prepend=0 if self._has_text else -1) > 0
            begins[text] = (since >= 2) & ~begun
            self._empty = int(blank[-1] - blank[text[-1]] + ends.after[tokens[text[-1]]])
            self._has_text = bool(documents[text[-1]] == documents[-1])
        else:
            self._empty += int(blank[-1])
            self._has_text = self._has_text and not documents[-1]
        return begins

    def bins(self, name: str) -> list[Bin]:
        """The bins with tokens in them.

        Args:
            name: what positions are counted since: ``document``, ``line`` or ``paragraph``.
        """
        return [
            Bin((1 << max(0, k - 1)) + (k > 0), 1 << k, int(tokens), nats)
            for k, (tokens, nats) in enumerate(self._sums[name].T.tolist())
            if tokens
        ]


def _since(begins: NDArray[np.bool_], carried: int) -> tuple[NDArray[np.int64], int]:
    """The number of tokens before each since one that begins something, (n,), and the number after the last.

    Args:
        begins: whether a token begins something, (n,).
        carried: the number before the first token.
    """
    index = np.arange(len(begins))
    last = np.maximum.accumulate(np.where(begins, index, -carried))
    position: NDArray[Any] = index - last
    return position, int(position[-1]) + 1
