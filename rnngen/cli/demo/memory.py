"""``rnngen demo brackets``, ``copy`` and ``adding``: an RNN forgets with distance, networks with gates remember."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from rnngen.cli.declared import takes_options
from rnngen.cli.demo.parameters import Scale
from rnngen.cli.demo.training import trained
from rnngen.cli.memory import measure
from rnngen.cli.memory_tables import as_json, drawn, show
from rnngen.cli.parameters import AsJson
from rnngen.cli.pictures import Picture, check_picture
from rnngen.options.planted import PlantedOptions
from rnngen.platforms import quote_argument

if TYPE_CHECKING:
    from rnngen.cli.console import Console

EXAMPLES = 2000  # lines that are read, of the part for testing


class _Experiment(NamedTuple):
    """An experiment with a language: the folder of its text and its runs, and its options."""

    language: str
    folder: Path
    planted: PlantedOptions
    scale: Scale

    def show(self, console: Console, picture: Path | None, *, as_object: bool) -> None:
        """Train the networks, and show how often each is right."""
        check_picture(picture)
        from rnngen.demos.memory import NETWORKS, text

        networks = {name: self.scale.over(options) for name, options in NETWORKS.items()}
        runs = trained(console, self.folder, text(self.language, self.folder, self.planted), networks)
        measured = [measure(console, run.path, None, EXAMPLES) for run in runs.values()]
        if picture is not None:
            drawn(measured, picture)
        if as_object:
            console.write_json(as_json(measured))
        else:
            inside = f"rnngen inspect gates {quote_argument(str(self.folder / 'lstm'))}"
            show(console, measured)
            console.write(f"\nWhat the units of the LSTM remember: {inside}\n")


_HELP = """{see}

    An RNN with tanh, a GRU, an LSTM and a bidirectional LSTM of the same size are trained for the same number of steps
    on `rnngen corpus build {language}`, which takes a few minutes the first time. Then it is measured how often each is
    right, by distance.
    """


def _command(language: str, see: str) -> Any:
    """The command of the experiment with a language; the first sentence of its help is ``see``."""
    folder = f"checkpoints/demo-{language}"

    def command(
        context: typer.Context,
        out: Path | None = None,
        *,
        scale: Scale,
        given: dict[str, Any],
        picture: Picture = None,
        json: AsJson = False,
    ) -> None:
        experiment = _Experiment(language, out or Path(folder), PlantedOptions.of(given), scale)
        experiment.show(context.obj, picture, as_object=json)

    where = typer.Option(help=f"Folder of the text and the runs. [default: {folder}]")
    command.__annotations__["out"] = Annotated[Path | None, where]
    command.__doc__ = _HELP.format(see=see, language=language)
    return takes_options(PlantedOptions, without=("seed",))(command)


brackets_command = _command("brackets", "See which networks remember what bracket is open.")
copy_command = _command("copy", "See which networks copy a word across a gap.")
adding_command = _command("adding", "See which networks add two numbers that stand far apart.")
