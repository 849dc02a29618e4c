"""``rnngen prune``: free space that finished training no longer needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnngen import formats
from rnngen.cli.confirmation import Yes, agreed, check_can_ask
from rnngen.cli.mistakes import refuse_text
from rnngen.cli.parameters import AsJson, run_argument
from rnngen.cli.spelling import on_command_line
from rnngen.errors import CheckpointError, RnngenError

if TYPE_CHECKING:
    from rnngen.cli.console import Console
    from rnngen.runs.pruning import Prunable


DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would be removed.")]


def prune_command(
    context: typer.Context,
    runs: Annotated[
        list[Path] | None, run_argument("The runs' folders. [default: all under checkpoints/, and encoded texts]")
    ] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Free the space that finished training no longer needs.

    Removes the saved states of runs whose training is over, which can then be sampled and scored but not trained
    further; all saved states but the newest of other runs; and encoded texts in the cache that no run under
    checkpoints/ was trained on and that nobody has read for 30 days. Shows what is removed and asks first. Runs that
    are damaged or being trained are left alone.
    """
    console: Console = context.obj
    check_can_ask(console, yes=yes or dry_run)
    for run in runs or ():
        refuse_text(run, "rnngen runs")
    offer(console, _find(console, runs), dry_run=dry_run, yes=yes, as_json=as_json)


def offer(console: Console, found: list[Prunable], *, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Show what can be removed, remove it if the user agrees, and say how much that has freed."""
    total = sum(each.bytes for each in found)
    if not as_json and not found:
        console.write("Nothing can be removed.\n")
    elif not as_json:
        rows = [(str(e.where), e.what, formats.size(e.bytes), e.afterwards) for e in found]
        console.write(
            console.table([("where", "what", "size", "afterwards"), *rows, ("total", "", formats.size(total))])
        )
    freed = 0
    if found and not dry_run:
        if agreed(console, f"Remove this ({formats.size(total)})?", yes=yes):
            freed = _remove(console, found)
        if not as_json:
            console.write(f"{formats.size(freed)} freed\n" if freed else "Nothing was removed.\n")
    if as_json:
        entries = [
            {
                "where": str(each.where),
                "what": each.what,
                "afterwards": each.afterwards,
                "bytes": each.bytes,
                "folders": [str(folder) for folder in each.folders],
            }
            for each in found
        ]
        console.write_json({"found": entries, "bytes": total, "freed_bytes": freed})


def _find(console: Console, runs: list[Path] | None) -> list[Prunable]:
    """What can be removed; a run that has to be left alone is named."""
    from rnngen.runs.finding import runs_in
    from rnngen.runs.layout import checkpoints_folder
    from rnngen.runs.pruning import prunable, prunable_texts

    found: list[Prunable | None] = []
    here = runs_in(checkpoints_folder())
    for run in runs or here:
        try:
            found.append(prunable(run))
        except CheckpointError as error:
            if runs:
                raise
            console.note(f"left alone: {error}")
    if not runs:
        found.append(prunable_texts(here))
    return [each for each in found if each]


def _remove(console: Console, found: list[Prunable]) -> int:
    """Remove what was found, and return the number of bytes that were freed."""
    freed = 0
    for each in found:
        try:
            freed += each.remove()
        except RnngenError as error:  # the others can still be pruned
            console.note(f"left alone: {on_command_line(str(error))}")
    return freed
