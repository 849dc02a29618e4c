"""Grapheme clusters: what a reader takes for one character, though it may be several code points.

An emoji with a skin tone, a flag, a letter with its accents or vowel signs, a Korean syllable in jamo: a text is cut
between clusters wherever rnngen cuts one (Unicode Standard Annex 29; ``wcwidth`` finds them). A cluster of more than
``LONGEST`` code points, which no language has, is cut nevertheless.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

LONGEST = 64

_Mark = TypeVar("_Mark")


def finished(text: str) -> int:
    """The size of the beginning of a text that is whole whatever follows: all but its last cluster, which may grow."""
    if not text or text[-1] == "\n":  # nothing joins a line end
        return len(text)
    start = _cluster_start(text, len(text))
    return start if len(text) - start <= LONGEST else len(text)


def boundary_before(text: str, at: int) -> int:
    """The last place up to ``at`` where no cluster is cut."""
    if at <= 0 or at >= len(text):
        return max(0, min(at, len(text)))
    start = _cluster_start(text, at + 1)
    return start if at - start <= LONGEST else at


def boundary_after(text: str, at: int) -> int:
    """The first place from ``at`` on where no cluster is cut."""
    places = range(max(0, at), min(len(text), at + LONGEST))
    return next((place for place in places if boundary_before(text, place) == place), min(len(text), at + LONGEST))


def _cluster_start(text: str, end: int) -> int:
    """Where the cluster begins to which the character before ``end`` belongs."""
    if text[max(0, end - 2) : end].isascii():  # most text
        return end - 2 if text[max(0, end - 2) : end] == "\r\n" else end - 1
    from wcwidth import grapheme_boundary_before  # here: most text needs it not

    first = max(0, end - 2 * LONGEST)
    while first > 0 and "\U0001f1e6" <= text[first - 1] <= "\U0001f1ff":  # two of these are a flag
        first -= 1
    return first + int(grapheme_boundary_before(text[first:end], end - first))


def in_whole_clusters(pieces: Iterable[tuple[str, _Mark]]) -> Iterator[tuple[str, _Mark]]:
    """A text in pieces, cut between clusters only; a cluster has the mark of the piece in which it begins.

    Args:
        pieces: of the text, each with something that belongs to it.
    """
    held: tuple[str, _Mark] | None = None  # a cluster that may grow
    for text, mark in pieces:
        before, first = held if held and held[0] else ("", mark)
        whole = before + text
        size = finished(whole)
        end = boundary_after(whole, len(before)) if before else 0  # of the cluster that was held
        if before and size:
            yield whole[:end], first
        if size > end:
            yield whole[end:size], mark
        held = whole[size:], mark if size else first
    if held and held[0]:
        yield held
