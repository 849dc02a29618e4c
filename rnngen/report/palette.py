"""One colour and one letter per run, the same in every chart and table, on paper, on a light and on a dark screen."""

from __future__ import annotations

from string import ascii_letters

LIGHT = ("#0b57d0", "#c2410c", "#0f766e", "#7c3aed", "#a16207", "#57534e", "#be123c", "#0e7490")
"""Of lines on white, in their order, apart for people who do not see colours alike; white text is readable on each."""
DARK = ("#7cacf8", "#fb923c", "#5eead4", "#c4a7fa", "#facc15", "#d6d3d1", "#fb7185", "#67e8f9")
"""The same on a dark screen; black text is readable on each."""

EITHER = ("#3f7fd9", "#d0691a", "#1f8f7d", "#9160e0", "#9a7412", "#7f7a75", "#dc3d60", "#1a8aa6")
"""The same where it is not known which of the two it is, as in a notebook."""


def letter(number: int) -> str:
    """The letter of the run with this number, counted from 0; after the last letter the number, counted from 1."""
    return ascii_letters[number] if number < len(ascii_letters) else str(number + 1)
