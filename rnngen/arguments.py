"""Arguments as they are typed: ``-`` for standard input, and names that may be no file's."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path

from rnngen.errors import LONGEST_PART, shortened

STDIN = "-"
_NAMED = 5  # sources in a message


def in_words(sources: Iterable[str]) -> str:
    """A list of sources for a message: the first few, and how many more there are."""
    named = ["standard input" if source == STDIN else source for source in sources]
    more = f" and {len(named) - _NAMED:,} more" if len(named) > _NAMED else ""
    return shortened(", ".join(named[:_NAMED]), LONGEST_PART) + more


def each_once(names: Iterable[str]) -> tuple[list[str], str | None]:
    """Names of files or folders without those that name the same one again, and a note on these."""
    found: dict[str, str] = {}
    again: dict[str, None] = {}
    for name in names:
        real = os.path.realpath(name) if exists(name) else name
        if real in found:
            again[found[real]] = None
        found.setdefault(real, name)
    note = f"{in_words(again)} {'is' if len(again) == 1 else 'are'} named more than once, and counted once"
    return list(found.values()), note if again else None


def exists(name: str | Path) -> bool:
    """Whether a file or folder of this name exists; False for a name that no file can have."""
    try:
        return str(name) != "" and Path(name).exists()
    except (OSError, ValueError):  # too long, or with a NUL
        return False


def is_file(name: str | Path) -> bool:
    """Whether this is the name of a file; False for a name that no file can have."""
    try:
        return Path(name).is_file()
    except (OSError, ValueError):
        return False


def is_folder(name: str | Path) -> bool:
    """Whether this is the name of a folder; False for a name that no folder can have."""
    try:
        return Path(name).is_dir()
    except (OSError, ValueError):
        return False


def is_pipe(name: str | Path) -> bool:
    """Whether this is the name of a pipe, which can be read only once."""
    try:
        return Path(name).is_fifo()
    except (OSError, ValueError):
        return False


_UNUSABLE = {
    errno.ENAMETOOLONG: "a name that is too long",
    errno.ELOOP: "a link that leads back to itself",
    errno.EINVAL: "a name that no file can have",  # on Windows
}


def why_unusable(name: str | Path) -> str | None:
    """Why the system has no file of this name and can have none, in words; None: it can."""
    try:
        Path(name).stat()
    except ValueError:  # a NUL, or a lone surrogate that is no byte
        return "a name that no file can have"
    except OSError as error:
        return _UNUSABLE.get(error.errno or 0)
    return None
