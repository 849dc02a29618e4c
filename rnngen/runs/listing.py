"""All runs below a folder, however deep they are, within bounds."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from rnngen.arguments import exists, is_folder
from rnngen.errors import CheckpointError, RnngenError, UsageError
from rnngen.runs.card import Card, read_cards
from rnngen.runs.finding import is_run, newest_run, order_of
from rnngen.runs.layout import RESUME, checkpoints_folder


class Listed(NamedTuple):
    """Runs that were found.

    Attributes:
        cards: each run with its card, or with the error of reading it; the newest first.
        whole: whether all folders were looked into.
    """

    cards: list[tuple[Path, Card | RnngenError]]
    whole: bool

    @property
    def note(self) -> str:
        """That there may be more; empty: there are not."""
        bounds = f"folders deeper than {DEPTH}, and after the first {MOST:,} files"
        return "" if self.whole else f"{bounds}, were not looked into"


DEPTH = 4  # folders in folders that are looked into
MOST = 10_000  # folders and files of all that are looked at


def find_runs(folders: Sequence[Path] = ()) -> Listed:
    """The runs below folders, by default ``checkpoints/``, the newest first; there may be none.

    Raises:
        UsageError: there is no such folder.
    """
    for folder in folders:
        if not is_folder(folder):
            found = "a file" if exists(folder) else "nothing there"
            hint = "List those under checkpoints/: rnngen runs"
            raise UsageError("is not a folder", where=folder, expected="a folder with runs", found=found, hint=hint)
    below = [runs_below(folder) for folder in folders or [checkpoints_folder()]]
    runs = _each_once(run for found, _ in below for run in found)
    return Listed(read_cards(newest_first(runs)), all(whole for _, whole in below))


def list_runs(folders: Sequence[Path] = ()) -> Listed:
    """The same where there are some.

    Raises:
        CheckpointError: there are none.
        UsageError: there is no such folder.
    """
    found = find_runs(folders)
    if not found.cards and not folders:
        newest_run()  # raises the error that says what to do
    if not found.cards:
        where = ", ".join(map(str, folders))
        raise CheckpointError("there are no runs", where=where, expected="runs made by rnngen train")
    return found


def _each_once(runs: Iterable[Path]) -> list[Path]:
    """Runs without those that are others behind a link."""
    found: dict[Path, Path] = {}
    for run in runs:
        real = run.resolve()
        if real not in found or found[real].is_symlink():
            found[real] = run
    return list(found.values())


def newest_first(runs: Iterable[Path]) -> list[Path]:
    """Runs in order, the one whose weights were saved last being the first."""
    return sorted(runs, key=lambda run: (order_of(run), run.name), reverse=True)


def runs_below(folder: Path) -> tuple[list[Path], bool]:
    """The runs below a folder, each once, and whether all folders were looked into; one that is a run is the only one.

    Links and hidden folders are not looked into. What cannot be read is passed over.

    Args:
        folder: to look into.

    Returns:
        The runs, in no order, and whether that is all of them.
    """
    if is_run(folder):
        return [folder], True
    found: list[Path] = []
    queue, seen, whole = deque([(folder, 0)]), 0, True
    while queue:
        parent, depth = queue.popleft()
        try:
            with os.scandir(parent) as entries:
                for entry in entries:
                    seen += 1
                    if seen > MOST:
                        queue.clear()
                        whole = False
                        break
                    path = parent / entry.name
                    if not entry.is_dir():
                        continue
                    if is_run(path):
                        found.append(path)
                    elif entry.is_symlink() or entry.name.startswith(".") or entry.name == RESUME:
                        continue
                    elif depth + 1 < DEPTH:
                        queue.append((path, depth + 1))
                    else:
                        whole = False
        except OSError:
            continue
    return _each_once(found), whole
