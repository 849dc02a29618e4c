"""Whether a process is writing a run."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

from rnngen.errors import CheckpointError, shortened
from rnngen.runs.files import exists, read_file
from rnngen.runs.layout import HOLDER, LOCK


def written_by(folder: Path) -> str | None:
    """The process that is writing a run, in words; None: there is none, or the system does not say."""
    holder: bytes | None = None
    try:
        holder = read_file(folder / HOLDER)
        if holder is None or not exists(folder / LOCK, "file"):
            return None
        lock = FileLock(folder / LOCK)
        lock.acquire(timeout=0)  # only if a process seems to have it: nobody else is kept out, even for a moment
    except Timeout:
        return shortened((holder or b"").decode(errors="replace")) or "another process"
    except (OSError, CheckpointError):
        return None
    lock.release()  # it was killed
    return None
