"""The folder of downloads in the user's cache. A file is there complete and verified, or not at all.

``FILE.sha256`` holds the hash of the first download of a file whose hash is not known beforehand: later downloads are
compared with it, also after the file itself was removed. ``.FILE.part`` is what has arrived so far.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from rnngen.corpus.cache import cache_folder
from rnngen.corpus.files.new_file import write_new
from rnngen.corpus.files.outputs import CACHE_TAG, CACHE_TAG_CONTENT
from rnngen.corpus.named.texts import TEXTS, Download
from rnngen.corpus.named.transfer import Limits, Transfer
from rnngen.corpus.progress import OnProgress
from rnngen.errors import CorpusError
from rnngen.platforms import rename_new
from rnngen.untrusted import open_regular, read_regular

_SHA256 = re.compile(r"[0-9a-f]{64}")
_WAIT = 0.5  # seconds between two attempts to get the lock
_CHUNK_BYTES = 1 << 20


def downloads_folder() -> Path:
    """Where downloads are kept."""
    return cache_folder() / "named"


@dataclass(frozen=True)
class Downloaded:
    """A file in the folder of downloads.

    Attributes:
        path: of the file.
        name: of the text that it belongs to.
        bytes: its size, with what has arrived of an incomplete download.
        read: when it was last read, as far as the file system notes that, or else written; in seconds since 1970.
    """

    path: Path
    name: str
    bytes: int
    read: float


def downloaded() -> list[Downloaded]:
    """The downloads of known texts, complete or not."""
    found = []
    for name, text in TEXTS.items():
        for download in text.downloads:
            path = downloads_folder() / download.file
            files = [each for each in (_status(path), _status(_partial(path))) if each and stat.S_ISREG(each.st_mode)]
            if files:
                read = max(time for each in files for time in (each.st_atime, each.st_mtime))
                found.append(Downloaded(path, name, sum(each.st_size for each in files), read))
    return found


def remove_download(path: Path) -> int:
    """Remove a download, and what has arrived of it, unless a process is busy with it; return its size in bytes.

    Raises:
        CorpusError: it cannot be removed.
    """
    freed = 0
    try:
        with contextlib.suppress(Timeout), _lock(path).acquire(timeout=0):
            for file in (path, _partial(path)):
                if (status := _status(file)) and stat.S_ISREG(status.st_mode):
                    file.unlink()
                    freed += status.st_size
    except OSError as error:
        raise CorpusError(f"cannot be removed ({error.strerror})", where=path) from error
    return freed


def fetch(download: Download, on_progress: OnProgress, limits: Limits) -> Path:
    """The path of a verified download, which is made unless it is there.

    Raises:
        CorpusError: no server has it as it should be, or it cannot be written.
    """
    folder = downloads_folder()
    path = folder / download.file
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_new(folder / CACHE_TAG, lambda: [CACHE_TAG_CONTENT])
        with _locked(path, on_progress):
            if (status := _status(path)) and not stat.S_ISREG(status.st_mode):
                raise CorpusError("is in the way of a download", where=path, expected="a file, or nothing")
            known = download.sha256 or _recorded(path)
            failures = []
            for url in download.urls:
                try:
                    _retrieve(download, path, url, known, on_progress, limits)
                    break
                except CorpusError as error:
                    failures.append(error)
            else:
                raise _failed(failures)
            if known is None:
                _record(path)
    except (OSError, NotImplementedError) as error:  # the latter: a file system without locks
        raise CorpusError(
            f"downloads cannot be kept ({getattr(error, 'strerror', error)})",
            where=folder,
            hint="Set RNNGEN_CACHE to another folder that you may write to.",
        ) from error
    return path


def _retrieve(
    download: Download, path: Path, url: str, known: str | None, on_progress: OnProgress, limits: Limits
) -> None:
    import pooch

    pooch.get_logger().setLevel("WARNING")  # the caller reports progress
    while True:
        transfer = Transfer(download, _partial(path), limits, on_progress, is_verified=known is not None)
        try:
            pooch.retrieve(url, known and f"sha256:{known}", path.name, path.parent, downloader=transfer)
            return
        except ValueError as error:  # another hash: pooch has removed the file
            found = re.search(r"got ([0-9a-f]{64})", str(error))
            if found is None:
                raise
            if transfer.was_resumed:  # perhaps what was there before was not its beginning
                continue
            raise CorpusError(
                "is not the text that it should be" if download.sha256 else "has changed since it was first downloaded",
                where=url,
                expected=f"SHA-256 {known}",
                found=found[1],
                hint="Try again later, or see whether a newer rnngen knows it."
                if download.sha256
                else f"To take the new one: remove {_record_of(path)}",
            ) from error


def _failed(failures: list[CorpusError]) -> CorpusError:
    if len(failures) == 1:
        return failures[0]
    reasons = "; ".join(f"{error.where}: {error.what}" for error in failures)
    return CorpusError("cannot be downloaded from anywhere", expected="the text", found=reasons, hint=failures[0].hint)


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def _record_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _recorded(path: Path) -> str | None:
    """The hash of the first download; None: there was none."""
    record = _record_of(path)
    try:
        found = read_regular(record, 200).decode("ascii").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError):
        found = ""
    if not _SHA256.fullmatch(found):
        raise CorpusError(
            "is not a SHA-256", where=record, hint="Remove it to download the text as if for the first time."
        )
    return found


def _record(path: Path) -> None:
    hashed = hashlib.sha256()
    with open_regular(path) as file:
        while chunk := file.read(_CHUNK_BYTES):
            hashed.update(chunk)
    work = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    work.write_text(f"{hashed.hexdigest()}\n", encoding="ascii", newline="\n")
    rename_new(work, _record_of(path))


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except OSError:
        return None


def _lock(path: Path) -> BaseFileLock:
    return FileLock(path.with_name(f".{path.name}.lock"))


@contextlib.contextmanager
def _locked(path: Path, on_progress: OnProgress) -> Iterator[None]:
    """Make this process the only one that downloads a file; if another does, wait until it has ended."""
    lock = _lock(path)
    while True:
        try:
            lock.acquire(timeout=_WAIT)
            break
        except Timeout:
            on_progress("waiting for another process that downloads this", 0, None)
    try:
        yield
    finally:
        lock.release()
