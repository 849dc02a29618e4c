"""A note on a run whose training failed, for commands that use its weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rnngen.cli.console import Console
    from rnngen.runs.run import Run


def note_on_failure(console: Console, *runs: Run | None, quiet: bool) -> None:
    """Show of each run whose training failed that it did, and which weights it has."""
    from rnngen.runs.failure import failure_of

    for run in runs:
        failure = failure_of(run) if run and not quiet else None
        if run and failure:
            console.note(f"warning: the training of {run.path} failed: {failure}")
