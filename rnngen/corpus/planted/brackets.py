"""Brackets: ``([]{()})``. A closing bracket matches the last one that is still open.

The Dyck language, of bounded depth, and its distances after Hewitt et al. (2020), "RNNs can generate bounded
hierarchical languages with optimal memory". Where a bracket closes does not follow from the text before, so what counts
is which kind of bracket closes there.
"""

from __future__ import annotations

import random

from rnngen.corpus.planted.language import Decision, Language

OPENING, CLOSING = "([{<", ")]}>"
DEPTH = 8
"""How many brackets of a line are open at the same time, at most."""


class Brackets(Language):
    """Nested brackets of several kinds."""

    name = "brackets"
    title = "the kind of a bracket, until it closes"
    source = "Dyck language of bounded depth; Hewitt et al. 2020"
    kinds = "kinds of brackets"
    default_kinds = 4
    most_kinds = len(OPENING)
    least_distance = 1
    step = 2

    def write(self, distance: int, kinds: int, rng: random.Random) -> str:
        """A pair of brackets at this distance, and between them random pairs."""
        open_kinds = [rng.randrange(kinds)]
        line = [OPENING[open_kinds[0]]]
        for left in range(distance - 1, 0, -1):  # symbols between the two that are not written yet
            inside = len(open_kinds) - 1
            opens = inside < left and len(open_kinds) < DEPTH and (inside == 0 or rng.random() < 0.5)
            if opens:
                open_kinds.append(rng.randrange(kinds))
            line.append(OPENING[open_kinds[-1]] if opens else CLOSING[open_kinds.pop()])
        return "".join(line) + CLOSING[open_kinds.pop()]

    def decisions(self, line: str) -> list[Decision] | None:
        """Every closing bracket, and the bracket that it matches."""
        found, opened = [], []
        for position, symbol in enumerate(line):
            if symbol in OPENING:
                opened.append(position)
            elif symbol in CLOSING and opened and line[opened[-1]] == OPENING[CLOSING.index(symbol)]:
                found.append(Decision(position, position - opened.pop()))
            else:
                return None
        return found if found and not opened else None

    def kinds_in(self, text: str) -> int:
        """By the last kind that occurs."""
        return 1 + max(OPENING.index(symbol) for symbol in set(text) if symbol in OPENING)

    def answers(self, kinds: int) -> str:
        """Closing brackets."""
        return CLOSING[:kinds]
