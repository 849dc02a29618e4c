"""The cache of encoded corpora on disk.

A folder's name is a hash of everything that determines its content: the text, the split, the tokenizer. So a text that
has not changed is not encoded twice, one that has changed is encoded again, and the text of a run is found by the
fingerprint that the run recorded. A folder appears complete or not at all, and a damaged one counts as missing.
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
from rnngen.corpus.pieces import TextCounts
from rnngen.corpus.tokenizer import Tokenizer, load_tokenizer
from rnngen.errors import CorpusError
from rnngen.options.training import DataConfig
from rnngen.platforms import rename_folder

FORMAT = 2
_WORK = ".encoding-"
_ABANDONED = 24 * 3600.0  # seconds after which no process is still writing a folder


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
    how = tokenizer.to_json() if tokenizer else [data.tokenizer, data.vocab_size]
    key = json.dumps([FORMAT, fingerprint, data.split, given, how])
    return (cache or cache_folder()) / "corpora" / hashlib.sha256(key.encode()).hexdigest()[:32]


def store(
    folder: Path, tokenizer: Tokenizer, texts: Mapping[str, Iterable[str]], check: Callable[[], None] = lambda: None
) -> None:
    """Write a folder of encoded parts; it appears complete or not at all.

    Args:
        folder: the folder's path.
        tokenizer: encodes the parts.
        texts: the text of each part, in pieces; read in the order of ``PARTS``.
        check: called when all texts have been read; if it raises, the folder does not appear.

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
            del text  # it maps the file, and Windows renames no folder with an open file
        check()
        meta["tokenizer"] = _sha256(work / "tokenizer.json")
        meta["sha256"] = _meta_sha256(meta)
        (work / "meta.json").write_text(json.dumps(meta, indent=1), encoding="utf-8", newline="\n")
        _put(work, folder)
    except OSError as error:
        if not _is_sound(folder):  # another process may have been faster; its copy is as good
            raise CorpusError(f"the encoded corpus cannot be written ({error.strerror})", where=folder) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


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
        shutil.rmtree(damaged, ignore_errors=True)
        with contextlib.suppress(OSError):
            damaged.unlink()  # if it was a file


def _is_sound(folder: Path) -> bool:
    return load(folder, "") is not None


def _remove_abandoned(folder: Path) -> None:
    """Remove the unfinished folders of processes that were killed."""
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
