"""The script that a letter is of, from its name in the Unicode Character Database.

Python carries the names of characters but not the property Script. The name of a letter begins with its script
(GREEK SMALL LETTER ALPHA), with few exceptions, which are the tables here: scripts whose name has several words, names
that begin with the form of a letter before its script, and letters that scripts share.
"""

from __future__ import annotations

import unicodedata

_HAN = "Han"
_OTHER_NAMES = {
    "CJK": _HAN,
    "KANGXI": _HAN,
    "IDEOGRAPHIC": _HAN,
    "VULGAR": "Latin",
    "FEMININE": "Latin",  # ª and º
    "MASCULINE": "Latin",
    "KELVIN": "Latin",
    "ANGSTROM": "Latin",
    "MICRO": "Greek",
    "OHM": "Greek",
}
"""First word of a name → script, where it is not that word."""

_FORMS = ("HALFWIDTH", "FULLWIDTH", "PRESENTATION", "SMALL")
"""First words that say the form of a letter of the script that follows."""

_SHARED = ("MODIFIER", "MATHEMATICAL", "DOUBLE-STRUCK", "SCRIPT", "BLACK-LETTER", "TURNED", "INFORMATION", "ACCOUNT",
           "PLANCK", "EULER", "ALEF", "BET", "GIMEL", "DALET", "VERTICAL", "VEDIC", "SUPERSCRIPT")  # fmt: skip
"""First words of letters that no single script owns, such as 𝐱 and ℝ."""

_TWO_WORDS = ("OLD", "LINEAR", "CANADIAN", "TAI", "MEETEI", "OL", "SYLOTI", "EGYPTIAN", "ANATOLIAN", "IMPERIAL",
              "PAHAWH", "INSCRIPTIONAL", "PSALTER", "SORA", "KHITAN", "PAU", "WARANG", "BASSA", "MENDE", "MASARAM",
              "GUNJALA", "HANIFI", "ZANABAZAR", "NYIAKENG", "DIVES", "KAYAH", "CAUCASIAN")  # fmt: skip
"""First words of the names of scripts that have two."""

UNNAMED = "Other"
"""The script of letters that this Python's version of Unicode does not know, or that several scripts share."""


def script_of(character: str) -> str | None:
    """The script of a letter, as in ``Latin``, ``Han`` or ``Old Italic``; None: it is no letter."""
    if not unicodedata.category(character).startswith("L"):
        return None
    words = unicodedata.name(character, "").split()
    if words and words[0] in _FORMS:
        words = words[1:]
    if not words or words[0] in _SHARED:
        return UNNAMED
    if words[:2] == ["NEW", "TAI"]:
        return "New Tai Lue"
    first = words[0]
    if first in _OTHER_NAMES:
        return _OTHER_NAMES[first]
    if first in _TWO_WORDS and len(words) > 1:
        return f"{first.capitalize()} {words[1].capitalize()}"
    return first.capitalize()
