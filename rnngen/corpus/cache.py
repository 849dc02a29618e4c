"""Encoded corpora on disk, to be used again.

A folder's name is a hash of everything that decides its content: the text, the split, the tokenizer. So a text that
has not changed is not encoded twice, one that has is encoded anew, and the text of a run is found by what the run
recorded of it. A folder appears complete or not at all, and one that is damaged is as good as none.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rnngen.corpus.encoded import PARTS, EncodedCorpus, EncodedText, encode_text, map_tokens
from rnngen.corpus.sources import TextCounts
from rnngen.corpus.tokenizer import Tokenizer, load_tokenizer
from rnngen.errors import CorpusError
from rnngen.options.training import DataConfig
from rnngen.platforms import rename_folder

FORMAT = 2
_WORK = ".encoding-"
_ABANDONED = 24 * 3600.0  # seconds after which nobody writes a folder any more


def cache_folder() -> Path:
    """Where encoded corpora are kept: ``$RNNGEN_CACHE``, else ``rnngen`` in the user's cache folder."""
    if chosen := os.environ.get("RNNGEN_CACHE"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(base) if base else Path.home() / ".cache") / "rnngen"


def cached_corpus(
    data: DataConfig, fingerprint: str, tokenizer: Tokenizer | None = None, cache: Path | None = None
) -> EncodedCorpus | None:
    """A corpus as it was encoded, without its text, which may be gone; None: it is not in the cache.

    Args:
        data: the split, which parts were given as files, the tokenizer's level and size.
        fingerprint: of the text; a run records it.
        tokenizer: what it has to be encoded with; None: with one that was trained on it.
        cache: where encoded corpora are kept; ``cache_folder()`` by default.
    """
    own = load(place(cache, fingerprint, data, None), fingerprint)
    if tokenizer is None:
        return own
    if own is not None and own.tokenizer.to_json() == tokenizer.to_json():
        return own
    return load(place(cache, fingerprint, data, tokenizer), fingerprint)


def place(cache: Path | None, fingerprint: str, data: DataConfig, tokenizer: Tokenizer | None) -> Path:
    """Where a corpus lies when it is encoded with ``tokenizer``, or, None, with one that was trained on it."""
    given = sorted(part for part in ("valid", "test") if getattr(data, part))
    how = tokenizer.to_json() if tokenizer else [data.tokenizer, data.vocab_size]
    key = json.dumps([FORMAT, fingerprint, data.split, given, how])
    return (cache or cache_folder()) / "corpora" / hashlib.sha256(key.encode()).hexdigest()[:32]


def store(
    folder: Path, tokenizer: Tokenizer, texts: Mapping[str, Iterable[str]], check: Callable[[], None] = lambda: None
) -> None:
    """Write a folder of encoded parts; it appears complete or not at all.

    Args:
        folder: where.
        tokenizer: what to encode with.
        texts: the text of each part, in pieces.
        check: called when all are read; what it raises keeps the folder from appearing.

    Raises:
        CorpusError: the cache cannot be written.
    """
    work = folder.with_name(f"{_WORK}{os.getpid()}-{secrets.token_hex(4)}")
    try:
        try:
            work.mkdir(parents=True)
        except OSError as error:
            raise CorpusError(
                f"the cache cannot be written ({error.strerror})",
                where=folder.parent,
                hint="Set RNNGEN_CACHE to a folder you may write to.",
            ) from error
        _remove_abandoned(folder.parent)
        (work / "tokenizer.json").write_text(tokenizer.to_json(), encoding="utf-8", newline="\n")
        meta: dict[str, Any] = {"format": FORMAT, "parts": {}}
        for part in PARTS:
            file = work / f"{part}.bin"
            text = encode_text(tokenizer, texts[part], file)
            meta["parts"][part] = {**asdict(text.counts), "unknown": text.unknown, "sha256": _sha256(file)}
            del text  # it maps the file, and Windows renames no folder that holds an open one
        check()
        meta["tokenizer"] = _sha256(work / "tokenizer.json")
        meta["sha256"] = _meta_sha256(meta)
        (work / "meta.json").write_text(json.dumps(meta, indent=1), encoding="utf-8", newline="\n")
        _put(work, folder)
    except OSError as error:
        if not _is_sound(folder):  # else another process was faster, and its copy is as good
            raise CorpusError(f"the encoded corpus cannot be written ({error.strerror})", where=folder) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _put(work: Path, folder: Path) -> None:
    """Move a complete folder to its place, unless another process has put a sound one there in the meantime.

    A damaged one is moved away as a whole, so that nobody reads half of it, before it is removed.

    Raises:
        OSError: it cannot be moved.
    """
    try:
        rename_folder(work, folder)
        return
    except OSError:  # the place is taken, or nothing can be written
        if not os.path.lexists(folder) or _is_sound(folder):
            raise
    damaged = work.with_name(f"{work.name}-damaged")
    rename_folder(folder, damaged)
    try:
        rename_folder(work, folder)
    finally:
        shutil.rmtree(damaged, ignore_errors=True)
        with contextlib.suppress(OSError):
            damaged.unlink()  # it was no folder


def _is_sound(folder: Path) -> bool:
    return load(folder, "") is not None


def _remove_abandoned(folder: Path) -> None:
    """Remove what processes that were killed left behind."""
    for work in folder.glob(f"{_WORK}*"):
        with contextlib.suppress(OSError):
            newest = max(file.stat().st_mtime for file in (work, *work.iterdir()))
            if newest < time.time() - _ABANDONED:
                shutil.rmtree(work, ignore_errors=True)


def load(folder: Path, fingerprint: str) -> EncodedCorpus | None:
    """The encoded corpus in a folder, or None if there is none or it is damaged."""
    try:
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        if not isinstance(meta, dict) or meta.pop("sha256") != _meta_sha256(meta):
            return None
        if meta["format"] != FORMAT or meta["tokenizer"] != _sha256(folder / "tokenizer.json"):
            return None
        tokenizer = load_tokenizer(folder / "tokenizer.json")
        parts = {}
        for part in PARTS:
            entry = dict(meta["parts"][part])
            unknown, sha = entry.pop("unknown"), entry.pop("sha256")
            if sha != _sha256(folder / f"{part}.bin"):
                return None
            parts[part] = EncodedText(map_tokens(folder / f"{part}.bin", tokenizer), TextCounts(**entry), unknown)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return EncodedCorpus(fingerprint, tokenizer, parts)


def _meta_sha256(meta: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(meta, sort_keys=True).encode()).hexdigest()


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
