"""What a run knows of its text before it is read, so that no other text is read to its end in its place."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from rnngen.corpus.normalization import Normalization
from rnngen.errors import CorpusError


class OtherTextError(CorpusError):
    """A text is not the one that was expected."""


@dataclass(frozen=True)
class KnownText:
    """What is known of a text before it is read.

    Attributes:
        fingerprint: see ``fingerprint_of``.
        characters: how many it has; None: unknown. A text with more is not read to its end.
        bytes: how many its files hold; None: unknown.
    """

    fingerprint: str
    characters: int | None = None
    bytes: int | None = None

    def is_shorter_than(self, characters: int) -> bool:
        """Whether it is known to have fewer characters."""
        return self.characters is not None and self.characters < characters

    def max_bytes(self, normalize: Normalization) -> int | None:
        """The most that its files can hold: a character has up to 4 bytes, and every file a byte order mark.

        A character of a normalised text may have been composed of up to four. Between documents there may be more: the
        size that the files had is enough in any case.
        """
        if self.characters is None:
            return None
        size = 4 if normalize == "none" else 4 * 4
        return max(self.bytes or 0, (size + len(codecs.BOM_UTF8)) * self.characters)
