"""A text that comes in pieces: counted and hashed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from rnngen.corpus.documents import BOUNDARY
from rnngen.corpus.labels import without_labels


@dataclass(frozen=True)
class TextCounts:
    """The length of a text.

    Attributes:
        characters: how many; the boundary after a document is one, like the line end that it often stands for.
        words: separated by white space.
        bytes: as UTF-8; a boundary is one.
        documents: how many; 0 if the text is one stream. Their labels are no characters, and have no bytes.
        lines: how many; a line ends with a line end, with its document, or with the text. One that is cut by the border
            between two parts of a text is a line of each.
    """

    characters: int = 0
    words: int = 0
    bytes: int = 0
    documents: int = 0
    lines: int = 0


class TextCounter:
    """Counts characters, words and bytes.

    Attributes:
        labels: how many documents had one.
    """

    def __init__(self) -> None:
        self.labels = 0
        self._characters = self._words = self._bytes = self._documents = self._line_ends = 0
        self._in_word = self._in_line = False

    def add(self, piece: str) -> None:
        """Count one more piece."""
        try:
            content = piece.encode("utf-8")
        except UnicodeEncodeError:  # at a label
            text = without_labels(piece)
            self.labels += len(piece) - len(text)
            self.add(text)
            return
        if not piece:
            return
        self._characters += len(piece)
        self._bytes += len(content)
        documents = piece.count(BOUNDARY)
        if documents:
            self._documents += documents
            piece = piece.replace(BOUNDARY, "\n")
        self._line_ends += piece.count("\n")
        self._in_line = piece[-1] != "\n"
        # a word that is cut by the border between two pieces is one word
        self._words += len(piece.split()) - (self._in_word and not piece[0].isspace())
        self._in_word = not piece[-1].isspace()

    @property
    def counts(self) -> TextCounts:
        """What was counted so far."""
        lines = self._line_ends + self._in_line
        return TextCounts(self._characters, self._words, self._bytes, self._documents, lines)


class TextHash:
    """The SHA-256 of a text as UTF-8, with the labels of its documents.

    Attributes:
        characters: how many were read so far.
        bytes: how many they are as UTF-8.
        documents: how many ended so far.
        is_blank: whether all of it was white space.
    """

    def __init__(self) -> None:
        self.characters = self.bytes = self.documents = 0
        self.is_blank = True
        self._sha = hashlib.sha256()

    def add(self, piece: str) -> None:
        """Read one more piece."""
        try:
            content = piece.encode("utf-8")
            self._sha.update(content)
        except UnicodeEncodeError:  # at a label
            self._sha.update(piece.encode("utf-8", "surrogatepass"))
            piece = without_labels(piece)
            content = piece.encode("utf-8")
        self.is_blank = self.is_blank and (not piece or piece.isspace())
        self.characters += len(piece)
        self.bytes += len(content)
        self.documents += content.count(0)

    @property
    def sha256(self) -> str:
        """The hash of what was read so far, in hexadecimal."""
        return self._sha.hexdigest()
