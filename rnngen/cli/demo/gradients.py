"""``rnngen demo gradients``: an RNN forgets how its state came about, an LSTM does not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnngen.cli.declared import takes_options
from rnngen.cli.demo.parameters import OwnText, Scale
from rnngen.cli.demo.training import trained
from rnngen.cli.parameters import AsJson
from rnngen.cli.pictures import Picture, check_picture
from rnngen.cli.reaches import measure, write_comparison, write_picture_of

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
    picture: Picture = None,
    as_json: AsJson = False,
) -> None:
    """Compare how far gradients reach in an RNN and an LSTM.

    An RNN with tanh, one without a nonlinearity and an LSTM are trained on one text, which takes two minutes the first
    time. Then it is measured how far back the gradient of the loss reaches in each.
    """
    from rnngen.demos.gradients import NETWORKS
    from rnngen.demos.texts import pydoc

    console: Console = context.obj
    folder = out or Path(FOLDER)
    check_picture(picture)
    networks = {name: scale.over(options) for name, options in NETWORKS.items()}
    runs = trained(console, folder, text or pydoc(folder), networks)
    reaches = measure(console, [run.path for run in runs.values()], None, None, fresh=False)
    if picture is not None:
        write_picture_of(reaches, picture)
    if as_json:
        console.write_json({"runs": [reach.as_dict() for reach in reaches]})
        return
    write_comparison(console, reaches)
    from rnngen.inspection.explanation import explain

    for reach in reaches:
        console.write(f"\n{reach.name}: {reach.config.describe()}\n")
        said = next(iter(explain(reach.flows, reach.config).values()))
        console.write("".join(console.filled(sentence, "- ") for sentence in said))
