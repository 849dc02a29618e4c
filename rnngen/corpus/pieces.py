"""A text that comes in pieces: counted, hashed, and cut into parts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class TextCounts:
    """The length of a text. ``words`` are separated by white space."""

    characters: int = 0
    words: int = 0
    bytes: int = 0


class TextCounter:
    """Counts characters, words and bytes."""

    def __init__(self) -> None:
        self._characters = self._words = self._bytes = 0
        self._in_word = False

    def add(self, piece: str) -> None:
        """Count one more piece."""
        if not piece:
            return
        self._characters += len(piece)
        self._bytes += len(piece.encode("utf-8"))
        # a word that is cut by the border between two pieces is one word
        self._words += len(piece.split()) - (self._in_word and not piece[0].isspace())
        self._in_word = not piece[-1].isspace()

    @property
    def counts(self) -> TextCounts:
        """What was counted so far."""
        return TextCounts(self._characters, self._words, self._bytes)


class TextHash:
    """The SHA-256 of a text as UTF-8.

    Attributes:
        characters: how many were read so far.
        bytes: how many they are as UTF-8.
    """

    def __init__(self) -> None:
        self.characters = self.bytes = 0
        self._sha = hashlib.sha256()

    def add(self, piece: str) -> None:
        """Read one more piece."""
        content = piece.encode("utf-8")
        self._sha.update(content)
        self.characters += len(piece)
        self.bytes += len(content)

    @property
    def sha256(self) -> str:
        """The hash of what was read so far, in hexadecimal."""
        return self._sha.hexdigest()


class Cutter:
    """Cuts a text into consecutive parts, each of which is read from where the one before it ended."""

    def __init__(self, pieces: Iterable[str]) -> None:
        self._pieces = iter(pieces)
        self._position = 0  # in characters
        self._rest = ""  # of a piece that two parts share

    def until(self, stop: int | None) -> Iterator[str]:
        """The pieces up to character ``stop`` (exclusive) of the whole text; None: up to its end."""
        while stop is None or self._position < stop:
            piece = self._rest or next(self._pieces, None)
            if piece is None:
                return
            size = None if stop is None else stop - self._position
            part, self._rest = piece[:size], "" if size is None else piece[size:]
            self._position += len(part)
            if part:
                yield part
