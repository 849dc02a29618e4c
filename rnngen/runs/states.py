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
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, deserialize

from rnngen.errors import CheckpointError
from rnngen.platforms import rename_folder
from rnngen.runs import files
from rnngen.runs.layout import (
    CONFIG,
    MANIFEST,
    REPLACED,
    RESUME,
    TOKENIZER,
    moved_states,
    put_back,
    saved_steps,
    unfinished_states,
)
from rnngen.runs.manifest import manifest_bytes, read_checked, read_manifest, sha256

STATE_TENSORS, STATE_JSON = "state.safetensors", "state.json"
KEEP = 2


def save_state(run: Path, step: int, tensors: bytes, values: Mapping[str, Any]) -> Path:
    """Save a state and remove the oldest ones.

    Args:
        run: the run's folder, which this process has locked.
        step: steps taken.
        tensors: the content of a safetensors file.
        values: the content of state.json.

    Returns:
        The state's folder.

    Raises:
        CheckpointError: it cannot be written; those saved before are intact.
    """
    folder = run / RESUME / f"{step:09d}"
    if folder.exists() and _holds(folder, values):  # the same step saved twice, by a stop right after a save
        return folder
    work, replaced = folder.with_name(f".{folder.name}"), folder.with_name(f".{folder.name}{REPLACED}")
    contents = {STATE_TENSORS: tensors, STATE_JSON: files.to_json(dict(values))}
    try:
        files.exists(folder.parent, "folder")
        shutil.rmtree(work, ignore_errors=True)
        if folder.exists():  # otherwise the replaced one is all that is left of this step
            shutil.rmtree(replaced, ignore_errors=True)
        work.mkdir(parents=True)
        for name, content in contents.items():
            files.write_synced(work / name, content)
        files.write_synced(work / MANIFEST, manifest_bytes(contents))
        files.sync_folder(work)
        if folder.exists():  # damaged, or something that was due at this step has been done since
            rename_folder(folder, replaced)
        rename_folder(work, folder)
        files.sync_folder(folder.parent)
        shutil.rmtree(replaced, ignore_errors=True)
    except OSError as error:
        shutil.rmtree(work, ignore_errors=True)
        if replaced.exists() and not folder.exists():
            with contextlib.suppress(OSError):  # then the next process that writes the run puts it back
                rename_folder(replaced, folder)
        raise files.cannot_write(folder, error) from error
    for old in saved_steps(run)[KEEP:]:
        shutil.rmtree(old, ignore_errors=True)
    return folder


def _holds(folder: Path, values: Mapping[str, Any]) -> bool:
    """Whether a sound state with these values is saved here; the time spent may differ."""
    try:
        tensors, saved = read_state(folder)
        deserialize(tensors)  # type: ignore[no-untyped-call]
    except (CheckpointError, SafetensorError):
        return False
    expected = json.loads(json.dumps(values))
    return isinstance(saved, Mapping) and {**saved, "seconds": 0} == {**expected, "seconds": 0}


def read_state(folder: Path) -> tuple[bytes, Any]:
    """The tensors of a saved state, as a safetensors file's content, and its values.

    Raises:
        CheckpointError: a file is missing, damaged, or a link.
    """
    files.exists(folder, "folder")
    entries = read_manifest(folder)
    values = files.read_json(folder / STATE_JSON, read_checked(folder, entries, STATE_JSON))
    return read_checked(folder, entries, STATE_TENSORS), values


def clean_states(run: Path) -> None:
    """Remove what a save that was killed left; where it had moved a state away, put that back.

    Raises:
        OSError: something cannot be removed or renamed.
    """
    moved = moved_states(run)
    for leftover in unfinished_states(run):
        if not leftover.is_dir():
            leftover.unlink()
        elif leftover in moved:  # killed before the new one was there
            rename_folder(leftover, put_back(leftover))
        else:
            shutil.rmtree(leftover)


def hashes_of_decided(run: Path) -> dict[str, str]:
    """SHA-256 of the files that are decided before the first step, by name: a saved state belongs to these.

    Raises:
        CheckpointError: one is missing, or is not a file.
    """
    return {name: sha256(files.read_needed(run / name)) for name in (CONFIG, TOKENIZER)}
