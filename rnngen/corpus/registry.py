"""Texts that can be built by name, without a download."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from rnngen.errors import CorpusError, UsageError, shortened
from rnngen.platforms import replace_file
from rnngen.untrusted import read_regular


def _pydoc() -> str:
    """The language reference that CPython includes for ``help()``."""
    try:
        from pydoc_data.topics import topics
    except ImportError as error:
        raise CorpusError("this Python does not include pydoc_data", expected="CPython's standard library") from error
    return "\n\n".join(topics[name].strip("\n") for name in sorted(topics)) + "\n"


BUILDERS: dict[str, Callable[[], str]] = {"pydoc": _pydoc}


def build(name: str, out: Path | None = None) -> tuple[Path, int]:
    """Write a named text to ``out`` (default ``corpora/NAME.txt``); returns the file and its characters.

    A file that holds this text already stays as it is.

    Raises:
        UsageError: there is no text of this name, or something else has the file's name.
        CorpusError: the file cannot be written.
    """
    if name not in BUILDERS:
        raise UsageError("no text of this name can be built", expected=", ".join(BUILDERS), found=name)
    path = out or Path("corpora") / f"{name}.txt"
    text = BUILDERS[name]()
    try:
        if not os.path.lexists(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_new(path, text.encode())
        elif not _holds(path, text.encode()):
            raise UsageError(
                "already exists", where=path, expected="an unused name", hint="Remove it, or choose another `out`."
            )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise CorpusError(f"cannot be written ({reason})", where=shortened(str(path), 80)) from error
    return path, len(text)


def _holds(path: Path, content: bytes) -> bool:
    """Whether a file has this content. A link is not followed, and a pipe not read."""
    try:
        return read_regular(path, len(content)) == content
    except OSError:
        return False


def _write_new(path: Path, content: bytes) -> None:
    """Write a file of a name that is not in use; it appears complete or not at all."""
    work = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with work.open("xb") as stream:
            stream.write(content)
        replace_file(work, path)
    finally:
        work.unlink(missing_ok=True)
