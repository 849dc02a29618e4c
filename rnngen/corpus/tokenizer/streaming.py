"""Decoding one token at a time, as text is written."""

from __future__ import annotations

import codecs
from collections.abc import Iterable

from rnngen.corpus.documents import BOUNDARY
from rnngen.corpus.tokenizer.closed import without_spaces_at_ends
from rnngen.corpus.tokenizer.protocol import Tokenizer


class StreamDecoder:
    """Decodes one token at a time and holds back an incomplete character until its last byte has come."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._table = tokenizer.token_bytes()
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._whole: dict[int, str] = {}  # text of the tokens known to consist of whole characters
        self._holding = False  # whether a character is incomplete
        self._is_spaced, self._space = tokenizer.is_closed, ""  # words with spaces, and one that is held back

    def push(self, token: int) -> str:
        """The text that this token completes, possibly none."""
        if not self._holding and token in self._whole:
            return self._whole[token]
        held = self._holding
        text = self.push_bytes(self._table[token])
        if not held and not self._holding and not self._is_spaced:
            self._whole[token] = text
        return text

    def push_bytes(self, content: bytes) -> str:
        """The text that these bytes complete, possibly none."""
        text = self._decoder.decode(content)
        self._holding = bool(self._decoder.getstate()[0])
        if not self._is_spaced:
            return text
        text = self._space + text
        self._space = " " if text.endswith(" ") else ""  # it is one if a word follows, and not a line end
        return without_spaces_at_ends(text.removesuffix(" "))

    def finish(self) -> str:
        """End the text: a character that is still incomplete becomes U+FFFD."""
        return self._decoder.decode(b"", final=True)


def pieces_of(tokenizer: Tokenizer, tokens: Iterable[int]) -> list[str]:
    """The text that each token completes, possibly none.

    An unknown character is U+FFFD, one character, an unknown word is <unk>, and a boundary between documents is a line
    end.
    """
    decoder, unknown = StreamDecoder(tokenizer), None if tokenizer.is_closed else tokenizer.unknown_id
    texts = ["\ufffd" if token == unknown else decoder.push(token) for token in tokens]
    return [text.replace(BOUNDARY, "\n") for text in texts]
