"""``rnngen corpus``: texts for a first try."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rnngen.cli.commands import plain_app, register_command
from rnngen.errors import UsageError

corpus_app = plain_app(help="Build a text to train on.", no_args_is_help=True)


@corpus_app.callback()
def _corpus() -> None:
    pass


def build_command(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(help="Which text: pydoc (Python's own language reference, 0.5 MB).")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The file to write. [default: corpora/NAME.txt]")] = None,
) -> None:
    """Write a text that is already on this machine, without a download."""
    from rnngen.corpus.registry import build

    if name is None:
        raise UsageError("no text was named", expected="pydoc", hint="Type: rnngen corpus build pydoc")
    path, characters = build(name, out)
    context.obj.note(f"{path}: {characters:,} characters")


register_command(corpus_app, "build", build_command)
