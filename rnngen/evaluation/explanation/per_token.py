"""The scores of every token of a text, with its text and its place, as JSON Lines, while it is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache

import numpy as np

from rnngen.corpus.documents import BOUNDARY
from rnngen.corpus.tokenizer import StreamDecoder, Tokenizer
from rnngen.evaluation.blocks import ScoredBlock

_ROWS = 1 << 12  # that are given at a time
_SHORT = 24  # characters of texts that are remembered, of which there are not more than tokens, or characters


class PerTokenLines:
    """Gives the scores of each token to a function, as a line of JSON per token; ``Analysis``.

    A line has the keys ``token``, the text that the token completes (a part of a character completes none, and the end
    of a document is a line end), ``byte`` and ``character``, how many of them are before it in the text as UTF-8,
    ``line``, from 1, in which it begins, ``nats``, to seven digits, and ``rank``, how many tokens were more likely.

    Args:
        tokenizer: of the run.
        write: is given some lines at a time.
        key: of the nats.
    """

    detailed = True

    def __init__(self, tokenizer: Tokenizer, write: Callable[[str], object], key: str = "nats") -> None:
        self._decoder, self._write, self._key = StreamDecoder(tokenizer), write, json.dumps(key)
        self._sizes = np.array([len(content) for content in tokenizer.token_bytes()])
        self._is_closed, self._unknown = tokenizer.is_closed, None if tokenizer.is_closed else tokenizer.unknown_id
        self._byte, self._character, self._line = 0, 0, 1
        self._quoted = cache(_quoted)

    def add(self, block: ScoredBlock) -> None:
        """Take in the next tokens of the text."""
        assert block.scores.ranks is not None
        for begin in range(0, len(block.tokens), _ROWS):
            here = slice(begin, begin + _ROWS)
            parts = block.tokens[here], self._sizes[block.tokens[here]], block.nats[here], block.scores.ranks[here]
            self._write("".join([self._row(*each) for each in zip(*(part.tolist() for part in parts), strict=True)]))

    def _row(self, token: int, size: int, nats: float, rank: int) -> str:
        text = "\ufffd" if token == self._unknown else self._decoder.push(token).replace(BOUNDARY, "\n")
        quoted, bytes_, lines = self._quoted(text) if len(text) < _SHORT else _quoted(text)
        row = (
            f'{{"token": {quoted}, "byte": {self._byte}, "character": {self._character}, "line": {self._line}, '
            f'{self._key}: {nats:.7g}, "rank": {rank}}}\n'
        )
        # a part of a character has bytes, but completes no text; an unknown character and a word are what is shown
        self._byte += bytes_ if self._is_closed or token == self._unknown else size
        self._character += len(text)
        self._line += lines
        return row


def _quoted(text: str) -> tuple[str, int, int]:
    """A text in JSON, its length in bytes, and how many line ends it has."""
    return json.dumps(text, ensure_ascii=False), len(text.encode()), text.count("\n")
