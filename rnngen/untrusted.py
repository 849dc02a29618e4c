"""Reading what a stranger may have written: a file that may be anything, JSON that may say anything.

Every limit here is far above what this package writes, and low enough that nothing in a file can cost more memory than
a small multiple of its size.
"""

from __future__ import annotations

import errno
import json
import math
import os
import re
import stat
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from rnngen.platforms import OPEN_UNTRUSTED, is_link

MAX_DEPTH = 32
"""How deep JSON may be nested. The files of this package need less than ten levels."""

MAX_VALUES = 1 << 21
"""How many values JSON may hold: Python needs up to 72 bytes for each, such as an empty object of two bytes."""

MAX_BITS = 64
"""Of an integer in JSON."""

_LONG_INTEGER = re.compile(rb"\d{19}")  # the largest with 18 digits has 60 bits


def open_regular(path: Path, *, follow: bool = False) -> BinaryIO:
    """Open a file for reading that must be a regular one. This never blocks, whatever is at the path.

    What was opened is what is checked, so nothing changes if the path is replaced at the same moment.

    Args:
        path: of the file.
        follow: whether the path itself may be a link; links in the folders above it are always followed.

    Raises:
        FileNotFoundError: nothing is there.
        OSError: it is a link, a folder, a pipe, a socket or a device, or cannot be opened; ``strerror`` says which.
    """
    before = path.stat() if follow else path.lstat()
    if is_link(before):
        raise OSError(errno.ELOOP, "it is a link", str(path))
    _check_regular(before, path)  # opening a device can have an effect
    flags = OPEN_UNTRUSTED & ~getattr(os, "O_NOFOLLOW", 0) if follow else OPEN_UNTRUSTED
    file = os.fdopen(os.open(path, flags), "rb")
    try:
        _check_regular(os.fstat(file.fileno()), path)
    except OSError:
        file.close()
        raise
    return file


def read_regular(path: Path, max_bytes: int, *, follow: bool = False) -> bytes:
    """The content of a regular file of bounded size.

    Args:
        path: of the file.
        max_bytes: what it may hold at most.
        follow: see ``open_regular``.

    Raises:
        FileNotFoundError, OSError: as ``open_regular``, or it is larger.
    """
    with open_regular(path, follow=follow) as file:
        size = os.fstat(file.fileno()).st_size
        if size > max_bytes:
            raise OSError(errno.EFBIG, f"it has {size:,} bytes, more than {max_bytes:,}", str(path))
        return file.read(size)


def _check_regular(status: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(status.st_mode):
        found = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe, a socket or a device"
        raise OSError(errno.EINVAL, f"it is {found}", str(path))


def parse_json(content: bytes | str) -> Any:
    """Parse JSON in UTF-8, more strictly than Python does.

    Refused are NaN and infinity, numbers that no float or 64-bit integer holds, a key that occurs twice in an object,
    and more nesting or more values than any file of this package needs. Strings may hold lone surrogates, because a
    file's name may.

    Raises:
        ValueError: what is wrong, in a few words.
    """
    raw = content.encode("utf-8", errors="surrogatepass") if isinstance(content, str) else content
    containers = raw.count(b"[") + raw.count(b"{")
    if containers + raw.count(b",") > MAX_VALUES:
        raise ValueError(f"more than {MAX_VALUES:,} values")
    try:
        value = json.loads(
            content if isinstance(content, str) else content.decode(),
            parse_constant=_no_number,
            parse_float=_finite,
            parse_int=_bounded if _LONG_INTEGER.search(raw) else None,
            object_pairs_hook=_object,
        )
    except json.JSONDecodeError as error:
        if not error.doc.strip():
            raise ValueError("nothing") from None
        raise ValueError(f"{what_is_wrong(error)} (line {error.lineno:,}, column {error.colno:,})") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 at byte {error.start:,}") from None
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    if containers > MAX_DEPTH:
        _check_depth(value)
    return value


_WRONG = {
    "Expecting value": "no value where one has to stand",
    "Unterminated string starting at": "a string that does not end",
    "Expecting property name enclosed in double quotes": "no name in double quotes where one has to stand",
    "Expecting ':' delimiter": "no colon after a name",
    "Expecting ',' delimiter": "no comma after a value",
    "Illegal trailing comma before end of object": "a comma before the end of an object",
    "Illegal trailing comma before end of array": "a comma before the end of an array",
    "Invalid control character at": "a control character in a string",
    "Invalid \\escape": "a backslash that escapes nothing",
    "Invalid \\uXXXX escape": "\\u without four hexadecimal digits",
}


def what_is_wrong(error: json.JSONDecodeError) -> str:
    """What Python's parser says, in words for those who do not know it."""
    if error.msg == "Extra data":
        return f"{error.doc[error.pos]!r} after the value"
    return _WRONG.get(error.msg.removesuffix(": "), "an error of syntax")


_TOO_DEEP = f"more than {MAX_DEPTH} levels of nesting"


def _check_depth(value: object) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        inside = (each.values() if isinstance(each, dict) else each for each in level if isinstance(each, dict | list))
        level = [child for children in inside for child in children if isinstance(child, dict | list)]
        if not level:
            return
    raise ValueError(_TOO_DEEP)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number too large for a float")
    return value


def _bounded(text: str) -> int:
    value = int(text) if len(text) <= 20 else 1 << MAX_BITS
    if value.bit_length() > MAX_BITS:
        raise ValueError(f"an integer of more than {MAX_BITS} bits")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a key that occurs twice in one object")
    return values
