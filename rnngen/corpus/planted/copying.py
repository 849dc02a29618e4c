"""Copying: ``fad:ccahgbe>fad``. After a gap of random letters, the word before the gap is asked for.

After Hochreiter & Schmidhuber (1997), "Long short-term memory", and Arjovsky, Shah & Bengio (2016), "Unitary evolution
recurrent neural networks", where a sign asks for the word. Letters between make it a matter of gates: a network has to
let in those of the word, and to keep out all others.
"""

from __future__ import annotations

import random
import re

from rnngen.corpus.planted.language import Decision, Language


class Copying(Language):
    """A word, a gap, and the word again."""

    name = "copy"
    title = "a word of random letters, across a gap"
    source = "Hochreiter & Schmidhuber 1997; Arjovsky, Shah & Bengio 2016"
    kinds = "letters"
    default_kinds = 8
    most_kinds = 26
    least_distance = 5
    letters = 3
    _LINE = re.compile(r"([a-z]+)(:[a-z]*>)\1")

    def write(self, distance: int, kinds: int, rng: random.Random) -> str:
        """A word, its end, letters that do not matter, the sign that asks for the word, and the word."""
        letters = [chr(ord("a") + rng.randrange(kinds)) for _ in range(distance - 2)]
        word, gap = "".join(letters[: self.letters]), "".join(letters[self.letters :])
        return f"{word}:{gap}>{word}"

    def decisions(self, line: str) -> list[Decision] | None:
        """Every letter of the second word."""
        found = self._LINE.fullmatch(line)
        if found is None:
            return None
        distance = found.start(2) + len(found[2])
        return [Decision(distance + i, distance) for i in range(len(found[1]))]

    def kinds_in(self, text: str) -> int:
        """By the last letter that occurs."""
        return 1 + ord(max(symbol for symbol in set(text) if symbol.isalpha())) - ord("a")

    def answers(self, kinds: int) -> str:
        """Letters."""
        return "".join(chr(ord("a") + i) for i in range(kinds))
