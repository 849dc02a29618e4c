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
import json
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
    REPLACED,
    RESUME,
    TOKENIZER,
    is_state,
    moved_states,
    put_back,
    unfinished_states,
)
from rnngen.runs.manifest import manifest_bytes, map_checked, read_checked, read_manifest, sha256
from rnngen.runs.tensors import read_header

STATE_TENSORS, STATE_JSON = "state.safetensors", "state.json"
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
        saved = sorted(filter(is_state, resume.names()), key=int, reverse=True)
        kept = [name for name in saved if int(name) <= step][:KEEP]
        for name in set(saved) - set(kept):
            with contextlib.suppress(OSError):  # the next save tries again
                resume.remove(f".{name}")
                resume.replace(name, f".{name}")  # so that no state is ever half there
                resume.remove(f".{name}")
    return path


def _put(resume: Folder, name: str, contents: Mapping[str, bytes]) -> None:
    """Write a state; a damaged one of its name, or one before something that was due at its step, is replaced."""
    work, replaced = f".{name}", f".{name}{REPLACED}"
    try:
        resume.remove(work)
        if resume.exists(name, "folder"):  # otherwise the replaced one is all that is left of this step
            resume.remove(replaced)
        with resume.folder(work, make=True) as state:
            for file, content in {**contents, MANIFEST: manifest_bytes(contents)}.items():
                state.create(file, content)
            state.sync()
        if resume.exists(name, "folder"):
            resume.replace(name, replaced)
        resume.replace(work, name)
        resume.sync()
    except OSError:
        with contextlib.suppress(OSError):
            resume.remove(work)
        with contextlib.suppress(OSError, CheckpointError):  # or the next process that writes the run puts it back
            if resume.exists(replaced, "folder") and not resume.exists(name, "folder"):
                resume.replace(replaced, name)
        raise
    with contextlib.suppress(OSError):
        resume.remove(replaced)


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
                resume.remove(leftover.name)


def hashes_of_decided(run: Path) -> dict[str, str]:
    """SHA-256 of the files that are decided before the first step, by name: a saved state belongs to these.

    Raises:
        CheckpointError: one is missing, or is not a file.
    """
    return {
        CONFIG: sha256(files.read_needed(run / CONFIG, files.MAX_JSON_BYTES)),
        TOKENIZER: sha256(files.read_needed(run / TOKENIZER, MAX_TOKENIZER_BYTES)),
    }
