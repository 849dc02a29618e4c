"""``rnngen inspect memory``: how far back a network remembers what decides later."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from rnngen.cli.declared import takes_options
from rnngen.cli.inspected import inspected
from rnngen.cli.memory_tables import Measured, as_json, drawn, show
from rnngen.cli.parameters import AsJson, Fresh, RunFolders, TextFile
from rnngen.cli.pictures import Picture, check_picture
from rnngen.options.declare import Options, option

if TYPE_CHECKING:
    from rnngen.cli.console import Console


class Examples(Options):
    """How much text is read."""

    examples: int = option(
        2000, "Lines to read, from the beginning of the text.", panel="", minimum=1, maximum=1_000_000
    )


@takes_options()
def memory_command(
    context: typer.Context,
    runs: RunFolders = None,
    text: TextFile = None,
    *,
    examples: Examples,
    fresh: Fresh = False,
    picture: Picture = None,
    json: AsJson = False,
) -> None:
    """Show how far back a network remembers what decides later.

    The text has to be in a language of `rnngen corpus build`: brackets, copy or adding. There, one symbol decides
    another one a known distance later. Shows how often the network is right at such symbols, by distance, with 95 %
    confidence intervals, and how often it would be without memory.
    """
    console: Console = context.obj
    check_picture(picture)
    folders = {folder and folder.resolve(): folder for folder in runs or (None,)}.values()  # each once
    measured = [measure(console, folder, text, examples.examples, fresh=fresh) for folder in folders]
    if picture is not None:
        drawn(measured, picture)
    if json:
        console.write_json({"fresh": fresh, **as_json(measured)})
    else:
        show(console, measured)


def measure(
    console: Console, folder: Path | None, text: Path | None, examples: int, *, fresh: bool = False
) -> Measured:
    """How often one run is right, by distance.

    Args:
        console: of the command.
        folder: of the run; None: the newest.
        text: a file; None: the test part of the run's corpus.
        examples: how many lines at most.
        fresh: whether the network is to be as it was before training.

    Raises:
        RnngenError: there is no such run, or the text is not in a language that is known.
    """
    with inspected(console, "memory", folder, text, fresh=fresh) as found:
        from rnngen.inspection.memory import planted_lines, recall

        tokenizer = found.run.tokenizer()
        name = str(text or f"the test part of {found.run.path}")
        lines = planted_lines(tokenizer, found.tokens, name, examples)
        counts = recall(found.network, tokenizer, lines)
    return Measured(found.run.path, found.title, found.run.model_config().describe(), lines, counts)
