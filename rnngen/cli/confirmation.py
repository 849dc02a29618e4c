"""Asking before something is removed."""

from __future__ import annotations

from typing import Annotated

import typer

from rnngen.cli.console import Console
from rnngen.errors import UsageError
from rnngen.formats import visible

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def check_can_ask(console: Console, *, yes: bool) -> None:
    """Make sure that there is somebody to ask, before anything is read that may take a while.

    Raises:
        UsageError: there is no terminal, and ``yes`` was not given.
    """
    if not yes and (console.stdin is None or not console.stdin.isatty()):
        raise UsageError(
            "there is no terminal to ask on before anything is removed",
            hint="Add --yes to remove it without a question.",
        )


def agreed(console: Console, question: str, *, yes: bool) -> bool:
    """Whether the user agrees; anything but yes is no."""
    if yes:
        return True
    console.err.write(f"{visible(question)} [y/N] ")
    console.err.flush()
    answer = console.stdin.readline() if console.stdin is not None else ""
    return answer.strip().lower() in ("y", "yes")
