"""The scores of every token of a text, with its text and its place, as they are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rnngen.corpus.documents import BOUNDARY
from rnngen.corpus.tokenizer import StreamDecoder, Tokenizer
from rnngen.evaluation.blocks import ScoredBlock

_ROWS = 1 << 12  # that are given at a time


class PerTokenRows:
    """Gives the scores of each token to a function, a row per token; ``Analysis``.

    A row has the keys ``token``, the text that the token completes (a part of a character completes none, and the end
    of a document is a line end), ``byte`` and ``character``, how many of them are before it in the text as UTF-8,
    ``line``, from 1, in which it begins, ``nats``, and ``rank``, how many tokens were more likely.

    Args:
        tokenizer: of the run.
        write: is given the rows of each block.
        key: of the nats.
    """

    detailed = True

    def __init__(
        self, tokenizer: Tokenizer, write: Callable[[list[dict[str, Any]]], object], key: str = "nats"
    ) -> None:
        self._decoder, self._write, self._key = StreamDecoder(tokenizer), write, key
        self._table, self._is_closed = tokenizer.token_bytes(), tokenizer.is_closed
        self._unknown = None if tokenizer.is_closed else tokenizer.unknown_id
        self._byte, self._character, self._line = 0, 0, 1

    def add(self, block: ScoredBlock) -> None:
        """Take in the next tokens of the text."""
        ranks = block.scores.ranks
        assert ranks is not None
        for begin in range(0, len(block.tokens), _ROWS):
            here = slice(begin, begin + _ROWS)
            scored = zip(block.tokens[here].tolist(), block.nats[here], ranks[here].tolist(), strict=True)
            self._write([self._row(*each) for each in scored])

    def _row(self, token: int, nats: np.float32, rank: int) -> dict[str, Any]:
        text = "\ufffd" if token == self._unknown else self._decoder.push(token).replace(BOUNDARY, "\n")
        row = {
            "token": text,
            "byte": self._byte,
            "character": self._character,
            "line": self._line,
            self._key: float(str(nats)),  # the shortest number that is this one in float32
            "rank": rank,
        }
        # a part of a character has bytes, but completes no text; an unknown character and a word are what is shown
        is_text = self._is_closed or token == self._unknown
        self._byte += len(text.encode() if is_text else self._table[token])
        self._character += len(text)
        self._line += text.count("\n")
        return row
