"""Whether a process is writing a run."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

from rnngen.errors import CheckpointError, shortened
from rnngen.platforms import lock_folder
from rnngen.runs.files import exists, read_file
from rnngen.runs.folder import Folder
from rnngen.runs.layout import HOLDER, LOCK


def written_by(folder: Path) -> str | None:
    """The process that is writing a run, in words; None: there is none, or the system does not say."""
    try:
        holder = read_file(folder / HOLDER)
        # only if a process seems to hold the locks: nobody else is kept out, even for a moment
        if holder is None or not (_folder_is_locked(folder) or _file_is_locked(folder)):
            return None
    except (OSError, CheckpointError):
        return None
    return shortened(holder.decode(errors="replace")) or "another process"


def _folder_is_locked(folder: Path) -> bool:
    with Folder.open(folder) as opened:
        return lock_folder(opened.descriptor) is False


def _file_is_locked(folder: Path) -> bool:
    if not exists(folder / LOCK, "file"):
        return False
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()  # it was killed
    return False
