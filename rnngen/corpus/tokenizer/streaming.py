"""Decoding one token at a time, as text is written."""

from __future__ import annotations

import codecs
from collections.abc import Iterable

from rnngen.corpus.documents import BOUNDARY
from rnngen.corpus.tokenizer.protocol import Tokenizer


class StreamDecoder:
    """Decodes one token at a time and holds back an incomplete character until its last byte has come."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._table = tokenizer.token_bytes()
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._whole: dict[int, str] = {}  # text of the tokens known to consist of whole characters
        self._holding = False  # whether a character is incomplete

    def push(self, token: int) -> str:
        """The text that this token completes, possibly none."""
        if not self._holding and token in self._whole:
            return self._whole[token]
        held = self._holding
        text = self.push_bytes(self._table[token])
        if not held and not self._holding:
            self._whole[token] = text
        return text

    def push_bytes(self, content: bytes) -> str:
        """The text that these bytes complete, possibly none."""
        text = self._decoder.decode(content)
        self._holding = bool(self._decoder.getstate()[0])
        return text

    def finish(self) -> str:
        """End the text: a character that is still incomplete becomes U+FFFD."""
        return self._decoder.decode(b"", final=True)


def pieces_of(tokenizer: Tokenizer, tokens: Iterable[int]) -> list[str]:
    """The text that each token completes, possibly none.

    An unknown character is U+FFFD, one character, and a boundary between documents is a line end.
    """
    decoder, unknown = StreamDecoder(tokenizer), tokenizer.unknown_id
    texts = ["\ufffd" if token == unknown else decoder.push(token) for token in tokens]
    return [text.replace(BOUNDARY, "\n") for text in texts]
