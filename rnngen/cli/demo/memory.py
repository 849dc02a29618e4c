"""``rnngen demo brackets``, ``copy`` and ``adding``: an RNN forgets with distance, networks with gates remember."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnngen.cli.declared import takes_options
from rnngen.cli.demo.parameters import Scale
from rnngen.cli.demo.training import trained
from rnngen.cli.memory import measure
from rnngen.cli.memory_tables import as_json, drawn, shown
from rnngen.cli.parameters import AsJson, Picture

if TYPE_CHECKING:
    from rnngen.cli.console import Console

EXAMPLES = 2000  # lines that are read, of the part for testing


@takes_options()
def brackets_command(
    context: typer.Context,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the text and the runs. [default: checkpoints/demo-brackets]")
    ] = None,
    *,
    scale: Scale,
    picture: Picture = None,
    json: AsJson = False,
) -> None:
    """Compare how long an RNN, a GRU and an LSTM remember which bracket is open.

    An RNN with tanh, a GRU, an LSTM and a bidirectional LSTM of the same size are trained for the same number of steps
    on `rnngen corpus build brackets`, which takes a few minutes the first time. Then it is measured how often each is
    right, by distance.
    """
    _compare(context.obj, "brackets", out or Path("checkpoints/demo-brackets"), scale, picture, as_object=json)


@takes_options()
def copy_command(
    context: typer.Context,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the text and the runs. [default: checkpoints/demo-copy]")
    ] = None,
    *,
    scale: Scale,
    picture: Picture = None,
    json: AsJson = False,
) -> None:
    """Compare across which gap an RNN, a GRU and an LSTM can copy a word.

    An RNN with tanh, a GRU, an LSTM and a bidirectional LSTM of the same size are trained for the same number of steps
    on `rnngen corpus build copy`, which takes a few minutes the first time. Then it is measured how often each is
    right, by distance.
    """
    _compare(context.obj, "copy", out or Path("checkpoints/demo-copy"), scale, picture, as_object=json)


@takes_options()
def adding_command(
    context: typer.Context,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the text and the runs. [default: checkpoints/demo-adding]")
    ] = None,
    *,
    scale: Scale,
    picture: Picture = None,
    json: AsJson = False,
) -> None:
    """Compare how far apart an RNN, a GRU and an LSTM can add two numbers.

    An RNN with tanh, a GRU, an LSTM and a bidirectional LSTM of the same size are trained for the same number of steps
    on `rnngen corpus build adding`, which takes a few minutes the first time. Then it is measured how often each is
    right, by distance.
    """
    _compare(context.obj, "adding", out or Path("checkpoints/demo-adding"), scale, picture, as_object=json)


def _compare(
    console: Console, language: str, folder: Path, scale: Scale, picture: Path | None, *, as_object: bool
) -> None:
    """Train the networks on a text in a language, and show how often each is right."""
    if picture is not None:
        from rnngen.report.pictures import check_picture

        check_picture(picture)
    from rnngen.demos.memory import NETWORKS, text

    networks = {name: scale.over(options) for name, options in NETWORKS.items()}
    runs = trained(console, folder, text(language, folder), networks)
    measured = [measure(run.path, None, EXAMPLES) for run in runs.values()]
    if picture is not None:
        drawn(measured, picture)
    if as_object:
        console.write_json(as_json(measured))
    else:
        console.write(shown(measured))
