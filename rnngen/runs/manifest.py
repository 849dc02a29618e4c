"""The manifest: the SHA-256 of every file of a run, by which each is checked when it is read.

The manifest is the commit: new weights are first written in full as ``model.safetensors.new``, then the manifest that
names their hash replaces the old one, then they replace the old weights. A reader that finds the old weights uses the
``.new`` file, so whenever the process is killed, one complete set exists. The same holds where Windows refuses the last
rename because another program has the old weights open: the next save, or the next process that writes the run,
completes it. Nothing that is read is ever unpickled.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnngen.errors import CheckpointError, shortened
from rnngen.platforms import quote_argument
from rnngen.runs.files import map_file, read_beginning, read_json, read_needed, read_pieces, to_json
from rnngen.runs.layout import CONFIG, LOGS, MANIFEST, NEW, OF_WEIGHTS, TOKENIZER

if TYPE_CHECKING:
    import mmap

FORMAT = 1
MAX_LOG_BYTES = 1 << 32
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")  # no folder, no hidden file, nothing that a system reserves
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PIECE = 1 << 26  # bytes that are hashed in one go
Entries = dict[str, dict[str, Any]]
"""File name → ``{"sha256", "bytes"}``."""


def sha256(content: bytes | mmap.mmap) -> str:
    """Hex digest."""
    import hashlib  # here: it is imported in the background, together with NumPy

    found = hashlib.sha256()
    with memoryview(content) as view:
        for begin in range(0, len(view), _PIECE):  # an interrupt takes effect between two pieces
            found.update(view[begin : begin + _PIECE])
    return found.hexdigest()


def entry_of(content: bytes) -> dict[str, Any]:
    """What the manifest says of a file with this content."""
    return {"sha256": sha256(content), "bytes": len(content)}


def entry_of_log(path: Path, size: int) -> dict[str, Any]:
    """What the manifest says of a log that it covers up to ``size`` bytes. The log is not read into memory.

    Raises:
        CheckpointError: it is missing, or a link or the like.
    """
    import hashlib

    found, covered = hashlib.sha256(), 0
    for piece in read_pieces(path, size):
        found.update(piece)
        covered += len(piece)
    return {"sha256": found.hexdigest(), "bytes": covered}


def entries_of(folder: Path, names: Iterable[str], lengths: Mapping[str, int]) -> Entries:
    """What the manifest of a folder says of files, and of logs up to these lengths.

    Raises:
        CheckpointError: one is missing, or a link or the like.
    """
    entries = {name: entry_of(read_needed(folder / name)) for name in names}
    return entries | {log: entry_of_log(folder / log, length) for log, length in lengths.items()}


def manifest_bytes(contents: Mapping[str, bytes], order: int | None = None) -> bytes:
    """The manifest of files with these contents; see ``entries_bytes``."""
    return entries_bytes({name: entry_of(content) for name, content in contents.items()}, order)


def entries_bytes(entries: Entries, order: int | None = None) -> bytes:
    """The manifest with these entries.

    Args:
        entries: one per file.
        order: by which runs are sorted, the last saved last (see ``finding.py``); None: of a saved state.
    """
    return to_json(
        {"format": FORMAT, **({} if order is None else {"order": order}), "files": dict(sorted(entries.items()))}
    )


def read_manifest(folder: Path) -> Entries:
    """The manifest of a folder.

    Raises:
        CheckpointError: it is missing or damaged, or names files elsewhere.
    """
    where = folder / MANIFEST
    manifest = read_json(where)
    entries = manifest.get("files") if isinstance(manifest, dict) else None
    if not isinstance(entries, dict) or manifest.get("format") != FORMAT:
        raise CheckpointError("is not a manifest of this version", where=where, expected=f"format {FORMAT}")
    for name, entry in entries.items():
        if not _NAME.fullmatch(name) or not _is_entry(entry):
            found = shortened(repr(name))
            raise CheckpointError("has an entry that is not a file of this folder", where=where, found=found)
    return entries


def _is_entry(entry: object) -> bool:
    if not isinstance(entry, dict):
        return False
    size, digest = entry.get("bytes"), entry.get("sha256")
    return isinstance(digest, str) and bool(_SHA256.fullmatch(digest)) and type(size) is int and size >= 0


def with_shorter_logs(folder: Path, entries: Entries, lengths: Mapping[str, int]) -> Entries | None:
    """Entries that cover no more than these lengths of the logs in a folder; None if that is what they do already.

    Raises:
        CheckpointError: as ``entry_of_log``.
    """
    covered = {log: entry["bytes"] for log, entry in entries.items()}
    shorter = {
        log: entry_of_log(folder / log, length) if length else entry_of(b"")  # it may be gone
        for log, length in lengths.items()
        if covered.get(log, 0) > length
    }
    return entries | shorter if shorter else None


def read_checked(folder: Path, entries: Entries, name: str, max_bytes: int | None = None) -> bytes:
    """A file's content, checked against the manifest; of a log, as much as the manifest covers.

    Args:
        folder: the folder.
        entries: its manifest.
        name: of the file.
        max_bytes: what it may hold at most; None: any amount.

    Raises:
        CheckpointError: it is missing, damaged, too large, a link, or not in the manifest.
    """
    entry = needed_entry(folder, entries, name, max_bytes)
    for candidate in _candidates(folder, name):
        content = read_beginning(candidate, entry["bytes"], only=name not in LOGS)
        if content is not None and sha256(content) == entry["sha256"]:
            return content
    raise _damaged(folder, name, entry)


def check_log(folder: Path, entries: Entries, name: str) -> None:
    """Check as much of a log as the manifest covers, without reading all of it into memory.

    Raises:
        CheckpointError: as ``read_checked``.
    """
    entry = needed_entry(folder, entries, name, MAX_LOG_BYTES)
    found = entry_of_log(folder / name, entry["bytes"])
    if any(found[key] != entry[key] for key in found):
        raise _damaged(folder, name, entry)


def map_checked(folder: Path, entries: Entries, name: str) -> tuple[Path, mmap.mmap]:
    """A file and its content mapped into memory, checked against the manifest.

    Raises:
        CheckpointError: as ``read_checked``.
    """
    entry = needed_entry(folder, entries, name)
    for candidate in _candidates(folder, name):
        mapped = map_file(candidate)
        if mapped is not None and len(mapped) == entry["bytes"] and sha256(mapped) == entry["sha256"]:
            return candidate, mapped
    raise _damaged(folder, name, entry)


def needed_entry(folder: Path, entries: Entries, name: str, max_bytes: int | None = None) -> dict[str, Any]:
    """What the manifest of a folder says of a file.

    Args:
        folder: the folder.
        entries: its manifest.
        name: of the file.
        max_bytes: what it may hold at most; None: any amount.

    Raises:
        CheckpointError: it does not name it, or it is too large.
    """
    where, entry = folder / name, entries.get(name)
    if entry is None:
        raise CheckpointError("is not in the run's manifest", where=where)
    if max_bytes is not None and entry["bytes"] > max_bytes:
        expected, found = f"at most {max_bytes:,} bytes", f"{entry['bytes']:,}"
        raise CheckpointError("is too large", where=where, expected=expected, found=found)
    return entry


def _candidates(folder: Path, name: str) -> tuple[Path, Path, Path]:
    """The files that may hold the content: the one of this name, and the one that is about to replace it.

    If that has just replaced it, the first one holds the content now.
    """
    return folder / name, folder / (name + NEW), folder / name


def _damaged(folder: Path, name: str, entry: Mapping[str, Any]) -> CheckpointError:
    return CheckpointError(
        "is damaged: it is not what the manifest says" if (folder / name).exists() else "is missing",
        where=folder / name,
        expected=f"{entry['bytes']} bytes with SHA-256 {str(entry['sha256'])[:12]}…",
        hint=f"What can still be used: rnngen verify {quote_argument(str(folder))}."
        if name in OF_WEIGHTS
        else "Put a copy of the file back."
        if name in (CONFIG, TOKENIZER)
        else None,
    )
