"""Removing a run: the files that a run has, and no others. No link is followed, and what somebody put there stays."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rnngen.errors import CheckpointError
from rnngen.runs.files import exists, read_json
from rnngen.runs.finding import run_folder
from rnngen.runs.folder import Folder, temporary
from rnngen.runs.layout import (
    CONFIG,
    LOCK,
    LOGS,
    MANIFEST,
    MODEL,
    NEW,
    NGRAM,
    PLAN,
    RESUME,
    TOKENIZER,
    saved_steps,
    unfinished_states,
)
from rnngen.runs.manifest import read_manifest
from rnngen.runs.states import STATE_JSON, STATE_TENSORS
from rnngen.runs.writer import RunWriter

_OF_A_STATE = (MANIFEST, STATE_JSON, STATE_TENSORS)
_REPLACED = (CONFIG, TOKENIZER, *LOGS, MANIFEST)  # which are written under another name first
_BEFORE_STATES = (MANIFEST, MODEL, NGRAM, MODEL + NEW, NGRAM + NEW, *map(temporary, _REPLACED))
_AFTER_STATES = (*LOGS, TOKENIZER, CONFIG)  # config.json shows that the folder is a run, so it goes last


@dataclass(frozen=True)
class Removable:
    """A run that can be removed.

    Attributes:
        path: its folder.
        files: all that a run has, relative to the folder, in the order in which they are removed.
        bytes: their size.
        written: when the last of them was written, in seconds since 1970.
    """

    path: Path
    files: tuple[str, ...]
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
    files = tuple(file.relative_to(folder).as_posix() for file in _files(folder))
    found = [(folder / file).lstat() for file in files]
    return Removable(folder, files, sum(each.st_size for each in found), max(each.st_mtime for each in found))


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
        folders = [f"{RESUME}/{state.name}" for state in (*saved_steps(path), *unfinished_states(path))]
        with Folder.open(path) as folder:
            for file in removable(path).files:
                remove_within(folder, file)
            for name in (*folders, RESUME):
                remove_if_empty(folder, name)
    except OSError as error:
        raise cannot_remove(path, error) from error
    finally:
        writer.close()
    with contextlib.suppress(OSError):  # on Windows another process may have just opened it
        (path / LOCK).unlink(missing_ok=True)
        path.resolve().rmdir()  # if it is empty
    if path.is_symlink() and not path.exists():
        path.unlink()
    return sorted(entry.name for entry in path.iterdir()) if path.exists() else []


def remove_within(folder: Folder, name: str) -> None:
    """Remove a file, each folder on the way to which is opened without following a link.

    Raises:
        CheckpointError: a folder on the way is a link or the like.
        OSError: it cannot be removed.
    """
    first, _, rest = name.partition("/")
    if not rest:
        folder.remove(first)
    elif folder.exists(first, "folder"):
        with folder.folder(first) as inner:
            remove_within(inner, rest)


def remove_if_empty(folder: Folder, name: str) -> None:
    """Remove a folder in another one, if it holds nothing."""
    first, _, rest = name.partition("/")
    with contextlib.suppress(OSError):
        if rest:
            with folder.folder(first) as inner:
                remove_if_empty(inner, rest)
        else:
            folder.remove_empty(first)


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
    return any(len(files_of_state(state)) == len(_OF_A_STATE) for state in saved_steps(folder))


def _files(folder: Path) -> Iterator[Path]:
    names = [*_BEFORE_STATES, f"{RESUME}/{PLAN}"] if exists(folder / RESUME, "folder") else [*_BEFORE_STATES]
    yield from (folder / name for name in names if exists(folder / name, "file"))
    for state in (*saved_steps(folder), *unfinished_states(folder)):
        yield from files_of_state(state)
    yield from (folder / name for name in _AFTER_STATES if exists(folder / name, "file"))


def files_of_state(state: Path) -> list[Path]:
    """The files of a saved state, or of what a killed save left in its place.

    Raises:
        CheckpointError: it is a link or the like.
    """
    if not exists(state, "folder", "file"):
        return []
    if state.is_file():
        return [state]
    return [state / name for name in _OF_A_STATE if exists(state / name, "file")]
