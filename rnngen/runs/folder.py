"""A folder of a run, held open for writing. Nothing in it is reached through a link, even one that appears meanwhile.

Where the system allows it, everything is done relative to the open folder, so a path that changes leads nowhere else,
and a folder that was removed is not made again. A file is written as a new one, never through what was there before.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from rnngen.errors import CheckpointError
from rnngen.platforms import OPEN_UNTRUSTED, open_folder, replace_file
from rnngen.runs.files import check_kind

_CLOSED = -1  # whatever is done to a closed folder fails
_FULL = {errno.ENOSPC, errno.EDQUOT}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}


class Folder:
    """An open folder.

    Args:
        path: of the folder.
        descriptor: of the folder; None where the system has none.
    """

    def __init__(self, path: Path, descriptor: int | None) -> None:
        self.path, self.descriptor = path, descriptor
        self._identity = _identity(path.stat() if descriptor is None else os.fstat(descriptor))

    @classmethod
    def open(cls, path: Path) -> Folder:
        """A run's own folder, which may be a link itself.

        Raises:
            OSError: it cannot be opened.
        """
        return cls(path, open_folder(path))

    def close(self) -> None:
        """Close it; what it holds stays."""
        if self.descriptor not in (None, _CLOSED):
            descriptor, self.descriptor = self.descriptor, _CLOSED
            os.close(descriptor)

    def __enter__(self) -> Folder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def is_in_place(self) -> bool:
        """Whether its path still leads to it: it was neither moved nor removed."""
        try:
            return _identity(self.path.stat()) == self._identity
        except OSError:
            return False

    def exists(self, name: str, *kinds: str) -> bool:
        """Whether this is in the folder; see ``rnngen.runs.files.exists``.

        Raises:
            CheckpointError: it is a link, or of another kind than these.
            OSError: the system does not say.
        """
        try:
            status = os.stat(self._at(name), dir_fd=self.descriptor, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return False
        check_kind(status, self.path / name, kinds)
        return True

    def folder(self, name: str, *, make: bool = False) -> Folder:
        """A folder in it, opened.

        Args:
            name: of the folder.
            make: whether to make it first; it must not exist then.

        Raises:
            CheckpointError: it is a link or a file.
            OSError: it cannot be made or opened.
        """
        if make:
            os.mkdir(self._at(name), dir_fd=self.descriptor)
        self.exists(name, "folder")
        try:
            return Folder(self.path / name, open_folder(self._at(name), within=self.descriptor, follow=False))
        except OSError:
            self.exists(name, "folder")  # a link that has just appeared is called that
            raise

    def folder_or_new(self, name: str) -> Folder:
        """A folder in it, opened; made first if it does not exist.

        Raises:
            CheckpointError, OSError: as ``folder``.
        """
        if not self.exists(name, "folder"):
            with contextlib.suppress(FileExistsError):  # another thread made it meanwhile
                self.folder(name, make=True).close()
                self.sync()
        return self.folder(name)

    def create(self, name: str, content: bytes | Iterable[bytes]) -> None:
        """Write a new file and wait until it is on the disk; what a killed process left under its name is removed.

        Raises:
            CheckpointError: a link or the like is there.
            OSError: it cannot be written; nothing is left of it.
        """
        if self.exists(name, "file"):
            self.remove(name)
        descriptor = self._open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            for piece in [content] if isinstance(content, bytes) else content:
                _write(descriptor, piece)
            os.fsync(descriptor)
        except (OSError, CheckpointError):  # the latter if what it is copied from cannot be read
            with contextlib.suppress(OSError):
                self.remove(name)
            raise
        finally:
            os.close(descriptor)

    def put(self, name: str, content: bytes | Iterable[bytes]) -> None:
        """Replace a file's content so that a crash leaves the old or the new content, never a part of either.

        Raises:
            CheckpointError: a link or the like is in the way, or it cannot be written; the old content is intact.
        """
        work = temporary(name)
        try:
            self.create(work, content)
            try:
                self.replace(work, name)
            except OSError:
                with contextlib.suppress(OSError):
                    self.remove(work)
                raise
            self.sync()
        except OSError as error:
            raise cannot_write(self.path / name, error) from error

    def append(self, name: str, content: bytes) -> None:
        """Add to a file, which is made if it does not exist.

        Raises:
            CheckpointError: a link or the like is there.
            OSError: it cannot be written; nothing of ``content`` is in it.
        """
        descriptor = self._open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            before = os.fstat(descriptor).st_size
            try:
                _write(descriptor, content)
            except OSError:
                with contextlib.suppress(OSError):
                    os.ftruncate(descriptor, before)
                raise
        finally:
            os.close(descriptor)

    def replace(self, source: str, target: str) -> None:
        """Rename a file over another, or a folder to a free name, atomically; see ``rnngen.platforms.replace_file``.

        Raises:
            OSError: it cannot be renamed.
        """
        replace_file(self._at(source), self._at(target), within=self.descriptor)

    def remove(self, name: str) -> None:
        """Remove a file or a link; nothing is done if nothing is there.

        Raises:
            OSError: it is a folder, or cannot be removed.
        """
        if self.status(name) is not None:  # a read-only disk refuses even to remove nothing
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._at(name), dir_fd=self.descriptor)

    def remove_empty(self, name: str) -> None:
        """Remove an empty folder.

        Raises:
            OSError: it is not empty, or cannot be removed.
        """
        os.rmdir(self._at(name), dir_fd=self.descriptor)

    def names(self) -> list[str]:
        """The names of all that is in it.

        Raises:
            OSError: it cannot be read.
        """
        with os.scandir(self.path if self.descriptor is None else self.descriptor) as entries:
            return [entry.name for entry in entries]

    def status(self, name: str) -> os.stat_result | None:
        """What the system says about a file or folder, without following a link; None if nothing is there."""
        try:
            return os.stat(self._at(name), dir_fd=self.descriptor, follow_symlinks=False)
        except OSError:
            return None

    def sync(self) -> None:
        """Wait until the names in it are on the disk. Windows has no such call."""
        if self.descriptor is not None:
            os.fsync(self.descriptor)

    def sync_file(self, name: str) -> None:
        """Wait until what was added to a file is on the disk.

        Raises:
            CheckpointError, OSError: as ``append``.
        """
        descriptor = self._open(name, os.O_WRONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _at(self, name: str) -> Path:
        """What leads to a name from where the system is told to begin: the open folder, if there is a descriptor."""
        return Path(name) if self.descriptor is not None else self.path / name

    def _open(self, name: str, flags: int) -> int:
        self.exists(name, "file")
        try:
            descriptor = os.open(self._at(name), OPEN_UNTRUSTED | flags, 0o666, dir_fd=self.descriptor)
        except OSError:
            self.exists(name, "file")  # a link or a pipe that has just appeared is called that
            raise
        try:
            check_kind(os.fstat(descriptor), self.path / name, ("file",))
        except CheckpointError:
            os.close(descriptor)
            raise
        return descriptor


def write_atomically(path: Path, content: bytes | Iterable[bytes]) -> None:
    """Write a file in any folder, whole or in pieces; see ``Folder.put``.

    Raises:
        CheckpointError: it cannot be written; the old content is intact.
    """
    try:
        folder = Folder.open(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error
    with folder:
        folder.put(path.name, content)


def temporary(name: str) -> str:
    """The name of the file that holds a file's new content until it replaces the old."""
    return f".{name}.tmp"


def is_full(error: BaseException) -> bool:
    """Whether there is no space left."""
    return isinstance(error, OSError) and error.errno in _FULL


def cannot_write(path: Path, error: OSError) -> CheckpointError:
    """The error for a save that the system refused."""
    remedy = "Use another folder."
    if is_full(error):
        remedy = "Free some space, or use another folder."
    elif error.errno in _REFUSED:
        remedy = "Make the folder writable, or use another one."
    return CheckpointError(
        f"cannot be written ({error.strerror or error})", where=path, hint=f"What was saved before is intact. {remedy}"
    )


def _write(descriptor: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
