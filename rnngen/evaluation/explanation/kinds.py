"""The kind of each token of a vocabulary: a letter, with its script, a digit, white space, punctuation, or other.

A token is a number of bytes, and its kind is that of one of its characters: the first that is not white space. So
`` the`` and ``don't`` are letters, and ``"The`` is punctuation. A token of white space is a line end if it has one.
A byte or a merge of bytes that is no whole characters is a part of a character, whatever that character is.
"""

from __future__ import annotations

import unicodedata
from typing import NamedTuple

from rnngen.corpus.documents import BOUNDARY
from rnngen.corpus.scripts import script_of
from rnngen.corpus.tokenizer import Tokenizer

LETTER, DIGIT, SPACE, PUNCTUATION, LINE_END = "letter", "digit", "space", "punctuation", "line end"
OTHER, PART, UNKNOWN = "other", "part of a character", "unknown"
DOCUMENT_END, LABEL = "end of document", "label"
KINDS = (LETTER, DIGIT, SPACE, PUNCTUATION, LINE_END, OTHER, PART, UNKNOWN, DOCUMENT_END, LABEL)

_OF_CATEGORY = {"L": LETTER, "M": LETTER, "N": DIGIT, "P": PUNCTUATION, "S": PUNCTUATION}
"""First letter of Unicode's general category → kind. Marks belong to letters; symbols count as punctuation."""


class Kind(NamedTuple):
    """What a token is.

    Attributes:
        name: one of ``KINDS``.
        script: of a letter; None: it is none, or a mark alone.
    """

    name: str
    script: str | None = None


def kinds_of(tokenizer: Tokenizer) -> list[Kind]:
    """The kind of each token, by id."""
    kinds = [_kind_of_bytes(content) for content in tokenizer.token_bytes()]
    if tokenizer.unknown_id is not None:
        kinds[tokenizer.unknown_id] = Kind(UNKNOWN)
    for token in tokenizer.label_ids():
        kinds[token] = Kind(LABEL)
    return kinds


def _kind_of_bytes(content: bytes) -> Kind:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return Kind(PART)
    if text == BOUNDARY:
        return Kind(DOCUMENT_END)
    seen = text.lstrip()
    return kind_of_character(seen[0]) if seen else Kind(LINE_END if "\n" in text else SPACE if text else OTHER)


def kind_of_character(character: str) -> Kind:
    """What a character is."""
    if character.isspace():
        return Kind(LINE_END if character == "\n" else SPACE)
    name = _OF_CATEGORY.get(unicodedata.category(character)[0], OTHER)
    return Kind(name, script_of(character) if name == LETTER else None)
