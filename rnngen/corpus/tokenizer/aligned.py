"""Cutting a text only where a word ends, so that its pieces have the same tokens as the whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

_LONGEST = 1 << 20  # characters to hold back in search of a boundary


def aligned_pieces(pieces: Iterable[str]) -> Iterator[str]:
    """The same text, cut only where a word ends and exactly one space or newline follows.

    Words are found within a piece, so a cut inside one would give other tokens than the whole text. A piece without
    such a boundary (a line of 100 MB without a space) is cut where it ends.
    """
    held = ""
    for piece in pieces:
        text = held + piece
        at = last_boundary(text, len(held) - 1)
        if at == 0 and len(text) > _LONGEST:
            at = len(text)
        if at:
            yield text[:at]
        held = text[at:]
    if held:
        yield held


def last_boundary(text: str, since: int) -> int:
    """Where the last word begins, including the one space before it; 0 if there is no such boundary after ``since``."""
    for at in range(len(text) - 2, max(since - 1, 0), -1):
        if text[at] in " \n" and not text[at - 1].isspace() and not text[at + 1].isspace():
            return at if text[at] == " " else at + 1
    return 0
