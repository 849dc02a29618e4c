"""Unicode normalisation of a text that comes in pieces: the result is that of the whole text.

A text is cut only before a character that never combines with what comes before it. A run of more than ``LONGEST_RUN``
other characters, which no language has, is cut after each ``LONGEST_RUN``: sorting the marks of a run takes quadratic
time. So the result depends on the text alone, not on its pieces.

``lower`` makes each character lower case, whatever its neighbours (a final sigma becomes σ), and then composes: lower
case may have a composed form where upper case has none (J̌, ǰ), and what has been normalised must not change again.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Literal, get_args

Normalization = Literal["none", "nfc", "nfkc", "lower"]
NORMALIZATIONS: tuple[Normalization, ...] = get_args(Normalization)

LONGEST_RUN = 1024

_LAST = 0x20000  # beyond it, no character combines with what comes before it
_HANGUL_VOWELS_AND_ENDS = (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3))


def normalized(text: str, how: Normalization) -> str:
    """A whole text in this form."""
    return "".join(normalized_pieces([text], how))


def normalized_pieces(pieces: Iterable[str], how: Normalization) -> Iterator[str]:
    """A text that comes in pieces, in this form; together the pieces are those of the whole text."""
    if how == "none":
        yield from pieces
        return
    held = ""
    for piece in pieces:
        text = held + piece
        at = _last_cut(text, how)
        if at:
            yield _normal(text[:at], how)
        held = text[at:]
    if held:
        yield _normal(held, how)


def _last_cut(text: str, how: Normalization) -> int:
    """Where a text that may continue can be cut last; 0: only at its beginning."""
    start, combines = len(text), combining(how)
    while start > 0 and text[start - 1] in combines:
        start -= 1
    run = len(text) - start
    return start + run // LONGEST_RUN * LONGEST_RUN if run >= LONGEST_RUN else max(0, start - 1)


def _normal(text: str, how: Normalization) -> str:
    """A text that begins and ends where texts are cut, in this form."""
    form: Literal["NFC", "NFKC"] = "NFKC" if how == "nfkc" else "NFC"
    parts = _between_cuts(text, how) if _may_be_too_long(text, how) else [text]
    return "".join(unicodedata.normalize(form, _lower(part) if how == "lower" else part) for part in parts)


def _may_be_too_long(text: str, how: Normalization) -> bool:
    """Whether a run may be: looking at every character would take ten times as long as normalising."""
    if text.isascii():
        return False
    combines = combining(how)
    return any(combines.issuperset(text[at : at + 8]) for at in range(0, len(text), LONGEST_RUN // 2))


def _lower(text: str) -> str:
    return "σ".join(part.lower() for part in text.split("Σ"))  # the only character whose neighbours str.lower looks at


def _between_cuts(text: str, how: Normalization) -> Iterator[str]:
    """A text, cut in its runs that are too long."""
    start = 0
    for match in _too_long(how).finditer(text):
        yield text[start : match.end()]
        start = match.end()
    yield text[start:]


@cache
def _too_long(how: Normalization) -> re.Pattern[str]:
    return re.compile(f"[{''.join(sorted(combining(how)))}]{{{LONGEST_RUN}}}")  # none of them means something there


@cache
def combining(how: Normalization) -> frozenset[str]:
    """The characters that may combine, or change places, with what comes before them."""
    second, found = second_parts(), set[str]()
    for character in map(chr, range(0x80, _LAST)):
        lower = character.lower() if how == "lower" else character
        first = unicodedata.normalize("NFKD" if how == "nfkc" else "NFD", lower)[0]
        if unicodedata.combining(first) or first in second:
            found.add(character)
    return frozenset(found)


@cache
def second_parts() -> frozenset[str]:
    """The characters that compose with the one before them."""
    pairs = (unicodedata.decomposition(chr(code)).split() for code in range(_LAST))
    found = {chr(int(pair[1], 16)) for pair in pairs if len(pair) == 2 and not pair[0].startswith("<")}
    return frozenset(found | {chr(code) for code in _HANGUL_VOWELS_AND_ENDS})
