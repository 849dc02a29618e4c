"""The encoded corpus: each part a memory-mapped array of token ids, kept in a cache and reused.

A corpus becomes ``train``, ``valid`` and ``test`` by position in characters. Each part is a raw file of
little-endian uint16 or uint32. The folder's name is a hash of everything that decides its content (the text,
the split, the tokenizer), so a text that has not changed is not encoded twice, and one that has is encoded
anew. Memory does not grow with the text.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnngen.config import DataConfig
from rnngen.corpus.sources import TextCounter, TextCounts, TextSource, count, cut
from rnngen.corpus.tokenizer import Tokenizer, load_tokenizer, train_tokenizer
from rnngen.errors import CorpusError
from rnngen.platforms import rename_folder

PARTS = ("train", "valid", "test")
FORMAT = 2

TokenArray = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class EncodedText:
    """A text as token ids, and how long it was.

    Attributes:
        tokens: ids, shape (N,), memory-mapped.
        counts: characters, words and bytes of the text.
        unknown: how many ids are the unknown symbol.
    """

    tokens: TokenArray
    counts: TextCounts
    unknown: int


@dataclass(frozen=True)
class EncodedCorpus:
    """The parts of a corpus, and the tokenizer that was trained on the first.

    Attributes:
        fingerprint: SHA-256 over the text of all parts' sources.
        parts: ``train``, ``valid``, ``test``.
    """

    fingerprint: str
    tokenizer: Tokenizer
    parts: dict[str, EncodedText]

    @property
    def train(self) -> EncodedText:
        """The part that gradients come from."""
        return self.parts["train"]

    @property
    def valid(self) -> EncodedText:
        """The part that chooses weights and stops training."""
        return self.parts["valid"]

    @property
    def test(self) -> EncodedText:
        """The part that nothing is chosen by."""
        return self.parts["test"]


def cache_folder() -> Path:
    """Where encoded corpora are kept: ``$RNNGEN_CACHE``, else ``rnngen`` in the user's cache folder."""
    if chosen := os.environ.get("RNNGEN_CACHE"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(base) if base else Path.home() / ".cache") / "rnngen"


def encode_text(tokenizer: Tokenizer, pieces: Iterable[str], file: Path) -> EncodedText:
    """Encode a text that comes in pieces into ``file``, and map it.

    Raises:
        CorpusError: the file cannot be written (a full disk, a read-only folder).
    """
    counter = TextCounter()
    unknown = 0
    try:
        with file.open("wb") as stream:
            for ids in tokenizer.encode_pieces(_counted(pieces, counter)):
                if tokenizer.unknown_id is not None:
                    unknown += int(np.count_nonzero(ids == tokenizer.unknown_id))
                stream.write(ids.astype(tokenizer.dtype, copy=False).tobytes())
    except OSError as error:
        file.unlink(missing_ok=True)
        raise CorpusError(
            f"the encoded text cannot be written ({error.strerror})", where=file,
            hint="Free some space, or set RNNGEN_CACHE to a folder with room.",
        ) from error  # fmt: skip
    return EncodedText(_map(file, tokenizer), counter.counts, unknown)


def _counted(pieces: Iterable[str], counter: TextCounter) -> Iterator[str]:
    for piece in pieces:
        counter.add(piece)
        yield piece


def _map(file: Path, tokenizer: Tokenizer) -> TokenArray:
    if file.stat().st_size == 0:  # an empty file cannot be mapped
        return np.zeros(0, dtype=tokenizer.dtype)
    return np.memmap(file, dtype=tokenizer.dtype, mode="r")


