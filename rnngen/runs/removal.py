"""Removing a run: the files that a run has, and no others. No link is followed, and what somebody put there stays."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rnngen.errors import CheckpointError
from rnngen.runs.contents import all_in
from rnngen.runs.files import exists, read_json
from rnngen.runs.finding import run_folder
from rnngen.runs.folder import Folder
from rnngen.runs.layout import (
    CONFIG,
    LOCK,
    LOGS,
    MANIFEST,
    NEW,
    OF_A_STATE,
    OF_WEIGHTS,
    PLAN,
    RESUME,
    TEMPORARY,
    TOKENIZER,
    files_of_state,
    saved_steps,
    state_folders,
)
from rnngen.runs.manifest import read_manifest
from rnngen.runs.states import remove_files_of_state
from rnngen.runs.writer import RunWriter

_BEFORE_STATES = (MANIFEST, *OF_WEIGHTS, *(name + NEW for name in OF_WEIGHTS), *TEMPORARY)
_AFTER_STATES = (*LOGS, TOKENIZER, CONFIG)  # config.json shows that the folder is a run, so it goes last


@dataclass(frozen=True)
class Removable:
    """A run that can be removed.

    Attributes:
        path: its folder.
        bytes: the size of all files that a run has.
        written: when the last of them was written, in seconds since 1970.
    """

    path: Path
    bytes: int
    written: float


def removable(path: Path) -> Removable:
    """What is removed with a run, which may be damaged.

    Raises:
        CheckpointError: it is not a run, or one of its files or folders is a link or the like.
    """
    folder = run_folder(path)
    if not _is_run(folder):  # but, for example, the model of another program, with a config.json of its own
        raise CheckpointError("is not a run", where=folder, expected="a folder made by rnngen train")
    found = [file.lstat() for file in _files(folder)]
    return Removable(folder, sum(each.st_size for each in found), max(each.st_mtime for each in found))


def remove_run(path: Path) -> list[str]:
    """Remove a run, and its folder if nothing else is in it.

    Returns:
        The names of what is left in the folder, because it is not the run's.

    Raises:
        CheckpointError: as ``removable``; another process is writing the run, or it cannot be removed.
    """
    removable(path)  # before anything is locked
    writer = RunWriter(path)
    try:
        states = [state.name for state in state_folders(path)]
        with Folder.open(path) as folder:
            for name in _BEFORE_STATES:
                folder.remove(name)
            if folder.exists(RESUME, "folder"):
                with folder.folder(RESUME) as resume:
                    resume.remove(PLAN)
                    for name in states:
                        remove_files_of_state(resume, name)
                    empty = not resume.names()
                if empty:
                    folder.remove_empty(RESUME)
            for name in _AFTER_STATES:
                folder.remove(name)
    except OSError as error:
        raise cannot_remove(path, error) from error
    finally:
        writer.close()
    with contextlib.suppress(OSError):  # on Windows another process may have just opened it
        (path / LOCK).unlink(missing_ok=True)
        path.resolve().rmdir()  # if it is empty
    if path.is_symlink() and not path.exists():
        path.unlink()
    return sorted(all_in(path))


def cannot_remove(path: Path, error: OSError) -> CheckpointError:
    """The error for a removal that the system refused."""
    return CheckpointError(f"cannot be removed ({error.strerror or error})", where=path)


def _is_run(folder: Path) -> bool:
    """Whether rnngen made a folder: its configuration, its manifest or a saved state shows that."""
    with contextlib.suppress(CheckpointError):
        read_manifest(folder)
        return True
    with contextlib.suppress(CheckpointError):
        config = read_json(folder / CONFIG)
        if isinstance(config, dict) and {"rnngen", "model", "train"} <= config.keys():
            return True
    return any(len(files_of_state(state)) == len(OF_A_STATE) for state in saved_steps(folder))


def _files(folder: Path) -> Iterator[Path]:
    names = [*_BEFORE_STATES, f"{RESUME}/{PLAN}"] if exists(folder / RESUME, "folder") else [*_BEFORE_STATES]
    yield from (folder / name for name in names if exists(folder / name, "file"))
    for state in state_folders(folder):
        yield from files_of_state(state)
    yield from (folder / name for name in _AFTER_STATES if exists(folder / name, "file"))
