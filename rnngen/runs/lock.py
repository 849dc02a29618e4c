"""The lock of a run: one process writes it at a time.

Two locks are held: one on the folder itself, which cannot be removed from it, and one on the file ``.lock`` in it,
which computers that share the folder over a network see too.
"""

from __future__ import annotations

import contextlib
import os
import socket

from filelock import FileLock, Timeout

from rnngen.errors import CheckpointError
from rnngen.platforms import lock_folder
from rnngen.runs.files import read_file
from rnngen.runs.folder import Folder, is_full
from rnngen.runs.layout import HOLDER, LOCK


class RunLock:
    """The right to write a run, held by this process.

    Args:
        folder: of the run; nothing in it is a link.

    Raises:
        CheckpointError: another process holds it.
        OSError: the folder cannot be written.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._folder_is_locked = lock_folder(folder.descriptor)
        if self._folder_is_locked is False:
            raise self._taken()
        self._file = FileLock(folder.path / LOCK)
        try:
            self._file.acquire(timeout=0)
        except Timeout as error:
            raise self._taken() from error
        self._held = self._file_in_place()
        try:
            folder.create(HOLDER, f"process {os.getpid()} on {socket.gethostname()}".encode())
        except BaseException as error:
            if not is_full(error):  # what is locked on a full disk may be about to be removed
                self._file.release()
                raise

    def check(self) -> None:
        """Make sure that this is still the only process that writes the run, at the place where it was begun.

        Raises:
            CheckpointError: the folder was moved or removed, or another process may have locked it.
        """
        if not self._folder.is_in_place():
            raise CheckpointError(
                "the run's folder was moved or removed while it was being written",
                where=self._folder.path,
                hint="If it was moved, resume the run there: rnngen train --resume FOLDER.",
            )
        if not self._folder_is_locked and self._file_in_place() != self._held:
            raise CheckpointError(
                f"{LOCK} was removed while this process held it, so another one may be writing this run",
                where=self._folder.path,
                hint="What was saved before is intact. Resume the run when no other process writes it.",
            )

    def release(self) -> None:
        """Let other processes write the run."""
        try:
            with contextlib.suppress(OSError):
                self._folder.remove(HOLDER)
        finally:
            self._file.release()

    def _file_in_place(self) -> tuple[int, int] | None:
        status = self._folder.status(LOCK)
        return (status.st_dev, status.st_ino) if status else None

    def _taken(self) -> CheckpointError:
        holder = None
        with contextlib.suppress(CheckpointError):
            holder = read_file(self._folder.path / HOLDER)
        return CheckpointError(
            "another process is writing this run",
            where=self._folder.path,
            found=holder.decode(errors="replace") if holder else None,
        )
