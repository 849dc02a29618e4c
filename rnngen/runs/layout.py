"""What is in the folder of a run.

config.json        what was decided before the first step
tokenizer.json     text ↔ ids
model.safetensors  the weights to use: those with the best validation score
ngram.safetensors  with --ngram: an n-gram model, and its share in the mixture
adaptation.json    after eval --tune: how the model adapts to a text best
metrics.jsonl      one row per report
samples.txt        what the model wrote during training
resume/            what training needs to be resumed: saved states (states.py), record of plans (plan_record.py)
manifest.json      SHA-256 of the files above; written last (manifest.py)
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from rnngen.errors import CheckpointError
from rnngen.runs.files import cannot_read, exists
from rnngen.runs.folder import cannot_write, temporary

CONFIG, TOKENIZER, MODEL, MANIFEST = "config.json", "tokenizer.json", "model.safetensors", "manifest.json"
NGRAM, ADAPTATION = "ngram.safetensors", "adaptation.json"
OF_WEIGHTS = (MODEL, NGRAM, ADAPTATION)  # weights, and what was fitted to them; each is replaced by way of NEW
METRICS, SAMPLES = "metrics.jsonl", "samples.txt"
LOGS = (METRICS, SAMPLES)  # they grow: the manifest covers what they held when it was written
RESUME, PLAN = "resume", "plan.jsonl"  # the record of plans is in RESUME
STATE_TENSORS, STATE_JSON = "state.safetensors", "state.json"
OF_A_STATE = (MANIFEST, STATE_JSON, STATE_TENSORS)
"""The files of a saved state, in the order in which they are removed. What else is in its folder is not of the run."""
NEW, REPLACED = ".new", ".replaced"  # a file that is about to replace another; a state that is about to be replaced
TEMPORARY = tuple(map(temporary, (CONFIG, TOKENIZER, *LOGS, MANIFEST)))  # what is about to be their content
LOCK, HOLDER = ".lock", ".lock-holder"  # held by the process that writes the run; which process that is
UNSAVED = (RESUME, *LOGS, TOKENIZER, CONFIG)
"""Everything that a run which never saved can leave behind, in the order in which it is removed.

config.json shows that the folder is a run, so it goes last.
"""
PASSING = {LOCK, HOLDER, *(name + NEW for name in OF_WEIGHTS), *TEMPORARY}
"""Everything that a process leaves when it is killed, and that the next one which writes the run removes."""
_STATE, _UNFINISHED = re.compile(r"\d{9,}"), re.compile(rf"\.\d{{9,}}({re.escape(REPLACED)})?")

_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\.|$)", re.IGNORECASE)
_LONGEST_NAME = 200  # bytes, of the 255 that file systems allow: a suffix may follow


def checkpoints_folder() -> Path:
    """The folder of all runs that are not saved elsewhere: ``checkpoints`` in the current folder."""
    return Path("checkpoints")


def new_run_folder(parent: Path, stem: str) -> Path:
    """Make a folder of the first free name ``stem-1``, ``stem-2``, … under ``parent``.

    Raises:
        CheckpointError: it cannot be made.
    """
    try:
        parent.mkdir(parents=True, exist_ok=True)
        for path in _numbered(parent, safe_file_name(stem)):
            with contextlib.suppress(FileExistsError):  # another process may make it at the same moment
                path.mkdir()
                return path
    except OSError as error:
        raise cannot_write(parent, error) from error
    raise AssertionError  # there are always more names


def _numbered(parent: Path, stem: str) -> Iterator[Path]:
    number = 1
    while True:
        yield parent / f"{stem}-{number}"
        number += 1


def saved_steps(folder: Path) -> list[Path]:
    """The folders of a run's saved states, the newest first.

    Raises:
        CheckpointError: what should be their folder is something else.
    """
    before, listed = None, _in_resume(folder, _STATE)
    states = [*filter(has_files_of_state, listed)]
    while not states and listed != before:  # another process may have replaced all of them meanwhile
        before, listed = listed, _in_resume(folder, _STATE)
        states = [*filter(has_files_of_state, listed)]
    return sorted(states, key=lambda path: int(path.name), reverse=True)


def state_folders(folder: Path) -> list[Path]:
    """Everything that has the name of a saved or an unfinished state, whatever is in it.

    Raises:
        CheckpointError: as ``saved_steps``.
    """
    return [*_in_resume(folder, _STATE), *unfinished_states(folder)]


def files_of_state(state: Path) -> list[Path]:
    """The files of a saved state, or of what a killed save left in its place.

    Raises:
        CheckpointError: it or one of them is a link or the like.
    """
    if not exists(state, "folder", "file"):
        return []
    if state.is_file():
        return [state]
    return [state / name for name in OF_A_STATE if exists(state / name, "file")]


def has_files_of_state(state: Path) -> bool:
    """Whether a folder has a file of a saved state: without one, what is in it is somebody else's."""
    with contextlib.suppress(CheckpointError):
        return bool(files_of_state(state))
    return True  # where they should be is a link or the like, which is refused when it is used


def unfinished_states(folder: Path) -> list[Path]:
    """What a save that was killed left next to the saved states.

    Raises:
        CheckpointError: as ``saved_steps``.
    """
    return _in_resume(folder, _UNFINISHED)


def moved_states(folder: Path) -> list[Path]:
    """Saved states that a killed save moved away and did not replace: the next process that writes puts them back.

    Raises:
        CheckpointError: as ``saved_steps``.
    """
    moved = (path for path in unfinished_states(folder) if path.name.endswith(REPLACED))
    return [path for path in moved if has_files_of_state(path) and not put_back(path).exists()]


def put_back(state: Path) -> Path:
    """The folder of a saved state that was moved away, or that is being written."""
    return state.with_name(state.name.removeprefix(".").removesuffix(REPLACED))


def _in_resume(folder: Path, names: re.Pattern[str]) -> list[Path]:
    resume = folder / RESUME
    try:
        return [path for path in resume.iterdir() if names.fullmatch(path.name)] if exists(resume, "folder") else []
    except FileNotFoundError:  # removed at this moment
        return []
    except OSError as error:
        raise cannot_read(resume, error) from error


def check_layout(folder: Path) -> None:
    """Make sure that all files of a run are in its folder, before any of them is opened, written or removed.

    What is not of the run is not looked at.

    Raises:
        CheckpointError: what should be one of its files or folders is a link, a pipe or a device.
    """
    exists(folder / RESUME, "folder")
    for name in (CONFIG, TOKENIZER, *OF_WEIGHTS, *LOGS, MANIFEST, *PASSING, f"{RESUME}/{PLAN}"):
        exists(folder / name, "file")
    for state in saved_steps(folder):
        exists(state, "folder")
    for state in state_folders(folder):
        files_of_state(state)


def safe_file_name(stem: str, default: str = "run") -> str:
    """A name like ``stem`` that every system allows for a file or a folder, with anything appended to it.

    Letters, digits, ``_``, ``.`` and ``-`` are kept; the name does not begin or end with a dot or a hyphen, is not one
    that Windows reserves for devices (CON, NUL, COM1, with any extension), and has a bounded length.

    Args:
        stem: any text.
        default: the name if nothing of ``stem`` is left, and the prefix of a reserved name.
    """
    name = re.sub(r"[^\w.-]+", "-", stem).strip("-.")
    name = name.encode("utf-8", errors="ignore")[:_LONGEST_NAME].decode("utf-8", errors="ignore").rstrip("-.")
    return f"{default}-{name}" if _RESERVED.match(name) else name or default
