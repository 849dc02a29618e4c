"""Saved states, from which training is resumed; the last two are kept.

    resume/000000400/state.safetensors   weights, average, optimizer moments, hidden state, random state
    resume/000000400/state.json          step, best score, lengths of the logs
    resume/000000400/manifest.json       SHA-256 of the two; written last

A state is written into a hidden folder which is then renamed, so it exists whole or not at all. If the newest is
damaged, the one before it is used, with a warning. What the tensors are is known to ``training/checkpoint.py``; here
they are bytes.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rnngen.corpus.tokenizer.load import MAX_BYTES as MAX_TOKENIZER_BYTES
from rnngen.errors import CheckpointError
from rnngen.runs import files
from rnngen.runs.folder import Folder
from rnngen.runs.layout import (
    CONFIG,
    MANIFEST,
    OF_A_STATE,
    REPLACED,
    RESUME,
    STATE_JSON,
    STATE_TENSORS,
    TOKENIZER,
    moved_states,
    put_back,
    saved_steps,
    unfinished_states,
)
from rnngen.runs.manifest import manifest_bytes, map_checked, read_checked, read_manifest, sha256
from rnngen.runs.tensors import read_header

KEEP = 2


def save_state(run: Folder, step: int, tensors: bytes, values: Mapping[str, Any]) -> Path:
    """Save a state, and remove the oldest ones and those of later steps, which training did not continue from.

    Args:
        run: the run's folder, which this process has locked.
        step: steps taken.
        tensors: the content of a safetensors file.
        values: the content of state.json.

    Returns:
        The state's folder.

    Raises:
        OSError: it cannot be written; those saved before are intact.
        CheckpointError: a link or the like is in the way.
    """
    path = run.path / RESUME / f"{step:09d}"
    contents = {STATE_TENSORS: tensors, STATE_JSON: files.to_json(dict(values))}
    with run.folder_or_new(RESUME) as resume:
        # the same step is saved twice by a stop right after a save
        if not (resume.exists(path.name, "folder") and _holds(path, values)):
            _put(resume, path.name, contents)
        saved = [state.name for state in saved_steps(run.path)]
        kept = [name for name in saved if int(name) <= step][:KEEP]
        for name in set(saved) - set(kept):
            with contextlib.suppress(OSError, CheckpointError):  # the next save tries again
                remove_state(resume, name)
    return path


def remove_state(resume: Folder, name: str) -> None:
    """Remove a saved state so that at any moment it exists whole or not at all. What is not of the run stays there.

    Args:
        resume: the folder of the states.
        name: of the state.

    Raises:
        CheckpointError: a link or the like is in the way.
        OSError: it cannot be removed.
    """
    hidden = f".{name}"
    _free(resume, hidden)
    resume.replace(name, hidden)
    if not remove_files_of_state(resume, hidden):
        resume.replace(hidden, name)


def remove_files_of_state(resume: Folder, name: str) -> bool:
    """Remove the files of a saved state, or what a killed save left of one, and their folder if it is then empty.

    Returns:
        Whether nothing is there any more; otherwise it holds what is not of the run.

    Raises:
        CheckpointError: it is a link or the like.
        OSError: it cannot be removed.
    """
    status = resume.status(name)
    if status is None:
        return True
    if stat.S_ISREG(status.st_mode):
        resume.remove(name)
        return True
    with resume.folder(name) as state:
        for file in OF_A_STATE:
            state.remove(file)
        if state.names():
            return False
    resume.remove_empty(name)
    return True


def _free(resume: Folder, name: str) -> None:
    """Make the name of an unfinished state free: what somebody put there is moved next to it, to a name of its own."""
    if not remove_files_of_state(resume, name):
        numbered = (f"{put_back(Path(name))}.{number}" for number in itertools.count(1))
        resume.replace(name, next(other for other in numbered if resume.status(other) is None))


def _put(resume: Folder, name: str, contents: Mapping[str, bytes]) -> None:
    """Write a state; a damaged one of its name, or one before something that was due at its step, is replaced."""
    work, replaced = f".{name}", f".{name}{REPLACED}"
    try:
        _free(resume, work)
        if resume.exists(name, "folder"):  # otherwise the replaced one is all that is left of this step
            _free(resume, replaced)
        with resume.folder(work, make=True) as state:
            for file, content in {**contents, MANIFEST: manifest_bytes(contents)}.items():
                state.create(file, content)
            state.sync()
        if resume.exists(name, "folder"):
            resume.replace(name, replaced)
        resume.replace(work, name)
        resume.sync()
    except OSError:
        with contextlib.suppress(OSError, CheckpointError):
            remove_files_of_state(resume, work)
        with contextlib.suppress(OSError, CheckpointError):  # or the next process that writes the run puts it back
            if resume.exists(replaced, "folder") and not resume.exists(name, "folder"):
                resume.replace(replaced, name)
        raise
    with contextlib.suppress(OSError, CheckpointError):
        _free(resume, replaced)


def _holds(folder: Path, values: Mapping[str, Any]) -> bool:
    """Whether a sound state with these values is saved here; the time spent may differ."""
    try:
        tensors, saved = read_state(folder)
        read_header(tensors, folder / STATE_TENSORS)
    except CheckpointError:
        return False
    expected = json.loads(json.dumps(values))
    return isinstance(saved, Mapping) and {**saved, "seconds": 0} == {**expected, "seconds": 0}


def read_state(folder: Path, max_bytes: int | None = None) -> tuple[bytes, Any]:
    """The tensors of a saved state, as a safetensors file's content, and its values.

    Args:
        folder: of the state.
        max_bytes: what its tensors may hold at most; None: any amount.

    Raises:
        CheckpointError: a file is missing, damaged, too large, or a link.
    """
    files.exists(folder, "folder")
    entries = read_manifest(folder)
    values = files.read_json(folder / STATE_JSON, read_checked(folder, entries, STATE_JSON, files.MAX_JSON_BYTES))
    return read_checked(folder, entries, STATE_TENSORS, max_bytes), values


def check_state(folder: Path) -> None:
    """Make sure that a saved state is what its manifest says, without reading its tensors into memory.

    Raises:
        CheckpointError: as ``read_state``.
    """
    entries = read_manifest(folder)
    read_checked(folder, entries, STATE_JSON, files.MAX_JSON_BYTES)
    map_checked(folder, entries, STATE_TENSORS)


def clean_states(run: Folder) -> None:
    """Remove what a save that was killed left; where it had moved a state away, put that back.

    Raises:
        CheckpointError: a link or the like is in the way.
        OSError: something cannot be removed or renamed.
    """
    leftovers, moved = unfinished_states(run.path), moved_states(run.path)
    if not leftovers:
        return
    with run.folder(RESUME) as resume:
        for leftover in leftovers:
            if leftover in moved and leftover.is_dir():  # killed before the new one was there
                resume.replace(leftover.name, put_back(leftover).name)
            else:
                remove_files_of_state(resume, leftover.name)


def hashes_of_decided(run: Path) -> dict[str, str]:
    """SHA-256 of the files that are decided before the first step, by name: a saved state belongs to these.

    Raises:
        CheckpointError: one is missing, or is not a file.
    """
    return {
        CONFIG: sha256(files.read_needed(run / CONFIG, files.MAX_JSON_BYTES)),
        TOKENIZER: sha256(files.read_needed(run / TOKENIZER, MAX_TOKENIZER_BYTES)),
    }
