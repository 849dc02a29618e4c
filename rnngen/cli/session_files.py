"""The file to which the text of a session is saved."""

from __future__ import annotations

import contextlib
import os
from datetime import datetime
from pathlib import Path

from rnngen.arguments import why_unusable
from rnngen.cli.session_settings import split_words
from rnngen.errors import RnngenError, UsageError
from rnngen.platforms import split_arguments


def typed_path(text: str, usage: str = "/save my story.txt") -> Path:
    """The path that was typed, which may have spaces in it, with quotes or without.

    Args:
        text: what was typed after the command.
        usage: an example of the command, for the error.

    Raises:
        UsageError: there is none, or none that a file can have.
    """
    name = text.strip()
    if name[:1] in ("'", '"'):
        names = split_words(name, split_arguments)
        if len(names) != 1:
            raise UsageError("a name in quotes is one name", found=name, hint="Leave the quotes out.")
        (name,) = names
    else:
        with contextlib.suppress(ValueError):  # an apostrophe
            names = split_arguments(name)
            name = names[0] if len(names) == 1 else name  # spaces after backslashes, as a shell has them
    if not name:
        raise UsageError(f"{usage.split()[0]} needs a name", expected=f"for example {usage}")
    try:
        path = Path(name).expanduser()
    except RuntimeError as error:  # no such user
        raise UsageError(f"{name}: there is no such user") from error
    if unusable := why_unusable(path):
        raise UsageError("cannot be written", where=path, expected="the name of a file", found=unusable)
    return path


def rescue(text: str) -> Path | None:
    """Write the text of a session that ends unasked to a new file of this user's own; None: that is impossible."""
    name = f"rnngen-session-{datetime.now():%Y-%m-%d-%H%M%S}"
    for folder in (Path(), Path.home()):
        for number in ("", "-2", "-3"):  # another session may end in the same second
            path = folder / f"{name}{number}.txt"
            with contextlib.suppress(OSError):
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
                    file.write(text if text.endswith("\n") else text + "\n")
                return path
    return None


class SavedFiles:
    """Writes texts to files, but never over a file that this session has not written."""

    def __init__(self) -> None:
        self._own: set[Path] = set()

    def save(self, text: str, path: Path) -> None:
        """Write a text, with a line end after it.

        Raises:
            UsageError: there is no text, or somebody else's file.
            RnngenError: it cannot be written.
        """
        if not text:
            raise UsageError("there is no text yet")
        try:
            with path.open("w" if path.resolve() in self._own else "x", encoding="utf-8", errors="replace") as file:
                self._own.add(path.resolve())  # even if it fails: the next try may overwrite what this one leaves
                file.write(text if text.endswith("\n") else text + "\n")
        except FileExistsError as error:
            raise UsageError(f"{path} exists already", hint="Save under another name.") from error
        except OSError as error:
            raise RnngenError(f"cannot be written ({error.strerror})", where=path) from error
