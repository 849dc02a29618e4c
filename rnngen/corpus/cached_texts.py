"""What is in the cache of encoded corpora, and removing it."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rnngen.corpus.cache import META, cache_folder, name_of
from rnngen.corpus.parts import PARTS
from rnngen.errors import CorpusError
from rnngen.platforms import rename_folder

_NAME = re.compile(r"[0-9a-f]{32}")
_FILES = (META, "tokenizer.json", *(f"{part}.bin" for part in PARTS))
_DAY = 24 * 3600.0


@dataclass(frozen=True)
class CachedText:
    """An encoded corpus in the cache.

    Attributes:
        path: its folder.
        name: of the text, as in ``book.txt``; empty: unknown.
        bytes: its size.
        read: when it was last read, as far as the file system notes that, or else written; in seconds since 1970.
    """

    path: Path
    name: str
    bytes: int
    read: float


def cached_texts() -> list[CachedText]:
    """The encoded corpora in the cache; a folder that holds anything else is none."""
    with contextlib.suppress(OSError):
        folders = sorted(path for path in (cache_folder() / "corpora").iterdir() if _NAME.fullmatch(path.name))
        return [text for text in map(_cached_text, folders) if text]
    return []


def _cached_text(folder: Path) -> CachedText | None:
    try:
        if not stat.S_ISDIR(folder.lstat().st_mode) or {path.name for path in folder.iterdir()} - {*_FILES}:
            return None
        found = {path.name: path.lstat() for path in folder.iterdir()}
    except OSError:  # removed meanwhile
        return None
    if not all(stat.S_ISREG(each.st_mode) for each in found.values()):
        return None
    # whoever reads the text reads all files, and whoever lists the names only this one
    read = max((each.st_atime for name, each in found.items() if name != META), default=0.0)
    read = max([read, *(each.st_mtime for each in found.values())])
    return CachedText(folder, name_of(folder), sum(each.st_size for each in found.values()), read)


class Read(Protocol):
    """What knows when it was last read, in seconds since 1970."""

    @property
    def read(self) -> float:
        """The time."""


def unused_since(text: Read, days: float) -> bool:
    """Whether nobody has read a text for a number of days."""
    return text.read < time.time() - days * _DAY


def remove_text(folder: Path) -> int:
    """Remove an encoded corpus so that at any moment it exists whole or not at all; return its size in bytes.

    Raises:
        CorpusError: it cannot be removed.
    """
    text = _cached_text(folder)
    if text is None:
        return 0
    going = folder.with_name(f".encoding-{os.getpid()}-{secrets.token_hex(4)}")  # removed later if this is interrupted
    try:
        rename_folder(folder, going)
        for name in _FILES:
            (going / name).unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):  # another process takes what nobody has locked for abandoned
            going.rmdir()
    except OSError as error:
        raise CorpusError(f"cannot be removed ({error.strerror})", where=folder) from error
    return text.bytes
