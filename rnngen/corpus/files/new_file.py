"""Writing a file without ever replacing another one."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path

from rnngen.errors import CorpusError, UsageError, shortened
from rnngen.platforms import rename_new
from rnngen.untrusted import open_regular


def write_new(path: Path, content: Callable[[], Iterable[bytes]]) -> None:
    """Write a file of a name that is not in use; it appears complete or not at all.

    A file that has this content already stays as it is. A link is not followed, and a pipe not read.

    Args:
        path: of the file; the folders above it are made.
        content: gives the content in pieces; called anew each time that it is needed.

    Raises:
        UsageError: something else has the file's name.
        CorpusError: the file cannot be written.
    """
    try:
        if not os.path.lexists(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            if _written(path, content()):
                return
        if not _holds(path, content()):
            raise UsageError(
                "already exists", where=path, expected="an unused name", hint="Remove it, or choose another `out`."
            )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise CorpusError(f"cannot be written ({reason})", where=shortened(str(path), 80)) from error


def _written(path: Path, pieces: Iterable[bytes]) -> bool:
    """Whether the file was written; if not, something has taken its name meanwhile."""
    work = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with work.open("xb") as stream:
            for piece in pieces:
                stream.write(piece)
        rename_new(work, path)
    except FileExistsError:
        return False
    finally:
        work.unlink(missing_ok=True)
    return True


def _holds(path: Path, pieces: Iterable[bytes]) -> bool:
    """Whether a file has this content."""
    try:
        with open_regular(path) as stream:
            return all(stream.read(len(piece)) == piece for piece in pieces) and not stream.read(1)
    except OSError:
        return False