def prepare(data: DataConfig, *, tokenizer: Tokenizer | None = None, cache: Path | None = None) -> EncodedCorpus:
    """Read, split and encode a corpus, or find it encoded already.

    Args:
        data: the sources, the split, the tokenizer's level and size.
        tokenizer: use this one (a run that goes on) instead of training one on the training part.
        cache: where encoded corpora are kept; ``cache_folder()`` by default.

    Raises:
        CorpusError: a source that is missing, empty or not text, or a cache that cannot be written.
    """
    if not data.corpus:
        raise CorpusError("no text was given", expected="a file, a folder, a glob, or -")
    main = TextSource(data.corpus, data.errors)
    total = count(main)
    if total.characters == 0:
        raise CorpusError("is empty", where=main.name, expected="text to learn from")
    given = {
        part: TextSource(sources, data.errors)
        for part, sources in (("valid", data.valid), ("test", data.test))
        if sources
    }
    fingerprint = hashlib.sha256(
        "".join([total.sha256, *(f"{part}{count(source).sha256}" for part, source in given.items())]).encode()
    ).hexdigest()
    texts = _texts(main, total.characters, data.split, given)

    how = tokenizer.to_json() if tokenizer else [data.tokenizer, data.vocab_size]
    folder = _folder(cache, fingerprint, data, given, how)
    found = _load(folder, fingerprint)
    if found is None and tokenizer:  # encoded when that tokenizer was trained?
        same = _load(_folder(cache, fingerprint, data, given, [data.tokenizer, data.vocab_size]), fingerprint)
        found = same if same and same.tokenizer.to_json() == tokenizer.to_json() else None
    if found is None:
        _encode(folder, texts, tokenizer or train_tokenizer(data.tokenizer, texts["train"](), data.vocab_size))
        found = _load(folder, fingerprint)
    if found is None:
        raise CorpusError("the encoded corpus is damaged as soon as it is written", where=folder)
    return found


def _folder(cache: Path | None, fingerprint: str, data: DataConfig, given: Iterable[str], how: object) -> Path:
    """Where the corpus lies when it is encoded in this way."""
    key = json.dumps([FORMAT, fingerprint, data.split, sorted(given), how])
    return (cache or cache_folder()) / "corpora" / hashlib.sha256(key.encode()).hexdigest()[:32]


def _texts(
    main: TextSource, characters: int, split: tuple[float, ...], given: dict[str, TextSource]
) -> dict[str, Callable[[], Iterator[str]]]:
    """For each part, a function that reads it from its beginning.

    A part given as files is not cut from the corpus: its share stays with the training part.
    """
    shares = dict(zip(PARTS, (*split, 0.0), strict=False))
    shares["train"] += sum(shares[part] for part in given)
    texts: dict[str, Callable[[], Iterator[str]]] = {}
    start, share = 0, 0.0
    for part in PARTS:
        if part in given:
            texts[part] = given[part].__iter__
            continue
        share += shares[part]
        stop = characters if share > 1 - 1e-5 else int(characters * share + 1e-6)
        texts[part] = lambda start=start, stop=stop: cut(main, start, stop)  # type: ignore[misc]
        start = stop
    return texts


def _encode(folder: Path, texts: dict[str, Callable[[], Iterator[str]]], tokenizer: Tokenizer) -> None:
    """Write a folder of encoded parts; it appears complete or not at all."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".encoding-", dir=folder.parent))
    except OSError as error:
        raise CorpusError(
            f"the cache cannot be written ({error.strerror})", where=folder.parent,
            hint="Set RNNGEN_CACHE to a folder you may write to.",
        ) from error  # fmt: skip
    try:
        (work / "tokenizer.json").write_text(tokenizer.to_json(), encoding="utf-8", newline="\n")
        meta: dict[str, Any] = {"format": FORMAT, "parts": {}}
        for part in PARTS:
            file = work / f"{part}.bin"
            text = encode_text(tokenizer, texts[part](), file)
            meta["parts"][part] = {**asdict(text.counts), "unknown": text.unknown, "sha256": _sha256(file)}
            del text  # it maps the file, and Windows renames no folder that holds an open one
        meta["tokenizer"] = _sha256(work / "tokenizer.json")
        meta["sha256"] = _meta_sha256(meta)
        (work / "meta.json").write_text(json.dumps(meta, indent=1), encoding="utf-8", newline="\n")
        shutil.rmtree(folder, ignore_errors=True)  # there only if it is damaged
        rename_folder(work, folder)
    except OSError as error:
        if not folder.is_dir():  # else another process was faster, and its copy is as good
            raise CorpusError(f"the encoded corpus cannot be written ({error.strerror})", where=folder) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _load(folder: Path, fingerprint: str) -> EncodedCorpus | None:
    """The encoded corpus, or None if there is none or it is damaged."""
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
            parts[part] = EncodedText(_map(folder / f"{part}.bin", tokenizer), TextCounts(**entry), unknown)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return EncodedCorpus(fingerprint, tokenizer, parts)


def _meta_sha256(meta: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(meta, sort_keys=True).encode()).hexdigest()


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
