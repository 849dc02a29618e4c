"""What ``train`` would see of a text: its length, characters, scripts and lines, counted in one reading.

Memory does not depend on the length of the text. What counts something more is one more object with ``add(piece)``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from rnngen.corpus.character_facts import CharacterFacts
from rnngen.corpus.documents import BOUNDARY
from rnngen.corpus.labels import without_labels
from rnngen.corpus.line_facts import LineFacts
from rnngen.corpus.pieces import TextCounter


@dataclass
class TextFacts:
    """The facts about a text.

    Attributes:
        counter: of characters, words, bytes and documents.
        characters: which occur, and how often.
        lines: how long they are, and which are repeated.
    """

    counter: TextCounter = field(default_factory=TextCounter)
    characters: CharacterFacts = field(default_factory=CharacterFacts)
    lines: LineFacts = field(default_factory=LineFacts)

    def add(self, piece: str) -> None:
        """Read one more piece."""
        self.counter.add(piece)
        piece = piece if piece.isascii() else without_labels(piece)
        for each in (self.characters, self.lines):
            each.add(piece.replace(BOUNDARY, "\n"))

    @classmethod
    def of(cls, pieces: Iterable[str]) -> TextFacts:
        """The facts about a text that comes in pieces."""
        facts = cls()
        for piece in pieces:
            facts.add(piece)
        facts.lines.finish()
        return facts
