"""Every file of a run's folder: its purpose, and whether it is what the manifest says.

Nothing here raises for a damaged run: damage is the answer. Links, pipes and devices are damage too, and never opened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Literal

from rnngen.corpus.tokenizer.load import MAX_BYTES as MAX_TOKENIZER_BYTES
from rnngen.errors import CheckpointError
from rnngen.runs.files import MAX_JSON_BYTES, exists
from rnngen.runs.layout import (
    ADAPTATION,
    CONFIG,
    HOLDER,
    LOCK,
    LOGS,
    MANIFEST,
    METRICS,
    MODEL,
    NEW,
    NGRAM,
    OF_A_STATE,
    OF_WEIGHTS,
    PLAN,
    RESUME,
    SAMPLES,
    STATE_JSON,
    STATE_TENSORS,
    TEMPORARY,
    TOKENIZER,
    has_files_of_state,
    moved_states,
    saved_steps,
    state_folders,
    unfinished_states,
)
from rnngen.runs.manifest import Entries, check_log, map_checked, read_checked, read_manifest

Status = Literal["sound", "damaged", "missing", "no checksum", "left over", "not of this run"]
"""``no checksum``: no checksum is kept of it. ``left over``: of a save that was killed; removed by the next one."""

PURPOSES = {
    CONFIG: "configuration",
    TOKENIZER: "vocabulary",
    MODEL: "weights to use",
    NGRAM: "n-gram model",
    ADAPTATION: "tuned adaptation",
    METRICS: "log of training",
    SAMPLES: "samples",
    MANIFEST: "checksums",
}
_BEFORE_THE_FIRST_WEIGHTS = {name: PURPOSES[name] for name in (CONFIG, TOKENIZER, *LOGS)}
_IN_A_STATE = {STATE_TENSORS: "saved tensors", STATE_JSON: "saved values", MANIFEST: "their checksums"}
_MAX_DECIDED = max(MAX_JSON_BYTES, MAX_TOKENIZER_BYTES)  # bytes of what is decided before the first step
_MAX_FOREIGN = 20  # files that are not of the run are listed up to this number


@dataclass(frozen=True)
class FileReport:
    """A file of a run's folder.

    Attributes:
        name: relative to the folder.
        purpose: in a few words.
        status: see ``Status``.
        bytes: its size according to the manifest, or, if it has no entry there, its size; None: unknown.
        sha256: according to the manifest; None: it has no entry there.
        why: what is wrong; None: nothing.
    """

    name: str
    purpose: str
    status: Status
    bytes: int | None = None
    sha256: str | None = None
    why: str | None = None

    @property
    def is_damage(self) -> bool:
        """Whether it is not what it should be."""
        return self.status in ("damaged", "missing")


def report_files(folder: Path, max_state_bytes: int) -> list[FileReport]:
    """The files of a run, those that a save left over, and what else is in the folder.

    Args:
        folder: of the run.
        max_state_bytes: what is larger in a saved state is not read.
    """
    purposes = PURPOSES if is_there(folder / MANIFEST) or is_there(folder / MODEL) else _BEFORE_THE_FIRST_WEIGHTS
    reports = [*_covered(folder, "", purposes), *_replacing(folder)]
    reports += _plain(folder / RESUME / PLAN, f"{RESUME}/{PLAN}", "record of plans")
    for name in TEMPORARY:
        reports += _plain(folder / name, name, "unfinished save", "left over")
    for name in (LOCK, HOLDER):
        reports += [report for report in _plain(folder / name, name, "lock") if report.is_damage]
    try:
        states = [*saved_steps(folder), *moved_states(folder)]
        left = [path for path in unfinished_states(folder) if path not in states and _is_left_over(path)]
    except CheckpointError as error:
        return [*reports, FileReport(RESUME, "saved states", "damaged", why=_why(error))]
    for state in states:
        reports += _state(state, max_state_bytes)
    reports += [FileReport(f"{RESUME}/{path.name}", "unfinished save", "left over") for path in left]
    return [*reports, *_foreign(folder, {report.name for report in reports})]


def _state(state: Path, max_bytes: int) -> Iterator[FileReport]:
    name = f"{RESUME}/{state.name}"
    try:
        exists(state, "folder")
    except CheckpointError as error:
        yield FileReport(name, "saved state", "damaged", why=_why(error))
        return
    yield from _covered(state, f"{name}/", _IN_A_STATE, max_bytes)


def _covered(
    folder: Path, prefix: str, purposes: Mapping[str, str], max_bytes: int = _MAX_DECIDED
) -> Iterator[FileReport]:
    """The files that the manifest of a folder should name, and the manifest itself, which comes last."""
    entries: Entries = {}
    manifest = FileReport(prefix + MANIFEST, purposes.get(MANIFEST, ""), "sound", size_of(folder / MANIFEST))
    try:
        entries = read_manifest(folder)
    except CheckpointError as error:
        manifest = _lost(folder / MANIFEST, manifest.name, manifest.purpose, error)
    for name, purpose in purposes.items():
        if name in entries:
            yield _checked(folder, entries, name, prefix, purpose, max_bytes)
            continue
        if name == MANIFEST:
            continue
        found = _plain(folder / name, prefix + name, purpose)
        if not found and name not in (NGRAM, ADAPTATION):
            found = [FileReport(prefix + name, purpose, "missing", why="is missing")]
        yield from found
    if MANIFEST in purposes:
        yield manifest


def _checked(folder: Path, entries: Entries, name: str, prefix: str, purpose: str, max_bytes: int) -> FileReport:
    """A file that the manifest names, read as all commands read it."""
    size, sha, why = entries[name]["bytes"], entries[name]["sha256"], None
    try:
        if name in OF_WEIGHTS:
            where, _ = map_checked(folder, entries, name)
            why = None if where.name == name else f"it is in {where.name}, which is about to replace it"
        elif name in LOGS:
            check_log(folder, entries, name)
        else:
            read_checked(folder, entries, name, max_bytes)
    except CheckpointError as error:
        return replace(_lost(folder / name, prefix + name, purpose, error), bytes=size, sha256=sha)
    return FileReport(prefix + name, purpose, "sound", size, sha, why)


def _lost(path: Path, name: str, purpose: str, error: CheckpointError) -> FileReport:
    return FileReport(name, purpose, "damaged" if is_there(path) else "missing", size_of(path), why=_why(error))


def _plain(path: Path, name: str, purpose: str, status: Status = "no checksum") -> list[FileReport]:
    """A file without a checksum, if there is one."""
    try:
        return [FileReport(name, purpose, status, size_of(path))] if exists(path, "file") else []
    except CheckpointError as error:
        return [FileReport(name, purpose, "damaged", why=_why(error))]


def _replacing(folder: Path) -> Iterator[FileReport]:
    """What a save was about to put in place, unless the manifest names it: then it is what is used."""
    for name in OF_WEIGHTS:
        try:
            named = map_checked(folder, read_manifest(folder), name)[0].name == name + NEW
        except CheckpointError:
            named = False
        if not named:
            yield from _plain(folder / (name + NEW), name + NEW, "unfinished save", "left over")


def _foreign(folder: Path, reported: Set[str]) -> Iterator[FileReport]:
    own = reported | {LOCK, HOLDER, *(name + NEW for name in OF_WEIGHTS)}
    own |= {f"{RESUME}/{state.name}/{name}" for state in state_folders(folder) for name in OF_A_STATE}
    for name in islice((name for name in all_in(folder) if name not in own), _MAX_FOREIGN):
        yield FileReport(name, "unknown", "not of this run")


def all_in(folder: Path) -> Iterator[str]:
    """The names of all that is in a run's folder, in the folder of its states and in each of theirs.

    They are relative to the folder. Nothing else is looked into.

    Raises:
        CheckpointError: the folder of the states is something else.
    """
    places = [folder, *filter(_is_folder, (folder / RESUME, *state_folders(folder)))]
    return (path.relative_to(folder).as_posix() for place in places for path in _entries(place) if path not in places)


def _is_left_over(unfinished: Path) -> bool:
    """Whether the next save removes it; what somebody put there stays."""
    return has_files_of_state(unfinished) or not _entries(unfinished)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _is_folder(path: Path) -> bool:
    try:
        return exists(path, "folder")
    except CheckpointError:
        return False


def is_there(path: Path) -> bool:
    """Whether anything has this name, be it a link or a device."""
    return size_of(path) is not None


def size_of(path: Path) -> int | None:
    """The size of a file, without following a link; None: there is none."""
    try:
        return path.lstat().st_size
    except OSError:
        return None


def _why(error: CheckpointError) -> str:
    """What an error says, but for the place and the hint."""
    return str(CheckpointError(error.what, expected=error.expected, found=error.found))
