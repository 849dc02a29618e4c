"""``rnngen.runs``: the runs in folders, as a list that is shown as a table."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rnngen.errors import RnngenError
from rnngen.options.checked import checked
from rnngen.plaintext.runs import as_dict, cells_of, notes_on, per_character, state_of, write_runs
from rnngen.python.html import lines, table
from rnngen.python.spelling import in_python, speaks_python
from rnngen.runs.card import Card
from rnngen.runs.compared import distinct_names
from rnngen.runs.listing import Listed, find_runs


@dataclass(frozen=True, repr=False)
class ListedRun:
    """A run in a list, which every function takes as a run: it stands for its ``path``.

    Attributes:
        name: of its folder, in as few words as tell it from the others.
        path: its folder.
        card: all that the folder says about the run, or the error of reading it.
    """

    name: str
    path: Path
    card: Card | RnngenError

    def __fspath__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        score = "" if self.score is None else f", {self.score:.4f} nats per character"
        return f"ListedRun({str(self.path)!r}: {self.state}{score})"

    @property
    def _read(self) -> Card | None:
        return self.card if isinstance(self.card, Card) else None

    @property
    def corpus(self) -> tuple[str, ...]:
        """The files and folders that it was trained on."""
        return self._read.text if self._read else ()

    @property
    def tokenizer(self) -> str | None:
        """What a token is, and the size of the vocabulary."""
        return self._read.tokenizer if self._read else None

    @property
    def size(self) -> int | None:
        """The number of its parameters."""
        return self._read.parameters if self._read else None

    @property
    def score(self) -> float | None:
        """The best score on the validation part, in nats per character, of a bidirectional run in pseudo-nats.

        None: it was never validated, or does not know how many characters its text has.
        """
        return per_character(self._read) if self._read else None

    @property
    def date(self) -> datetime | None:
        """When it was last saved."""
        return datetime.fromtimestamp(self._read.saved) if self._read else None

    @property
    def state(self) -> str:
        """``finished``, ``unfinished``, ``failed``, ``never saved``, ``damaged``, or ``unknown``."""
        return state_of(self.path, self.card)

    def as_dict(self) -> dict[str, Any]:
        """What ``rnngen runs --json`` prints of it."""
        return as_dict(self.path, self.card, in_python)


class Runs(list[ListedRun]):
    """Runs, the newest first: a table when they are shown.

    Attributes:
        complete: whether all folders were looked into: not those that are very deep, or after very many files.
    """

    def __init__(self, runs: Iterable[ListedRun], *, complete: bool = True) -> None:
        super().__init__(runs)
        self.complete = complete

    def __repr__(self) -> str:
        on_terminal = sys.stdout is not None and sys.stdout.isatty()
        columns = shutil.get_terminal_size().columns if on_terminal else None
        return write_runs(self._listed, in_python, columns).rstrip() if self else "no runs"

    def _repr_html_(self) -> str:
        head, *rows = cells_of(self._listed, None)
        return f"<div>{table(rows, head)}{lines(notes_on(self._listed, in_python))}</div>" if self else "no runs"

    def as_dict(self) -> dict[str, Any]:
        """What ``rnngen runs --json`` prints, an entry of ``runs`` for each of its lines."""
        return {"runs": [each.as_dict() for each in self]}

    @property
    def _listed(self) -> Listed:
        return Listed([(each.path, each.card) for each in self], self.complete)


@speaks_python
@checked
def runs(*folders: str | Path) -> Runs:
    """The runs under ``checkpoints/``, or under other folders, the newest first.

    Each has a name, path, corpus, tokenizer, size, score, date and state; ``rnngen.inspect`` shows all about one.

    Args:
        folders: where to look, in folders of it too.

    Raises:
        UsageError: there is no such folder.
    """
    found = find_runs([Path(folder) for folder in folders])
    names = distinct_names([path for path, _ in found.cards])
    return Runs(
        (ListedRun(name, path, card) for name, (path, card) in zip(names, found.cards, strict=True)),
        complete=found.whole,
    )
