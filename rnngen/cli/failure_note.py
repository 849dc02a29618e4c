"""A note on a run whose training failed, for commands that use its weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rnngen.cli.console import Console
    from rnngen.runs.run import Run


def note_on_failure(console: Console, run: Run, *, quiet: bool) -> None:
    """Show that the training of a run failed, and which weights it has; nothing if it did not."""
    from rnngen.runs.failure import failure_of

    failure = None if quiet else failure_of(run)
    if failure is not None:
        console.note(f"warning: the training of {run.path} failed: {failure}")
