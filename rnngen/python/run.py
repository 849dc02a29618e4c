"""A run as Python shows it: one line in a terminal, its card and its learning curve in a notebook; and its card."""

from __future__ import annotations

from pathlib import Path

from rnngen.errors import RnngenError
from rnngen.options.checked import checked
from rnngen.python.card import Card, card_of
from rnngen.python.spelling import in_python, speaks_python
from rnngen.runs import finding
from rnngen.runs import run as runs


class Run(runs.Run):
    """A trained run, as ``rnngen.train`` and ``rnngen.resume`` return it.

    Attributes:
        path: its folder, which every function takes in its place.
    """

    def __repr__(self) -> str:
        try:
            return f"Run({str(self.path)!r}: {card_of(self).one_line})"
        except RnngenError as error:
            return f"Run({str(self.path)!r}: {in_python(str(error))})"

    def _repr_html_(self) -> str | None:
        try:
            return card_of(self)._repr_html_()
        except RnngenError:
            return None  # the line above says why


def open_run(run: str | Path | runs.Run | None = None) -> Run:
    """A run by its folder, or the newest complete one under ``checkpoints/``.

    Raises:
        CheckpointError: there is none, or it is damaged.
        UsageError: no folder can have this name.
    """
    if isinstance(run, Run):
        return run
    found = run if isinstance(run, runs.Run) else finding.open_run(run)
    return Run(found.path, found.manifest, found.config)


@speaks_python
@checked
def inspect(run: str | Path | runs.Run | None = None) -> Card:
    """The card of a run: its network, its text, how long it was trained, how good it became.

    Args:
        run: the run or its folder; the newest complete one by default.

    Raises:
        CheckpointError: there is none, or it is damaged.
    """
    return card_of(open_run(run))
