"""Tokens that are characters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.documents import BOUNDARY
from rnngen.corpus.normalization import Normalization
from rnngen.corpus.tokenizer.encoder import Ids
from rnngen.corpus.tokenizer.protocol import Level, Tokenizer, check_vocab_size, to_bytes
from rnngen.errors import TokenizerError

UNKNOWN = "<unk>"
_CODE_POINTS = 0x110000  # of Unicode


class CharTokenizer(Tokenizer):
    """One token per character; id 0 is the unknown symbol, the others are sorted by code point."""

    level: Level = "char"
    unknown_id = 0

    def __init__(self, characters: Iterable[str], normalization: Normalization = "none") -> None:
        self.normalization = normalization
        self.characters = sorted(set(characters))
        self.vocab_size = len(self.characters) + 1
        check_vocab_size(self.vocab_size)
        codes = np.array([ord(c) for c in self.characters], dtype=np.int64)
        self._ids = np.zeros(_CODE_POINTS, dtype=self.dtype)  # by code point
        self._ids[codes] = np.arange(1, self.vocab_size)
        self.boundary_id = 1 if BOUNDARY in self.characters[:1] else None

    @classmethod
    def train(
        cls, pieces: Iterable[str], vocab_size: int | None, min_count: int = 1, normalization: Normalization = "none"
    ) -> CharTokenizer:
        """Take all characters that occur ``min_count`` times, or the ``vocab_size - 1`` most frequent of them.

        Raises:
            TokenizerError: there are none, but there is text; or ``vocab_size`` has no place for one.
        """
        counts: Counter[str] = Counter()
        for piece in pieces:
            codes, n = np.unique(_code_points(piece), return_counts=True)
            counts.update({chr(c): int(k) for c, k in zip(codes, n, strict=True)})
        kept = (c for c in counts if counts[c] >= min_count or c == BOUNDARY)
        ranked = sorted(kept, key=lambda c: (c != BOUNDARY, -counts[c], c))
        if counts and not set(ranked) - {BOUNDARY}:
            raise TokenizerError(
                f"no character occurs {min_count} times in the training text",
                found=f"{max(counts.values())} at most",
                hint="Give a smaller `min_count`, or more text.",
            )
        if vocab_size:
            ranked = ranked[: vocab_size - 1]
        if ranked == [BOUNDARY]:
            raise TokenizerError(
                "`vocab_size` leaves no character",
                expected="3 or more: the unknown symbol, the boundary between documents, and characters",
                found=vocab_size,
            )
        return cls(ranked, normalization)

    def grown(self, learn: Callable[[int | None], Tokenizer]) -> CharTokenizer:
        """With the characters of a text that it lacks."""
        other = learn(None)
        assert isinstance(other, CharTokenizer)
        new = set(other.characters) - set(self.characters)
        if not new:
            return self
        return CharTokenizer([*self.characters, *new], self.normalization).with_labels(self.labels)

    def _encode(self, text: str) -> Ids:
        """Ids of shape (N,), one per character; 0 for a character that is not in the vocabulary."""
        return self._ids[_code_points(text)]

    def _token_bytes(self) -> list[bytes]:
        """The UTF-8 of each character."""
        return [UNKNOWN.encode(), *(c.encode() for c in self.characters)]

    def _to_hf(self) -> Any:
        """A WordLevel model over single characters."""
        from tokenizers import Regex, decoders, models, pre_tokenizers
        from tokenizers import Tokenizer as HfTokenizer

        vocab = {UNKNOWN: 0} | {c: i for i, c in enumerate(self.characters, start=1)}
        tokenizer = HfTokenizer(models.WordLevel(vocab=vocab, unk_token=UNKNOWN))
        tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
        tokenizer.decoder = decoders.Fuse()
        return tokenizer


class FirstOccurrences:
    """Where each character of a text that comes in pieces occurs first.

    So the characters of the training part are known after one reading, although where the part ends is known only then.
    """

    def __init__(self) -> None:
        self._position = 0
        self._seen = np.zeros(_CODE_POINTS, dtype=bool)  # by code point
        self._first: dict[str, int] = {}

    def add(self, piece: str) -> None:
        """Read one more piece."""
        codes = _code_points(piece)
        new = np.flatnonzero(~self._seen[codes])
        found, first = np.unique(codes[new], return_index=True)
        self._seen[found] = True
        self._first |= {chr(c): self._position + int(at) for c, at in zip(found, new[first], strict=True)}
        self._position += len(codes)

    def before(self, stop: int) -> list[str]:
        """The characters that occur among the first ``stop`` characters."""
        return [character for character, position in self._first.items() if position < stop]


def _code_points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(to_bytes(text, "utf-32-le"), dtype=np.uint32)
