"""A cache that is damaged, hostile, full, read-only, interrupted or shared gives no wrong text and leaves nothing."""

from __future__ import annotations

import errno
import gc
import json
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest

from rnngen.corpus import cache
from rnngen.corpus.tokens import PARTS, cache_folder, prepare
from rnngen.errors import CorpusError
from rnngen.options.training import DataConfig
from tests.corpus.test_tokens import TEXT, data, encoded_folder, texts, write

pytestmark = [pytest.mark.fault(9), pytest.mark.fault(24)]


@pytest.mark.parametrize("name", ["train.bin", "valid.bin", "test.bin", "tokenizer.json", "meta.json"])
@pytest.mark.parametrize("fault", ["cut", "empty", "missing", "longer", "flip"])
def test_a_damaged_cache_is_rebuilt(name: str, fault: str) -> None:
    first = prepare(data())
    expected = texts(first)
    file = encoded_folder() / name
    content = file.read_bytes()
    del first  # lets go of the mapped files
    if fault == "missing":
        file.unlink()
    else:
        middle = len(content) // 2
        flipped = content[:middle] + bytes([content[middle] ^ 4]) + content[middle + 1 :]
        file.write_bytes({"cut": content[:-5], "empty": b"", "longer": content + b"xx", "flip": flipped}[fault])
    second = prepare(data())
    assert texts(second) == expected
    assert file.read_bytes() == content


def test_damaged_counts_are_never_believed() -> None:
    corpus = prepare(data())
    truth = {part: (corpus.parts[part].counts, corpus.parts[part].unknown) for part in PARTS}
    file = encoded_folder() / "meta.json"
    content = file.read_bytes()
    rng = random.Random(0)
    for _ in range(60):
        at = rng.randrange(len(content))
        file.write_bytes(content[:at] + bytes([content[at] ^ (1 << rng.randrange(7))]) + content[at + 1 :])
        corpus = prepare(data())
        assert {part: (corpus.parts[part].counts, corpus.parts[part].unknown) for part in PARTS} == truth


@pytest.mark.parametrize(
    "content", ["[]", "null", '{"format": 1}', '{"format": 1, "parts": [], "tokenizer": 0}', "[" * 9999]
)
def test_cache_with_another_description_is_rebuilt(content: str) -> None:
    prepare(data())
    (encoded_folder() / "meta.json").write_text(content)
    assert texts(prepare(data(tokenizer="char")))[0] == TEXT[: len(TEXT) * 90 // 100]
    assert json.loads((encoded_folder() / "meta.json").read_text())["format"] == cache.FORMAT


class FullDisk:
    """A file that takes ``room`` bytes and then no more."""

    def __init__(self, stream: IO[Any], room: int) -> None:
        self.stream, self.room = stream, room

    def __enter__(self) -> FullDisk:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        self.stream.close()

    def write(self, content: bytes | str) -> int:
        if len(content) > self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.room -= len(content)
        return self.stream.write(content)


@pytest.mark.parametrize("name", ["train.bin", "valid.bin", "test.bin", "tokenizer.json", "meta.json"])
@pytest.mark.parametrize("room", [0, 100])
def test_a_full_disk_is_a_clear_error_that_leaves_nothing(
    name: str, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_open, real_write_text = Path.open, Path.write_text
    full = data()

    def open_full(self: Path, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        stream = real_open(self, mode, *arguments, **options)
        return FullDisk(stream, room) if self.name == name and mode[0] in "wx" else stream

    def write_text_full(self: Path, content: str, *arguments: Any, **options: Any) -> int:
        if self.name == name:
            with FullDisk(real_open(self, "w"), room) as stream:
                return stream.write(content)
        return real_write_text(self, content, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", open_full)
        patch.setattr(Path, "write_text", write_text_full)
        with pytest.raises(CorpusError, match="No space left on device") as caught:
            prepare(full)
    assert "\n" not in str(caught.value)
    assert list((cache_folder() / "corpora").iterdir()) == []
    assert texts(prepare(full))[0] == TEXT[: len(TEXT) * 90 // 100]  # with room again, all is well


def test_an_interrupted_encoding_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(cache.TokenFile, "finish", interrupted)
        with pytest.raises(KeyboardInterrupt):
            prepare(data())
    assert list((cache_folder() / "corpora").iterdir()) == []


def test_cache_that_cannot_be_a_folder_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    write("in-the-way", "a file")
    monkeypatch.setenv("RNNGEN_CACHE", "in-the-way")
    with pytest.raises(CorpusError, match=r"the cache cannot be written .*Set RNNGEN_CACHE"):
        prepare(data())


def again(**values: Any) -> None:
    """A corpus that is prepared now is right, whatever the cache holds, and so is its copy there."""
    assert "".join(texts(prepare(data(tokenizer="byte", **values)))) == TEXT
    assert "".join(texts(prepare(data(tokenizer="byte", **values)))) == TEXT


def leftovers() -> list[Path]:
    return sorted((cache_folder() / "corpora").glob(".*"))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 KB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mounting, capture_output=True).returncode:
        pytest.skip("a disk can be mounted only by root")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_on_a_disk_that_fills_an_error_tells_and_nothing_is_left(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RNNGEN_CACHE", str(disk))
    Path("long.txt").write_text(TEXT * 20)
    for level in ("char", "byte"):
        with pytest.raises(CorpusError, match=r"cannot be written \(No space left on device\)\. .*RNNGEN_CACHE"):
            prepare(DataConfig(corpus=("long.txt",), tokenizer=level))
        assert list((disk / "corpora").iterdir()) == []
    again()


def test_a_read_only_disk_still_gives_what_it_holds(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RNNGEN_CACHE", str(disk))
    again()
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    again()
    with pytest.raises(CorpusError, match=r"the cache cannot be written \(Read-only file system\)\. Set RNNGEN_CACHE"):
        prepare(data(tokenizer="char"))


@pytest.mark.skipif(os.name == "nt", reason="no such limit on Windows")
def test_a_file_that_may_not_become_that_large_is_a_clear_error() -> None:
    import resource

    full = data()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, hard))
    try:
        with pytest.raises(CorpusError, match=r"cannot be written \(File too large\)"):
            prepare(full)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list((cache_folder() / "corpora").iterdir()) == []


def test_a_cache_that_cannot_be_written_still_gives_what_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    again()

    def refused(self: Path, *arguments: object, **options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refused)
    again()
    with pytest.raises(CorpusError, match=r"the cache cannot be written \(Permission denied\)\. Set RNNGEN_CACHE"):
        prepare(data(tokenizer="char"))


def test_no_file_of_a_folder_is_mapped_while_it_is_renamed(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows refuses to rename a folder that holds an open file."""
    rename, mapped = cache.rename_folder, []

    def watched(source: Path, target: Path) -> None:
        gc.collect()
        arrays = [a for a in gc.get_objects() if type(a) is np.memmap and a.filename]
        mapped.extend(a for a in arrays if source in Path(a.filename).parents)
        rename(source, target)

    monkeypatch.setattr(cache, "rename_folder", watched)
    encoded = prepare(DataConfig(corpus=(str(corpus),)))
    assert len(encoded.train.tokens) > 0
    assert not mapped
