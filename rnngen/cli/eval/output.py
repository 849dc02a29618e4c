"""Where the results of ``rnngen eval`` go, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from rnngen.cli.console import Console
    from rnngen.cli.longjob import LongJob


class Output(NamedTuple):
    """Where results go, and how."""

    console: Console
    as_json: bool
    quiet: bool

    def note(self, text: str | None) -> None:
        """Show a note, unless there is none or notes are not wanted."""
        if text and not self.quiet:
            self.console.note(f"note: {text}")

    def job(self, what: str, total: int | None, unit: str) -> LongJob:
        """A long job, whose progress is shown unless notes are not wanted."""
        from rnngen.cli.longjob import LongJob

        return LongJob(self.console, what, total, unit, shown=not self.quiet)
