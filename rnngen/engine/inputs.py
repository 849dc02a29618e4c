"""What the first layer reads: U x + b, with x the embedding of a token and, with a history, those of n-grams too.

A product with U is computed once for all that x depends on and found again afterwards, since a text mostly goes on as
others have.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rnngen.corpus.ngram_rows import extended, row_of
from rnngen.engine.layers import Layer
from rnngen.engine.probabilities import Array


class InputTable:
    """U x + b of the first layer for every token of the vocabulary, each computed when it is first read.

    A row is always the product of one vector, so its rounding does not depend on which tokens are read together. The
    last row, with id V, is for a masked token, whose x is 0.
    """

    history = 0
    before: Array = np.zeros((1, 0))

    def __init__(self, embedding: Array, layer: Layer) -> None:
        self._embedding, self._U, self._b = embedding, layer.U, layer.b.ravel()
        self._G, self._H = len(layer.BLOCKS), layer.width
        self._gates = np.arange(self._G)[:, None]
        self._make_table(len(embedding) + 1)
        self.allocate(1)

    def _make_table(self, rows: int) -> None:
        self._table = np.empty((rows, self._G, 1, self._H), self._U.dtype)  # untouched memory costs nothing
        self._blocks = self._table.reshape(-1, self._H)  # (rows · G, H)
        self._known = bytearray(rows)

    def allocate(self, B: int) -> None:
        """Allocate the buffer for B streams."""
        self._taken = np.empty((self._G, B, self._H), self._U.dtype)

    def of(self, tokens: Sequence[int]) -> Array:
        """U x + b of these tokens, (G, B, H)."""
        for token in tokens:
            if not self._known[token]:
                self._compute(token, token)
                self._known[token] = 1
        return self._rows(tokens)

    def _compute(self, row: int, token: int, before: Sequence[int] = ()) -> None:
        """Fill a row of the table."""
        masked = token == len(self._embedding)
        self._table[row].ravel()[:] = self._b if masked else self._U @ self._input(token, before) + self._b

    def _input(self, token: int, before: Sequence[int]) -> Array:
        """The x of a token, (E,)."""
        x: Array = self._embedding[token]
        return x

    def _rows(self, rows: Sequence[int]) -> Array:
        """Rows of the table, (G, B, H)."""
        if len(rows) == 1:
            row: Array = self._table[rows[0]]  # a view
            return row
        blocks = np.array(rows, np.intp) * self._G + self._gates
        taken: Array = self._blocks.take(blocks, 0, self._taken, "clip")  # the only mode that writes without a copy
        return taken


class NGramTable(InputTable):
    """U x + b for the tokens that have been read lately, each with the earlier tokens that x depends on as well.

    Args:
        embedding: of each token, (V, E).
        ngrams: the table of the embeddings of n-grams, (R, E); see ``corpus/ngram_rows.py``.
        layer: the first one.
        history: number of earlier tokens that x depends on.
        boundary: the token between documents; None: there is none.
    """

    def __init__(self, embedding: Array, ngrams: Array, layer: Layer, history: int, boundary: int | None) -> None:
        self.history, self._ngrams = history, ngrams
        self._no_token = (_NONE, len(embedding), boundary)  # V is a masked token
        super().__init__(embedding, layer)

    def _make_table(self, rows: int) -> None:
        super()._make_table(max(rows, 256, _TABLE_SIZE // (self._G * self._H)))
        self._found: dict[tuple[int, ...], int] = {}  # a token and those before it → row of the table

    def allocate(self, B: int) -> None:
        """Allocate the buffer for B streams that have read nothing."""
        super().allocate(B)
        if len(self._table) < B:
            self._make_table(B)
        self._before = [[_NONE] * B] * self.history  # ids of the last tokens of each stream, then of those before them

    @property
    def before(self) -> Array:
        """Ids plus one of the tokens that each stream has read last, the oldest first, 0 for none, (B, history)."""
        ids = np.array(self._before[::-1], self._U.dtype).T + 1
        ids[ids > len(self._embedding)] = 0  # masked tokens are none
        return ids

    @before.setter
    def before(self, tokens: Array) -> None:
        self._before = (tokens.T[::-1].astype(np.int64) - 1).tolist()

    def of(self, tokens: Sequence[int]) -> Array:
        """U x + b of these tokens, the next one of each stream, (G, B, H)."""
        keys = [*zip(tokens, *self._before, strict=True)]
        self._before = [[*tokens], *self._before[:-1]]
        rows = [*map(self._found.get, keys)]
        return self._rows(self._filled(keys) if None in rows else rows)  # type: ignore[arg-type]

    def _filled(self, keys: Sequence[tuple[int, ...]]) -> list[int]:
        """Rows of the table for these tokens, each with those before it; filled where they were not."""
        if len(self._found) + len(keys) > len(self._table):
            self._found.clear()
        rows = []
        for key in keys:
            row = self._found.get(key)
            if row is None:
                row = len(self._found)
                token, *before = map(int, key)  # of whatever type: Python's does not overflow
                self._compute(row, token, before)
                self._found[key] = row  # only now, in case Ctrl-C comes before
            rows.append(row)
        return rows

    def _input(self, token: int, before: Sequence[int]) -> Array:
        """The embedding of a token and those of the n-grams that end there, summed, (E,)."""
        x, hashes = super()._input(token, before), token + 1
        for earlier in before:
            if earlier in self._no_token:
                break
            hashes = extended(hashes, earlier + 1)
            x = x + self._ngrams[row_of(hashes, len(self._ngrams))]
        return x


_NONE = -1  # in place of a token before the beginning
_TABLE_SIZE = 1 << 24
"""Numbers in a table for n-grams, or more for a large vocabulary; 64 MB once all of it has been used."""
