"""The cache of encoded corpora on disk.

A folder's name is a hash of everything that determines its content: the text, the split, the tokenizer. So a text that
has not changed is not encoded twice, one that has changed is encoded again, and the text of a run is found by the
fingerprint that the run recorded. A folder appears complete or not at all, and a damaged one counts as missing. Several
processes may write the same one: the first that is done puts it there.

A folder that is being written is locked by its process. One that is not locked was left by a process that was killed,
and the next that writes into the cache removes it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from rnngen.corpus.encoded import MORE_SPACE, EncodedCorpus, EncodedText, TokenFile, map_tokens
from rnngen.corpus.parts import PARTS, Piece
from rnngen.corpus.pieces import TextCounts
from rnngen.corpus.tokenizer import Tokenizer, load_tokenizer
from rnngen.errors import CorpusError, TokenizerError, shortened
from rnngen.options.training import DataConfig
from rnngen.platforms import is_link, open_locked, rename_folder
from rnngen.untrusted import open_regular, parse_json, read_regular

FORMAT = 4
META = "meta.json"
_WORK = ".encoding-"
_ABANDONED = 24 * 3600.0  # seconds after which no process is still writing a folder, where there are no locks
_MAX_META, _MAX_TOKENIZER = 1 << 16, 1 << 28  # bytes
_LONGEST_NAME = 200  # characters
_CHUNK_BYTES = 1 << 20


def cache_folder() -> Path:
    """The folder of encoded corpora: ``$RNNGEN_CACHE``, else ``rnngen`` in the user's cache folder."""
    if chosen := os.environ.get("RNNGEN_CACHE"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(base) if base else Path.home() / ".cache") / "rnngen"


def cached_corpus(
    data: DataConfig, fingerprint: str, tokenizer: Tokenizer | None = None, cache: Path | None = None
) -> EncodedCorpus | None:
    """A corpus from the cache, without its text, which may no longer exist; None: it is not in the cache.

    Args:
        data: the split, which parts were given as files, the tokenizer's level and size.
        fingerprint: of the text, as runs record it.
        tokenizer: the one that encoded it; None: one that was learned from it.
        cache: the folder of encoded corpora; ``cache_folder()`` by default.
    """
    own = load(corpus_folder(cache, fingerprint, data, None), fingerprint)
    if tokenizer is None:
        return own
    if own is not None and own.tokenizer.to_json() == tokenizer.to_json():
        return own
    return load(corpus_folder(cache, fingerprint, data, tokenizer), fingerprint)


def corpus_folder(cache: Path | None, fingerprint: str, data: DataConfig, tokenizer: Tokenizer | None) -> Path:
    """The folder of a corpus that is encoded with ``tokenizer``, or, if None, with one that was learned from it."""
    given = sorted(part for part in ("valid", "test") if getattr(data, part))
    how = tokenizer.to_json() if tokenizer else [data.tokenizer, data.vocab_size, data.min_count, data.normalize]
    key = json.dumps([FORMAT, fingerprint, data.split, data.split_seed, given, how])
    return (cache or cache_folder()) / "corpora" / hashlib.sha256(key.encode()).hexdigest()[:32]


