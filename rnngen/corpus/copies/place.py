"""A place in a text, as a reader finds it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.copies.decoded import text_of, whole_words, words_of
from rnngen.corpus.documents import BOUNDARY

_LINE_END, _BOUNDARY = 10, ord(BOUNDARY)


@dataclass(frozen=True)
class Place:
    """A place in a text; all numbers begin at 1.

    Attributes:
        document: the number of the document; None: the text is one stream.
        line: in the document, or in the text.
        character: likewise.
    """

    document: int | None
    line: int
    character: int

    def __str__(self) -> str:
        where = f"line {self.line:,}, character {self.character:,}"
        return where if self.document is None else f"document {self.document:,}, {where}"


def place_of(character: int, text: Iterable[NDArray[np.uint32]], *, documents: bool) -> Place:
    """The place of a character, whose number begins at 0, in a text that is given in blocks."""
    document, line, begin, before = 1, 1, 0, 0  # begin: of the document
    for block in text:
        block = block[: character - before]
        if documents and len(ends := np.flatnonzero(block == _BOUNDARY)):
            document, line, begin = document + len(ends), 1, before + int(ends[-1]) + 1
            line += int(np.count_nonzero(block[ends[-1] :] == _LINE_END))
        else:
            line += int(np.count_nonzero(block == _LINE_END))
        before += len(block)
        if before >= character:
            break
    return Place(document if documents else None, line, character - begin + 1)


def beginning_of_document(at: int, size: int, text: Iterable[NDArray[np.uint32]]) -> str:
    """The first characters of the document that begins at a character, whose number begins at 0, up to ``size``."""
    codes, before = np.zeros(0, np.uint32), 0
    for block in text:
        codes = np.concatenate([codes, block[max(0, at - before) :][: size - len(codes)]])
        before += len(block)
        if len(codes) == size:
            break
    return text_of(codes).split(BOUNDARY, 1)[0]


def character_of_word(number: int, text: Iterable[NDArray[np.uint32]]) -> int:
    """The character, counted from 0, at which a word begins, whose number begins at 0."""
    before = 0
    for piece in whole_words(text):
        words = words_of(piece)
        if number < len(words):
            at = 0
            for word in words[:number]:
                at = piece.index(word, at) + len(word)
            return before + piece.index(words[number], at)
        number, before = number - len(words), before + len(piece)
    raise IndexError("the text has fewer words")
