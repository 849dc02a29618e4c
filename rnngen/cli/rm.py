"""``rnngen rm``: remove runs."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnngen import formats
from rnngen.cli.confirmation import Yes, agreed, check_can_ask
from rnngen.cli.mistakes import refuse_text
from rnngen.cli.parameters import JsonPerRun, run_argument
from rnngen.errors import UsageError

if TYPE_CHECKING:
    from rnngen.cli.console import Console
    from rnngen.runs.removal import Removable


def rm_command(
    context: typer.Context,
    runs: Annotated[list[Path] | None, run_argument("The runs' folders.")] = None,
    yes: Yes = False,
    as_json: JsonPerRun = False,
) -> None:
    """Remove runs.

    Shows what is removed and asks first. Only files of the runs are removed: a folder that holds anything else stays,
    and so does a run that another process is writing.
    """
    from rnngen.errors import CheckpointError
    from rnngen.runs.in_use import written_by
    from rnngen.runs.removal import removable, remove_run

    console: Console = context.obj
    if not runs:
        raise UsageError("no run was named", expected="rnngen rm RUN", hint="List the runs: rnngen runs.")
    check_can_ask(console, yes=yes)
    for run in runs:
        refuse_text(run, "rnngen runs")
    found = list({each.path.resolve(): each for each in map(removable, runs)}.values())  # each once
    for each in found:
        if (writer := written_by(each.path)) is not None:
            raise CheckpointError("another process is writing this run", where=each.path, found=writer)
    if not (yes or as_json):
        console.write(console.table([("run", "size", "steps", "last written"), *map(_row, found)]))
    names = ", ".join(str(each.path) for each in found)
    if not agreed(console, f"Remove {names} ({formats.size(sum(each.bytes for each in found))})?", yes=yes):
        console.note("Nothing was removed.")
        return
    for each in found:
        left = remove_run(each.path)
        if as_json:
            console.write_json({"path": str(each.path), "freed_bytes": each.bytes, "left": left})
        else:
            console.write(f"{each.path}: removed, {formats.size(each.bytes)} freed\n")
        if left:
            console.note(f"note: {each.path} stays: it holds {', '.join(left[:5])}, which is not of the run")


def _row(found: Removable) -> tuple[str, ...]:
    return (
        str(found.path),
        formats.size(found.bytes),
        _steps(found.path),
        f"{datetime.fromtimestamp(found.written):%Y-%m-%d %H:%M}",
    )


def _steps(folder: Path) -> str:
    """How far a run was trained, as far as it can be read."""
    from rnngen.errors import RnngenError
    from rnngen.plaintext.card import steps_taken
    from rnngen.runs.card import make_card
    from rnngen.runs.finding import open_run

    try:
        return steps_taken(make_card(open_run(folder)))
    except RnngenError:
        return "?"
