"""The colours of the page: those of the runs, the same in every chart and table, and those of everything else.

One theme for a light screen and paper, one for a dark screen. On every background, its text is readable: WCAG AA, a
contrast of at least 4.5.
"""

from __future__ import annotations

from string import ascii_letters

LIGHT = ("#0b57d0", "#c2410c", "#0f766e", "#7c3aed", "#a16207", "#57534e", "#be123c", "#0e7490")
"""Of lines on white, in their order, apart for people who do not see colours alike; white text is readable on each."""
DARK = ("#7cacf8", "#fb923c", "#5eead4", "#c4a7fa", "#facc15", "#d6d3d1", "#fb7185", "#67e8f9")
"""The same on a dark screen; black text is readable on each."""

EITHER = ("#3f7fd9", "#d0691a", "#1f8f7d", "#9160e0", "#9a7412", "#7f7a75", "#dc3d60", "#1a8aa6")
"""The same where it is not known which of the two it is, as in a notebook."""

SURPRISE = ("", "#9fd8c8", "#f3d98b", "#f2a57e", "#d9534f")
"""There, the background of each level of surprisal under black text; expected text has none."""

TINT = 0.7
"""How opaque the colour of a gate or state is at its strongest, over ``card``."""

THEMES: dict[str, dict[str, str]] = {
    "light": {
        "ink": "#1c1c1e",
        "soft": "#54585d",
        "paper": "#ffffff",
        "card": "#f5f5f3",
        "line": "#d9d9d6",
        "s1": "#cfe8cf",
        "s2": "#f6dfa0",
        "s3": "#f3b07c",
        "s4": "#b52f23",
        "s4-ink": "#ffffff",
        "right": "#bfe5c6",
        "wrong": "#f7c4bc",
        "negative": "#3f78d8",
        "positive": "#dd5140",
        "mark-ink": "#ffffff",
        **{f"run-{number}": colour for number, colour in enumerate(LIGHT)},
    },
    "dark": {
        "ink": "#ececea",
        "soft": "#a9adb2",
        "paper": "#16171a",
        "card": "#202226",
        "line": "#3a3d42",
        "s1": "#244a2c",
        "s2": "#5f4d12",
        "s3": "#7d4316",
        "s4": "#b5352a",
        "s4-ink": "#ffffff",
        "right": "#1f5530",
        "wrong": "#74302a",
        "negative": "#2f63c4",
        "positive": "#b03a2c",
        "mark-ink": "#16171a",
        **{f"run-{number}": colour for number, colour in enumerate(DARK)},
    },
}
"""Theme → the variables of its style sheet. Paper is printed on in the light theme."""


def letter(number: int) -> str:
    """The letter of the run with this number, counted from 0; after the last letter the number, counted from 1."""
    return ascii_letters[number] if number < len(ascii_letters) else str(number + 1)


NOT_DRAWN = "not drawn: no letter is left"
"""Beside the names of curves that a chart in characters cannot show."""
