"""``Tokenizer``: what every tokenizer does, whatever its tokens are."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from functools import cached_property
from typing import Any, Literal, Self

import numpy as np

from rnngen.corpus.documents import BOUNDARY, NONE
from rnngen.corpus.normalization import Normalization, normalized, normalized_pieces
from rnngen.corpus.pieces import TextCounts
from rnngen.corpus.tokenizer.encoder import Encoder, Ids, LabelledEncoder
from rnngen.errors import TokenizerError
from rnngen.options.training import MAX_VOCAB_SIZE

Level = Literal["char", "byte", "word", "words-closed", "bpe"]

NORMALIZERS: Mapping[Normalization, Any] = {
    "none": None,
    "nfc": {"type": "NFC"},
    "nfkc": {"type": "NFKC"},
    "lower": {"type": "Sequence", "normalizers": [{"type": "Lowercase"}, {"type": "NFC"}]},
}
"""What does the same in the ``tokenizers`` library, as a ``tokenizer.json`` says it."""

LABEL = "label "
"""What the name of a label's token begins with there. No text has such a token: characters are tokens of one character,
and the alphabet in which bytes are spelled has no space."""


class Tokenizer(ABC):
    """Text ↔ ids.

    Attributes:
        level: ``char``, ``byte``, ``word``, ``words-closed`` or ``bpe``.
        vocab_size: V; ids are 0 … V-1.
        unknown_id: the id of unknown characters or words; None if the tokenizer can encode every text.
        is_closed: whether the unknown symbol is a token like others, which texts may contain (see ``closed.py``).
        line_end_id: the id of the token that ends every line, the last one too; None: there is none.
        boundary_id: the id of the boundary between documents (see ``documents.py``); None: there is none.
        labels: of documents (see ``labels.py``); their ids are the last ones.
        normalization: the form in which it reads every text.
    """

    level: Level
    vocab_size: int
    unknown_id: int | None = None
    is_closed: bool = False
    line_end_id: int | None = None
    boundary_id: int | None = None
    labels: tuple[str, ...] = ()
    normalization: Normalization = "none"

    def encode(self, text: str) -> Ids:
        """Encode a whole text; ids of shape (N,).

        Raises:
            TokenizerError: the text contains a lone surrogate, which is not a character.
        """
        text = self.normalized(text)
        if self.labels:  # which are lone surrogates
            to_bytes(text)
        return self._encode(text)

    @abstractmethod
    def _encode(self, text: str) -> Ids:
        """Encode a text that is normalised."""

    def normalized(self, text: str) -> str:
        """A text as the tokenizer reads it."""
        return normalized(text, self.normalization)

    @abstractmethod
    def _token_bytes(self) -> list[bytes]:
        """Compute the table that ``token_bytes`` caches."""

    @cached_property
    def _table(self) -> list[bytes]:
        return [*self._token_bytes(), *[b""] * len(self.labels)]

    @property
    def text_size(self) -> int:
        """The number of tokens that spell text, which are the first ones."""
        return self.vocab_size - len(self.labels)

    def with_labels(self, labels: Sequence[str]) -> Self:
        """The same tokenizer with these labels instead of its own.

        Raises:
            TokenizerError: the vocabulary would be too large.
        """
        other = copy(self)
        for name in ("_table", "_in_order"):
            other.__dict__.pop(name, None)
        other.vocab_size = self.text_size + len(labels)
        other.labels = tuple(labels)
        check_vocab_size(other.vocab_size)
        return other

    def label_ids(self) -> range:
        """The ids of the labels."""
        return range(self.text_size, self.vocab_size)

    def token_bytes(self) -> list[bytes]:
        """The UTF-8 bytes of each token, by id; a text is the concatenation of its tokens' bytes."""
        return self._table

    @abstractmethod
    def _to_hf(self) -> Any:
        """The same tokenizer, but for its normalisation, in the ``tokenizers`` library."""

    def to_json(self) -> str:
        """The ``tokenizer.json`` that the ``tokenizers`` library reads."""
        content = str(self._to_hf().to_str(pretty=True))
        if self.labels:
            tree = json.loads(content)
            names = (LABEL + label for label in self.labels)
            tree["model"]["vocab"] |= dict(zip(names, self.label_ids(), strict=True))
            content = json.dumps(tree, indent=2, ensure_ascii=False)
        if self.normalization == "none":
            return content
        normalizer = json.dumps(NORMALIZERS[self.normalization], indent=2).replace("\n", "\n  ")
        return content.replace('"normalizer": null', f'"normalizer": {normalizer}', 1)

    def grown(self, learn: Callable[[int | None], Tokenizer]) -> Tokenizer:
        """The same tokenizer with the tokens that it lacks for a text, if there are any.

        Args:
            learn: returns a tokenizer of the same level for the text, with at most this vocabulary size; None: any.
        """
        return self  # everything can be spelled

    @property
    def dtype(self) -> type[np.uint16] | type[np.uint32]:
        """The narrowest type that holds every id, in which tokens are stored on disk."""
        return np.uint16 if self.vocab_size <= 1 << 16 else np.uint32

    def decode(self, ids: Iterable[int], *, before: bytes = b"", skip: int = 0) -> str:
        """Decode ids; bytes that are not UTF-8 become U+FFFD.

        Args:
            ids: tokens.
            before: bytes to put before theirs.
            skip: how many bytes to drop from the beginning of the result.
        """
        table = self.token_bytes()
        return b"".join([before, *(table[i] for i in ids)])[skip:].decode("utf-8", errors="replace")

    def unknown_in(self, text: str, *, is_whole: bool = True) -> tuple[str, ...]:
        """The characters or words of a text that it does not know, each once.

        Args:
            text: the text.
            is_whole: whether its last word has ended; if not, it is unknown only if no known word begins with it.
        """
        if self.unknown_id is None:
            return ()
        text = self.normalized(text)
        ids = self.encode(text).tolist()
        return tuple(dict.fromkeys(c for c, i in zip(text, ids, strict=True) if i == self.unknown_id))

    def counts_of(self, tokens: Ids, counts: TextCounts) -> TextCounts:
        """The length of a text as it is read; see ``ClosedTokenizer.counts_of``."""
        return counts

    def join(self, parts: Iterable[str]) -> str:
        """One text of parts that were decoded one by one."""
        return "".join(parts)

    def spelling(self, text: str) -> str:
        """A text as the tokens' bytes spell it."""
        return text

    def shown(self, ids: Iterable[int]) -> str:
        """Decode ids for a reader, to whom a boundary between documents is a line end."""
        return self.decode(ids).replace(BOUNDARY, "\n")

    def hold_back(self, text: str) -> tuple[Ids, str]:
        """Split a text into ids that no continuation can change, and the end of the text, which one can.

        The ids followed by those of the end are the ids of the text. If every token is a character or a byte, no
        continuation changes any of them, and nothing is held back.
        """
        return self.encode(text), ""

    @cached_property
    def _in_order(self) -> tuple[list[bytes], list[int]]:
        """The bytes of all tokens, sorted, and their ids."""
        pairs = sorted(zip(self.token_bytes(), range(self.vocab_size), strict=True))
        return [content for content, _ in pairs], [token for _, token in pairs]

    def tokens_beginning(self, content: bytes) -> list[int]:
        """Ids of the tokens whose bytes begin with ``content``."""
        contents, ids = self._in_order
        first = last = bisect_left(contents, content)
        while last < len(contents) and contents[last].startswith(content):
            last += 1
        return ids[first:last]

    def tokens_within(self, content: bytes) -> list[int]:
        """Ids of the tokens whose bytes are a proper prefix of ``content``, shortest first."""
        contents, ids = self._in_order
        found = []
        for size in range(1, len(content)):
            at = bisect_left(contents, content[:size])
            if at < len(contents) and contents[at] == content[:size]:
                found.append(ids[at])
        return found

    def boundary(self, documents: str | None) -> int | None:
        """The token between documents of a text that follows this rule; None: the text is one stream."""
        return None if documents in (None, NONE) else self.boundary_id

    def encoder(self) -> Encoder:
        """An encoder of a text that comes in pieces; its documents may begin with labels."""
        if not self.labels:
            return self._encoder()
        return LabelledEncoder(self._encoder(), self.boundary_id, self.text_size, self.dtype)

    def _encoder(self) -> Encoder:
        """An encoder of a normalised text that comes in pieces."""
        return Encoder(self._encode)

    def encode_pieces(self, pieces: Iterable[str]) -> Iterator[Ids]:
        """Encode a text that comes in pieces; together the ids are those of the whole text."""
        encoder = self.encoder()
        for piece in normalized_pieces(pieces, self.normalization):
            yield encoder.add(piece)
        yield encoder.finish()


def check_vocab_size(size: int) -> None:
    """Refuse to make a vocabulary that could not be read again.

    Raises:
        TokenizerError: it is too large.
    """
    if size > MAX_VOCAB_SIZE:
        raise TokenizerError(
            "the vocabulary is too large",
            expected=f"at most {MAX_VOCAB_SIZE:,} tokens",
            found=f"{size:,}",
            hint="Give a smaller `vocab_size`.",
        )


def to_bytes(text: str, encoding: str = "utf-8") -> bytes:
    """A text's bytes.

    Raises:
        TokenizerError: the text contains a lone surrogate, which is not a character.
    """
    try:
        return text.encode(encoding)
    except UnicodeEncodeError as error:
        raise TokenizerError(
            "the text contains a lone surrogate, which is not a character",
            found=f"U+{ord(text[error.start]):04X} at character {error.start}",
            hint="Check the encoding it was read with.",
        ) from error
