"""The characters of a text that comes in pieces: how often each occurs, and what is conspicuous about them."""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import cache

import numpy as np

from rnngen.corpus.documents import BOUNDARY
from rnngen.corpus.scripts import script_of

ALL_OF, FEW, FEW_OF = 1 << 20, 1 << 15, 1 << 20
"""The notes of a plan count the first ``ALL_OF`` characters of a text, and then ``FEW`` of every ``FEW_OF``."""

_CODE_POINTS = 0x110000
_LINE_CONTROLS = "\n\t\r\f"  # white space, which is no mistake in a text
_JAMO = (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3))  # vowels and finals, which compose though they are no marks


@dataclass(frozen=True)
class RareCharacter:
    """A character that occurs seldom.

    Attributes:
        character: itself.
        count: how often it occurs.
    """

    character: str
    count: int

    @property
    def code_point(self) -> str:
        """As in ``U+00E9``."""
        return f"U+{ord(self.character):04X}"

    @property
    def name(self) -> str:
        """Its name in Unicode, or its category if it has none."""
        category = unicodedata.category(self.character)
        default = {"Cc": "control character", "Co": "private use", "Cn": "unassigned"}.get(category, category)
        return unicodedata.name(self.character, default)


class CharacterFacts:
    """Counts the characters of a text. Its memory does not depend on the length of the text."""

    def __init__(self) -> None:
        self._counts = np.zeros(_CODE_POINTS, dtype=np.int64)
        self._pairs: Counter[tuple[int, int]] = Counter()  # of a starter and a mark that follows it
        self._starter = 0  # the last one; 0: none

    def add(self, piece: str) -> None:
        """Count the characters of one more piece."""
        if not piece:
            return
        codes = np.frombuffer(piece.encode("utf-32-le", errors="surrogatepass"), dtype=np.uint32)
        counts = np.bincount(codes)
        self._counts[: len(counts)] += counts
        marks = [code for code in np.flatnonzero(counts[0x300:]) + 0x300 if _composes(int(code))]
        self._add_marks(codes, np.array(marks, dtype=np.uint32))

    def _add_marks(self, codes: np.ndarray, marks: np.ndarray) -> None:
        """Count each mark of a piece together with the last character before it that is none."""
        if not len(marks):
            self._starter = int(codes[-1])
            return
        table = np.zeros(int(codes.max()) + 1, dtype=bool)
        table[marks] = True
        is_mark = table[codes]
        places = np.flatnonzero(is_mark)
        first = np.flatnonzero(np.diff(places, prepend=-2) > 1)  # of the marks that follow each other
        before = np.concatenate([[self._starter], codes])[places[first]]  # of a run at the beginning: the piece before
        starters = np.repeat(before, np.diff(first, append=len(places))).astype(np.int64)
        pairs, times = np.unique((starters << 21) | codes[places], return_counts=True)
        for pair, count in zip(pairs.tolist(), times.tolist(), strict=True):
            self._pairs[pair >> 21, pair & 0x1FFFFF] += count
        self._starter = int(starters[-1] if is_mark[-1] else codes[-1])

    def counts(self) -> dict[str, int]:
        """Every character that occurs, in the order of code points, and how often."""
        return {chr(code): int(self._counts[code]) for code in np.flatnonzero(self._counts)}

    @property
    def distinct(self) -> int:
        """How many different characters occur."""
        return int(np.count_nonzero(self._counts))

    def count(self, character: str) -> int:
        """How often a character occurs."""
        return int(self._counts[ord(character)])

    def scripts(self) -> dict[str, int]:
        """How many letters are of each script, the most frequent first."""
        found: Counter[str] = Counter()
        for character, count in self.counts().items():
            if script := script_of(character):
                found[script] += count
        return dict(found.most_common())

    @property
    def control(self) -> int:
        """How many control characters occur (category Cc) that are not line ends, tabs or form feeds."""
        return self._of_category("Cc", _LINE_CONTROLS)

    @property
    def private(self) -> int:
        """How many characters for private use occur, which mean nothing without an agreement (category Co)."""
        return self._of_category("Co")

    def _of_category(self, category: str, but: str = "") -> int:
        counts = self.counts().items()
        return sum(n for c, n in counts if unicodedata.category(c) == category and c not in but)

    @property
    def composed(self) -> int:
        """How many characters occur that NFC keeps and NFD takes apart, such as é in one code point."""
        return sum(count for character, count in self.counts().items() if _is_composed(character))

    @property
    def decomposed(self) -> int:
        """How many marks follow a character with which NFC makes one, such as the accent of é in two code points."""
        return sum(
            count for (starter, mark), count in self._pairs.items() if starter and _is_one(chr(starter) + chr(mark))
        )

    def rare(self, below: int = 3) -> list[RareCharacter]:
        """The characters that occur fewer than ``below`` times, the rarest first, then by code point."""
        found = [RareCharacter(c, n) for c, n in self.counts().items() if n < below]
        return sorted(found, key=lambda each: each.count)


class SampledCharacters:
    """Counts all characters of the first megabyte of a text, and a few from each of the others.

    Counting takes as long as reading; so it takes a few hundredths of that.

    Attributes:
        facts: about those that were counted.
    """

    def __init__(self) -> None:
        self.facts = CharacterFacts()
        self._read = self._due = 0  # characters

    def add(self, piece: str) -> None:
        """Read one more piece. A boundary between documents counts as a line end."""
        is_first = self._read < ALL_OF
        self._read += len(piece)
        if not is_first:
            if self._read < self._due:
                return
            piece, self._due = piece[:FEW], self._read + FEW_OF
        self.facts.add(piece.replace(BOUNDARY, "\n"))


@cache
def _composes(code: int) -> bool:
    return code in _JAMO or unicodedata.combining(chr(code)) != 0


@cache
def _is_composed(character: str) -> bool:
    return len(unicodedata.normalize("NFD", character)) > 1 and unicodedata.normalize("NFC", character) == character


def _is_one(text: str) -> bool:
    return len(unicodedata.normalize("NFC", text)) == 1