def store(folder: Path, tokenizer: Tokenizer, text: Iterable[Piece], name: str = "") -> None:
    """Write a folder of encoded parts; it appears complete or not at all.

    Args:
        folder: the folder's path.
        tokenizer: encodes the parts.
        text: the pieces of all parts. If reading them raises an error, the folder does not appear.
        name: of the text, for whoever looks into the cache.

    Raises:
        CorpusError: the cache cannot be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        work, lock = _begin(folder.parent)
    except OSError as error:
        raise CorpusError(
            f"the cache cannot be written ({error.strerror})",
            where=folder.parent,
            hint="Set RNNGEN_CACHE to a folder you may write to.",
        ) from error
    try:
        _remove_abandoned(folder.parent)
        (work / "tokenizer.json").write_text(tokenizer.to_json(), encoding="utf-8", newline="\n")
        meta: dict[str, Any] = {"format": FORMAT, "parts": _write_parts(work, tokenizer, text)}
        meta["name"] = shortened(name, _LONGEST_NAME)
        meta["tokenizer"] = _sha256(work / "tokenizer.json")
        meta["sha256"] = _meta_sha256(meta)
        (work / META).write_text(json.dumps(meta, indent=1), encoding="utf-8", newline="\n")
        _put(work, folder)
    except OSError as error:
        if not _is_sound(folder):  # another process may have been faster; its copy is as good
            raise CorpusError(
                f"the encoded corpus cannot be written ({error.strerror})", where=folder, hint=MORE_SPACE
            ) from error
    finally:
        _remove(work)
        if lock is not None:
            os.close(lock)


def _write_parts(work: Path, tokenizer: Tokenizer, text: Iterable[Piece]) -> dict[str, Any]:
    """Encode all parts, and return what meta.json says of each."""
    with contextlib.ExitStack() as stack:  # Windows renames no folder with an open file
        files = {part: TokenFile(tokenizer, work / f"{part}.bin") for part in PARTS}
        for file in files.values():
            stack.callback(file.close)
        for part, piece in text:
            files[part].add(piece)
        encoded = {part: file.finish() for part, file in files.items()}
        return {
            part: {**asdict(each.counts), "unknown": each.unknown, "sha256": _sha256(work / f"{part}.bin")}
            for part, each in encoded.items()
        }


def _begin(parent: Path) -> tuple[Path, int | None]:
    """A new, locked folder to write, and the descriptor that holds the lock; None: there are no locks on this system.

    Raises:
        OSError: it cannot be made.
    """
    while True:
        work = parent / f"{_WORK}{os.getpid()}-{secrets.token_hex(4)}"
        work.mkdir()
        try:
            lock = open_locked(work)
        except (FileNotFoundError, BlockingIOError):  # taken for abandoned before it was locked
            continue
        if work.is_dir():
            return work, lock
        if lock is not None:
            os.close(lock)


def _put(work: Path, folder: Path) -> None:
    """Rename a complete folder to its final name, unless another process has written a sound one in the meantime.

    A damaged one is renamed before it is removed, so that no process reads half of it.

    Raises:
        OSError: it cannot be renamed.
    """
    try:
        rename_folder(work, folder)
        return
    except OSError:  # the name is taken, or nothing can be written
        if not os.path.lexists(folder) or _is_sound(folder):
            raise
    damaged = work.with_name(f"{work.name}-damaged")
    rename_folder(folder, damaged)
    try:
        rename_folder(work, folder)
    finally:
        _remove(damaged)


def _is_sound(folder: Path) -> bool:
    return load(folder, "") is not None


def _remove_abandoned(folder: Path) -> None:
    """Remove the unfinished folders of processes that were killed."""
    for work in folder.glob(f"{_WORK}*"):
        lock = None
        try:
            lock = open_locked(work) if _is_folder(work) else None
            if lock is not None or work.lstat().st_mtime < time.time() - _ABANDONED:
                _remove(work)
        except OSError:  # in use, or just removed by another process
            continue
        finally:
            if lock is not None:
                os.close(lock)


def _is_folder(path: Path) -> bool:
    """Whether there is a folder, and not a link to one."""
    try:
        status = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and not is_link(status)


def _remove(path: Path) -> None:
    """Remove a folder with all its content, or a file, or a link but nothing that it leads to."""
    shutil.rmtree(path, ignore_errors=True)
    with contextlib.suppress(OSError):
        path.unlink()


def name_of(folder: Path) -> str:
    """The name of an encoded text; empty: it has none, as in older versions, or it cannot be read."""
    with contextlib.suppress(OSError, ValueError):
        meta = parse_json(read_regular(folder / META, _MAX_META))
        name = meta.get("name") if isinstance(meta, dict) else None
        return shortened(name, _LONGEST_NAME) if isinstance(name, str) else ""
    return ""


def load(folder: Path, fingerprint: str) -> EncodedCorpus | None:
    """The encoded corpus in a folder, or None if there is none or it is damaged. No link in the folder is followed."""
    try:
        if not _is_folder(folder):
            return None
        meta = parse_json(read_regular(folder / META, _MAX_META))
        if not isinstance(meta, dict) or meta.pop("sha256") != _meta_sha256(meta):
            return None
        content = read_regular(folder / "tokenizer.json", _MAX_TOKENIZER)
        if meta["format"] != FORMAT or meta["tokenizer"] != hashlib.sha256(content).hexdigest():
            return None
        tokenizer = load_tokenizer(folder / "tokenizer.json", content)
        parts = {}
        for part in PARTS:
            file, entry = folder / f"{part}.bin", dict(meta["parts"][part])
            unknown, sha, counts = entry.pop("unknown"), entry.pop("sha256"), TextCounts(**entry)
            if not all(isinstance(count, int) and count >= 0 for count in (unknown, *entry.values())):
                return None
            if sha != _sha256(file, tokenizer, max_tokens=counts.bytes + counts.documents + 1):  # a label has no byte
                return None
            parts[part] = EncodedText(map_tokens(file, tokenizer), counts, unknown)
    except (OSError, ValueError, KeyError, TypeError, TokenizerError):
        return None
    return EncodedCorpus(fingerprint, tokenizer, parts)


def _meta_sha256(meta: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(meta, sort_keys=True).encode()).hexdigest()


def _sha256(file: Path, tokenizer: Tokenizer | None = None, max_tokens: int = 0) -> str:
    """The SHA-256 of a file, which is not mapped: mapped pages count as memory of the process.

    Args:
        file: its path.
        tokenizer: if the file holds ids, the tokenizer that they are of.
        max_tokens: how many ids there are at most.

    Raises:
        OSError: it cannot be read, or is not a regular file.
        ValueError: it holds more tokens, or one that the tokenizer does not have.
    """
    hashed = hashlib.sha256()
    with open_regular(file) as stream:
        if tokenizer and os.fstat(stream.fileno()).st_size > max_tokens * np.dtype(tokenizer.dtype).itemsize:
            raise ValueError("more tokens than the text has bytes, labels, and an end of its last line")
        while chunk := stream.read(_CHUNK_BYTES):
            hashed.update(chunk)
            if tokenizer and np.frombuffer(chunk, dtype=tokenizer.dtype).max() >= tokenizer.vocab_size:
                raise ValueError("a token that is not in the vocabulary")
    return hashed.hexdigest()
