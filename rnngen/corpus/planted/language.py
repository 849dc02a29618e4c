"""What the planted languages have in common: lines that say by their symbols where a long-term dependency decides."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple


class Decision(NamedTuple):
    """A symbol that another symbol of the same line decides.

    Attributes:
        position: index in the line, from 0.
        distance: number of symbols back to the one that decides; of several, to the farthest.
    """

    position: int
    distance: int


class Language(ABC):
    """A language of lines of ASCII characters, each character a symbol.

    Attributes:
        name: what ``rnngen corpus build`` calls it.
        title: what has to be remembered, in words.
        source: who came up with it.
        kinds: what there are several of, in words.
        default_kinds, most_kinds: how many of them, by default and at most.
        least_distance: the smallest distance that there is.
        step: distances differ by multiples of this.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    source: ClassVar[str]
    kinds: ClassVar[str]
    default_kinds: ClassVar[int]
    most_kinds: ClassVar[int]
    least_distance: ClassVar[int]
    step: ClassVar[int] = 1

    @abstractmethod
    def write(self, distance: int, kinds: int, rng: random.Random) -> str:
        """A line whose longest dependency spans a distance.

        Args:
            distance: of the kind that ``least_distance`` and ``step`` describe.
            kinds: how many of ``kinds`` there are, at least 2.
            rng: draws the line.
        """

    @abstractmethod
    def decisions(self, line: str) -> list[Decision] | None:
        """Every decision of a line, in the order of the line; None if it is not a line of this language."""

    @abstractmethod
    def kinds_in(self, text: str) -> int:
        """How many of ``kinds`` the lines of a text use, which is at least how many there are."""

    @abstractmethod
    def answers(self, kinds: int) -> str:
        """The symbols that can stand where a decision falls."""

    def chance(self, kinds: int) -> float:
        """The share of decisions that is right without memory: what is drawn is as likely as every other."""
        return 1 / kinds
