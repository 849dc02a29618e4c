"""A guess at the encoding of a text that is not UTF-8, for a hint.

Each encoding decodes the text around the first byte that is not UTF-8. The likeliest is the one whose characters beyond
ASCII are most often among those that its languages use most. In the Latin script such characters stand alone between
ASCII letters; in all other scripts they form whole words.
"""

from __future__ import annotations

import re
from typing import NamedTuple

CONTEXT_BYTES = 1 << 14
"""How much of a text is enough for a guess."""


class Encoding(NamedTuple):
    """An encoding, and what tells that a text is in it."""

    name: str  # for iconv
    codec: str  # for Python
    usual: str  # a regular expression: the characters that its languages use most
    latin: bool = False  # whether it is for languages in the Latin script
    weight: float = 1.0  # above 1 where the usual characters are only part of what the languages use
    prior: float = 0.0  # for the most common one, if little else is known


_WESTERN = "[àáâãäåæçèéêëìíîïñòóôõöøùúûüßÀÁÄÅÇÈÉÊÖØÜ«»¿¡’‘“”–—…°§€£ ]"
_KANA = "[ぁ-んァ-ンー、。]"
_SIMPLIFIED = "[的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对，。]"
_TRADITIONAL = "[的一是不了在人有我他這個們中來上大為和國地到以說時要就出會可也你對，。]"
_ENCODINGS = (
    Encoding("WINDOWS-1252", "cp1252", _WESTERN, latin=True, prior=0.1),
    Encoding("WINDOWS-1250", "cp1250", "[ąćęłńóśźżčďěňřšťůžáéíúýőűöüôľăâîşţĄŁŚŻČŘŠŽ„”–]", latin=True),
    Encoding("ISO-8859-2", "iso8859-2", "[ąćęłńóśźżčďěňřšťůžáéíúýőűöüôľăâîşţĄŁŚŻČŘŠŽ]", latin=True),
    Encoding("WINDOWS-1255", "cp1255", "[א-ת]"),
    Encoding("WINDOWS-1251", "cp1251", "[а-яёіїєў]"),
    Encoding("KOI8-R", "koi8-r", "[а-яё]"),
    Encoding("IBM866", "cp866", "[а-яё]"),
    Encoding("WINDOWS-1253", "cp1253", "[α-ωάέήίόύώ]"),
    Encoding("WINDOWS-1254", "cp1254", "[çğıöşüÇĞİÖŞÜâîû]", latin=True),
    Encoding("WINDOWS-1256", "cp1256", "[ء-ي،]"),
    Encoding("IBM850", "cp850", _WESTERN, latin=True),
    Encoding("MACINTOSH", "mac_roman", _WESTERN, latin=True),
    Encoding("SHIFT_JIS", "cp932", _KANA, weight=1.5),
    Encoding("EUC-JP", "euc_jp", _KANA, weight=1.5),
    Encoding("GB18030", "gb18030", _SIMPLIFIED, weight=4),
    Encoding("BIG5", "cp950", _TRADITIONAL, weight=4),
    Encoding("EUC-KR", "cp949", "[가-힣]"),
)
_LATIN_1 = Encoding("ISO-8859-1", "latin-1", "", latin=True)  # in which every byte is a character
_LONGEST_LATIN = 2.0  # bytes beyond ASCII in a row, on average


def likely_encoding(data: bytes) -> Encoding:
    """The likeliest encoding of a text that is not UTF-8.

    Args:
        data: a part of the text; ``CONTEXT_BYTES`` are enough.
    """
    rows = re.findall(rb"[\x80-\xff]+", data)
    is_latin = sum(map(len, rows)) <= _LONGEST_LATIN * len(rows)
    best, likeliest = 0.0, _LATIN_1
    for encoding in _ENCODINGS:
        if encoding.latin == is_latin and (score := _score(encoding, data)) > best:
            best, likeliest = score, encoding
    return likeliest


def _score(encoding: Encoding, data: bytes) -> float:
    """How likely a text is in an encoding; 0 if it is not."""
    text = data.decode(encoding.codec, errors="replace")
    beyond = [c for c in text if c > "\x7f"]
    if not beyond or text.count("\ufffd") > 0.001 * len(text) + 1:  # characters may be cut at both ends
        return 0.0
    share = len(re.findall(encoding.usual, "".join(beyond))) / len(beyond)
    return min(1.0, share * encoding.weight) + encoding.prior


def is_mostly_utf8(data: bytes) -> bool:
    """Whether a text has more characters beyond ASCII that are UTF-8 than bytes that are not."""
    text = data.decode("utf-8", errors="replace")
    broken = text.count("\ufffd")
    return sum(c > "\x7f" for c in text) - broken > broken
