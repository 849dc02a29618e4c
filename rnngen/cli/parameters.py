"""Parameters that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rnngen.cli import completion


def run_argument(description: str, metavar: str | None = None, *, one: bool = False) -> Any:
    """An argument that is the folder of a run, or several unless it is ``one``: shells complete it."""
    completed = completion.one_run if one else completion.runs
    return typer.Argument(help=description, metavar=metavar, autocompletion=completed)


RunFolder = Annotated[Path | None, run_argument("The run's folder. [default: the newest under checkpoints/]")]
RunFolders = Annotated[
    list[Path] | None,
    run_argument("The run's folder, or those of several to compare. [default: the newest under checkpoints/]"),
]
TextFile = Annotated[Path | None, typer.Option(help="Read this file. [default: the test part of the run's corpus]")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Use the network as it was before training.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
JsonPerRun = Annotated[bool, typer.Option("--json", help="One JSON object per run on standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No notes on standard error.")]
