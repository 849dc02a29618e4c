"""Adding: ``2*31042*0133=3``. Two of many numbers are marked, and their sum is asked for.

The adding problem of Hochreiter & Schmidhuber (1997), "Long short-term memory", with the numbers 0 to 4 instead of real
ones, so that the sum is one digit: a network has to find the marked numbers, to keep the first, and to add.
"""

from __future__ import annotations

import random
import re

from rnngen.corpus.planted.language import Decision, Language


class Adding(Language):
    """Numbers, two of them marked, and the sum of these two."""

    name = "adding"
    title = "two marked numbers, to be added at the end"
    source = "the adding problem of Hochreiter & Schmidhuber 1997, with digits"
    kinds = "numbers, from 0"
    default_kinds = 5
    most_kinds = 5
    least_distance = 4
    _LINE = re.compile(r"([0-4]*)\*([0-4])([0-4]*)\*([0-4])([0-4]*)=([0-8])")

    def write(self, distance: int, kinds: int, rng: random.Random) -> str:
        """Digits, of which two have a mark before them, and the sum."""

        def digits(count: int) -> str:
            return "".join(str(rng.randrange(kinds)) for _ in range(count))

        a, b = rng.randrange(kinds), rng.randrange(kinds)
        between = rng.randint(0, distance - 4)
        before, after = digits(rng.randint(0, 3)), digits(distance - 4 - between)
        return f"{before}*{a}{digits(between)}*{b}{after}={a + b}"

    def decisions(self, line: str) -> list[Decision] | None:
        """The sum, and the first of the marked numbers."""
        found = self._LINE.fullmatch(line)
        if found is None or int(found[2]) + int(found[4]) != int(found[6]):
            return None
        return [Decision(found.start(6), found.start(6) - found.start(2))]

    def kinds_in(self, text: str) -> int:
        """By the largest number that is added."""
        return 1 + max(int(symbol) for symbol in set(re.sub(r"=.*", "", text)) if symbol.isdigit())

    def answers(self, kinds: int) -> str:
        """Sums."""
        return "".join(map(str, range(2 * kinds - 1)))
