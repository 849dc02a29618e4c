"""``rnngen runs``: the runs under checkpoints/ or other folders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnngen.cli.parameters import JsonPerRun
from rnngen.cli.spelling import on_command_line

if TYPE_CHECKING:
    from rnngen.cli.console import Console


def runs_command(
    context: typer.Context,
    folders: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FOLDER", help="Where to look, in folders of it too. [default: checkpoints]"),
    ] = None,
    as_json: JsonPerRun = False,
) -> None:
    """List the runs under checkpoints/, or under other folders.

    The newest first, one per line: when it was last saved (today: the time), its text, its network, the steps it has
    taken, and its best score on the validation part, in nats per character, with the tokenizer if that is not char. On
    a narrow terminal some of this is shortened or left out. The scores of bidirectional runs are pseudo-nats, and those
    of a closed vocabulary are per token: neither can be compared with others.
    """
    from rnngen.plaintext.runs import as_dict, write_runs
    from rnngen.runs.listing import list_runs

    console: Console = context.obj
    found = list_runs(folders or ())
    if as_json:
        for folder, card in found.cards:
            console.write_json(as_dict(folder, card, on_command_line))
        return
    console.write(write_runs(found, on_command_line, console.columns))
    if note := found.note:
        console.note(f"note: {note}")
