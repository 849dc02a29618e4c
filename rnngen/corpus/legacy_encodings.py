"""A guess at the encoding of a text that is not UTF-8, for a hint: which one makes letters that are usual together.

Each encoding is tried on what stands around the byte that is not UTF-8. The one whose characters beyond ASCII are most
often among those that its languages use most is the likeliest. In the Latin script such characters stand alone between
ASCII letters, in all others they are whole words.
"""

from __future__ import annotations

import re

CONTEXT_BYTES = 1 << 14
"""How much of a text is enough for a guess."""

_WESTERN = "àáâãäåæçèéêëìíîïñòóôõöøùúûüßÀÁÄÅÇÈÉÊÖØÜ«»¿¡’‘“”–—…°§€£ "
_CANDIDATES = (  # name for iconv, codec, the characters that its languages use most
    ("WINDOWS-1252", "cp1252", f"[{_WESTERN}]"),
    ("WINDOWS-1250", "cp1250", "[ąćęłńóśźżčďěňřšťůžáéíúýőűöüôľăâîşţĄŁŚŻČŘŠŽ„”–]"),
    ("ISO-8859-2", "iso8859-2", "[ąćęłńóśźżčďěňřšťůžáéíúýőűöüôľăâîşţĄŁŚŻČŘŠŽ]"),
    ("WINDOWS-1255", "cp1255", "[א-ת]"),
    ("WINDOWS-1251", "cp1251", "[а-яёіїєў]"),
    ("KOI8-R", "koi8-r", "[а-яё]"),
    ("IBM866", "cp866", "[а-яё]"),
    ("WINDOWS-1253", "cp1253", "[α-ωάέήίόύώ]"),
    ("WINDOWS-1254", "cp1254", "[çğıöşüÇĞİÖŞÜâîû]"),
    ("WINDOWS-1256", "cp1256", "[ء-ي،]"),
    ("IBM850", "cp850", f"[{_WESTERN}]"),
    ("MACINTOSH", "mac_roman", f"[{_WESTERN}]"),
    ("SHIFT_JIS", "cp932", "[ぁ-んァ-ンー、。]"),
    ("EUC-JP", "euc_jp", "[ぁ-んァ-ンー、。]"),
    ("GB18030", "gb18030", "[的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对，。]"),
    ("BIG5", "cp950", "[的一是不了在人有我他這個們中來上大為和國地到以說時要就出會可也你對，。]"),
    ("EUC-KR", "cp949", "[가-힣]"),
)
_LATIN = {"WINDOWS-1252", "WINDOWS-1250", "ISO-8859-2", "WINDOWS-1254", "IBM850", "MACINTOSH"}
_LONGEST_LATIN = 2.0  # bytes beyond ASCII in a row, on average
_PRIOR = {"WINDOWS-1252": 0.1}  # where little is known, the most usual one
_SCARCE = {"GB18030": 4.0, "BIG5": 4.0, "SHIFT_JIS": 1.5, "EUC-JP": 1.5}  # the usual ones are a part of all it writes


def likely_encoding(data: bytes) -> str:
    """The likeliest encoding of a text that is not UTF-8, by the name that iconv knows it by.

    Args:
        data: some of it, no more than is needed (``CONTEXT_BYTES``).
    """
    rows = re.findall(rb"[\x80-\xff]+", data)
    is_latin = sum(map(len, rows)) <= _LONGEST_LATIN * len(rows)
    best, likeliest = 0.0, "ISO-8859-1"  # in which every byte is a character
    for name, codec, usual in _CANDIDATES:
        if is_latin != (name in _LATIN):
            continue
        text = data.decode(codec, errors="replace")
        beyond = [c for c in text if c > "\x7f"]
        if not beyond or text.count("\ufffd") > 0.001 * len(text) + 1:  # the beginning and the end may be cut
            continue
        share = len(re.findall(usual, "".join(beyond))) / len(beyond)
        # two bytes that make one character are harder to meet by chance than one
        score = min(1.0, share * _SCARCE.get(name, 1.0)) + _PRIOR.get(name, 0.0)
        if score > best:
            best, likeliest = score, name
    return likeliest


def is_mostly_utf8(data: bytes) -> bool:
    """Whether a text has more characters beyond ASCII that are UTF-8 than bytes that are not."""
    text = data.decode("utf-8", errors="replace")
    broken = text.count("\ufffd")
    return sum(c > "\x7f" for c in text) - broken > broken
