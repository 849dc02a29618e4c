"""``rnngen demo gradients``: an RNN forgets how its state came about, an LSTM does not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnngen.cli.declared import takes_options
from rnngen.cli.demo.parameters import OwnText, Scale
from rnngen.cli.demo.training import trained

if TYPE_CHECKING:
    from rnngen.cli.console import Console

FOLDER = "checkpoints/demo-gradients"


@takes_options()
def gradients_command(
    context: typer.Context,
    out: Annotated[Path | None, typer.Option(help=f"Folder of the runs. [default: {FOLDER}]")] = None,
    text: OwnText = None,
    *,
    scale: Scale,
) -> None:
    """Compare how far gradients reach in an RNN and an LSTM.

    An RNN with tanh, one without a nonlinearity and an LSTM are trained on one text, which takes two minutes the first
    time. Then it is measured how far back the gradient of the loss reaches in each.
    """
    from rnngen.demos.gradients import NETWORKS
    from rnngen.demos.texts import pydoc

    console: Console = context.obj
    folder = out or Path(FOLDER)
    networks = {name: scale.over(options) for name, options in NETWORKS.items()}
    runs = trained(console, folder, text or pydoc(folder), networks)
    for run in runs.values():
        console.write(f"{run.path}\n")
