"""The names of text encodings."""

from __future__ import annotations

import codecs
import re

AUTO = "auto"
"""The encoding that is chosen for each file from its bytes."""

LIKELY = (
    *(AUTO, "utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "iso8859-2", "iso8859-15"),
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp850", "cp866", "koi8-r", "mac_roman"),
    *("gb18030", "gbk", "big5", "shift_jis", "cp932", "euc_jp", "euc_kr", "cp949"),
)
"""What a misspelled name may mean."""

_NOT_OF_FILES = {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "utf_7"}


def codec_of(name: str) -> str | None:
    """The name of Python's codec for an encoding; None: there is no such encoding of text files."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_ .:-]{0,39}", name):
        return None
    try:
        found = codecs.lookup(name)
    except (LookupError, ValueError, ImportError, OSError):
        return None
    is_text = getattr(found, "_is_text_encoding", True) and found.incrementaldecoder is not None
    return found.name if is_text and found.name.replace("-", "_") not in _NOT_OF_FILES else None


def is_encoding(name: str) -> bool:
    """Whether this is a value of the option ``encoding``."""
    return name == AUTO or codec_of(name) is not None
