"""Cutting a text only where a word or a document ends, so that its pieces have the same tokens as the whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rnngen.corpus.documents import BOUNDARY

_LONGEST = 1 << 20  # characters to hold back in search of a boundary


class Aligner:
    """A text that comes in pieces, cut only after a document, or where a word ends and one space or newline follows.

    Words are found within a piece, so a cut inside one would give other tokens than the whole text. A piece without
    such a place (a line of 100 MB without a space) is cut where it ends.
    """

    def __init__(self) -> None:
        self._held = ""

    def add(self, piece: str) -> str:
        """The text up to the last such place, after one more piece; it may be empty."""
        text = self._held + piece
        at = last_boundary(text, len(self._held) - 1)
        if at == 0 and len(text) > _LONGEST:
            at = len(text)
        self._held = text[at:]
        return text[:at]

    def finish(self) -> str:
        """The text that was held back."""
        rest, self._held = self._held, ""
        return rest


def aligned_pieces(pieces: Iterable[str]) -> Iterator[str]:
    """The same text, cut by an ``Aligner``."""
    aligner = Aligner()
    for piece in pieces:
        if text := aligner.add(piece):
            yield text
    if text := aligner.finish():
        yield text


def last_boundary(text: str, since: int) -> int:
    """Where the last word or document begins, including the one space before it; 0 if none does after ``since``."""
    document = text.rfind(BOUNDARY, max(since, 0)) + 1
    for at in range(len(text) - 2, max(since - 1, document, 0), -1):
        if text[at] in " \n" and not text[at - 1].isspace() and not text[at + 1].isspace():
            return at if text[at] == " " else at + 1
    return document
