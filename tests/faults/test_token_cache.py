"""A cache that is damaged, hostile, full, read-only, interrupted or shared gives no wrong text and leaves nothing."""

from __future__ import annotations

import contextlib
import errno
import gc
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest

from rnngen.corpus import cache
from rnngen.corpus.tokens import PARTS, cache_folder, cached_corpus, fingerprint_of, prepare
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
        return FullDisk(stream, room) if self.name == name and "w" in mode else stream

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
        patch.setattr(cache, "encode_text", interrupted)
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


def hashed_anew(folder: Path, **changes: Any) -> None:
    """Describe the files of a folder as if rnngen had written them: whoever damages one on purpose does so."""
    meta = json.loads((folder / "meta.json").read_text())
    meta.pop("sha256")
    meta["tokenizer"] = hashlib.sha256((folder / "tokenizer.json").read_bytes()).hexdigest()
    for part in PARTS:
        meta["parts"][part]["sha256"] = hashlib.sha256((folder / f"{part}.bin").read_bytes()).hexdigest()
    meta["parts"]["train"].update(changes)
    meta["sha256"] = hashlib.sha256(json.dumps(meta, sort_keys=True).encode()).hexdigest()
    (folder / "meta.json").write_text(json.dumps(meta))


HOSTILE: dict[str, tuple[Callable[[Path], object], dict[str, Any]]] = {
    "an id above the vocabulary": (lambda f: (f / "train.bin").write_bytes(b"\0\0\0\1"), {}),
    "the highest id": (lambda f: (f / "valid.bin").write_bytes(b"\xff\xff"), {}),
    "half an id": (lambda f: (f / "train.bin").write_bytes(b"\0\0\0"), {}),
    "more tokens than bytes": (lambda f: (f / "test.bin").write_bytes(bytes(9_999)), {}),
    "not a tokenizer": (lambda f: (f / "tokenizer.json").write_text("{}"), {}),
    "a count that is a text": (lambda f: None, {"words": "9"}),
    "a negative count": (lambda f: None, {"characters": -1}),
    "a count that is null": (lambda f: None, {"unknown": None}),
    "a count that is not there": (lambda f: None, {"letters": 1}),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_an_entry_that_a_stranger_wrote_with_correct_hashes_is_rebuilt(name: str) -> None:
    damage, changes = HOSTILE[name]
    again()
    damage(encoded_folder())
    hashed_anew(encoded_folder(), **changes)
    again()


def test_hashing_an_entry_anew_is_what_makes_it_sound() -> None:
    """So the test above is not of a wrong hash."""
    again()
    (encoded_folder() / "train.bin").write_bytes(b"A\0B\0")
    hashed_anew(encoded_folder())
    assert texts(prepare(data(tokenizer="byte")))[0] == "AB"


IN_THE_WAY: dict[str, Callable[[Path], object]] = {
    "link": lambda path: path.symlink_to(Path("outside/victim").absolute()),
    "link to a device": lambda path: path.symlink_to("/dev/zero"),
    "link to itself": lambda path: path.symlink_to(path.name),
    "pipe": lambda path: os.mkfifo(path),
    "folder": lambda path: path.mkdir(),
    "1 TB": lambda path: (path.touch(), os.truncate(path, 1 << 40)),
}


@pytest.mark.skipif(os.name == "nt", reason="links and pipes of POSIX")
@pytest.mark.parametrize("name", ["train.bin", "tokenizer.json", "meta.json"])
@pytest.mark.parametrize("kind", IN_THE_WAY)
def test_what_is_no_file_of_the_cache_is_neither_followed_nor_waited_for_nor_read(name: str, kind: str) -> None:
    again()
    file = encoded_folder() / name
    Path("outside").mkdir()
    file.rename("outside/victim")
    before = Path("outside/victim").read_bytes()
    IN_THE_WAY[kind](file)
    again()
    assert file.is_file()
    assert not file.is_symlink()
    assert Path("outside/victim").read_bytes() == before


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_nothing_that_a_link_in_the_cache_leads_to_is_removed() -> None:
    Path("outside/sub").mkdir(parents=True)
    Path("outside/sub/victim").write_text("stays")
    folder = cache_folder() / "corpora"
    (folder / ".encoding-1").mkdir(parents=True)
    (folder / ".encoding-1" / "link").symlink_to(Path("outside").absolute(), target_is_directory=True)
    (folder / ".encoding-2").symlink_to(Path("outside").absolute(), target_is_directory=True)
    for path in (folder / ".encoding-1", folder / ".encoding-2"):
        os.utime(path, (0, 0), follow_symlinks=False)
    again()
    assert Path("outside/sub/victim").read_text() == "stays"
    assert leftovers() == []
    shutil.rmtree(folder)
    folder.symlink_to(Path("outside").absolute(), target_is_directory=True)  # the user's own choice
    again()
    assert Path("outside/sub/victim").read_text() == "stays"


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


BUILDER = """
import os, signal, sys
from rnngen.corpus.tokens import prepare
from rnngen.options.training import DataConfig

def tell(what, done, total):
    if what == "encoding" and not said:
        said.append(what)
        print(what, flush=True)
        if sys.stdin.readline() == "die":
            os.kill(os.getpid(), signal.SIGKILL)

said = []
print(prepare(DataConfig(corpus=("text.txt",), tokenizer="byte"), on_progress=tell).fingerprint)
"""


@contextlib.contextmanager
def builder() -> Iterator[subprocess.Popen[str]]:
    """Another process, which builds the same corpus and has begun to encode it."""
    command = [sys.executable, "-c", BUILDER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "encoding\n"
        yield process


@pytest.mark.skipif(os.name == "nt", reason="locks of POSIX")
def test_two_processes_that_build_one_cache_both_end_with_the_right_tokens() -> None:
    fingerprint = fingerprint_of(data(tokenizer="byte"))
    with builder() as other:
        assert len(leftovers()) == 1
        again()  # this process is faster, and does not take what the other writes for abandoned
        assert len(leftovers()) == 1
        out, _ = other.communicate("go on")
        assert (other.returncode, out) == (0, f"{fingerprint}\n")
    assert leftovers() == []
    again()


@pytest.mark.skipif(os.name == "nt", reason="locks of POSIX")
def test_what_a_killed_process_left_is_removed_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    data()
    with builder() as other:
        other.communicate("die")
        assert other.returncode == -signal.SIGKILL
    (left,) = leftovers()
    assert left.is_dir()
    again()
    assert leftovers() == []


def test_without_locks_what_a_killed_process_left_is_removed_when_it_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "lock_folder", lambda folder: None)
    folder = cache_folder() / "corpora"
    for name in ("old", "new"):
        (folder / f".encoding-{name}").mkdir(parents=True)
        (folder / f".encoding-{name}" / "train.bin").write_bytes(b"half")
    os.utime(folder / ".encoding-old", (0, 0))
    again()
    assert [path.name for path in leftovers()] == [".encoding-new"]


def test_a_folder_that_is_taken_for_abandoned_before_it_is_locked_is_made_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lock, taken = cache.lock_folder, []

    def taken_first(folder: Path) -> int | None:
        if len(taken) < 3:
            taken.append(folder)
            if len(taken) == 1:
                raise BlockingIOError
            shutil.rmtree(folder)
            if len(taken) == 2:
                raise FileNotFoundError
            return os.open(".", os.O_RDONLY)  # of the removed folder
        return lock(folder)

    monkeypatch.setattr(cache, "lock_folder", taken_first)
    again()
    assert len(set(taken)) == 3


def test_many_that_build_one_cache_never_show_a_part_of_it() -> None:
    data()
    wanted, ready = DataConfig(corpus=("text.txt",), tokenizer="byte"), threading.Barrier(5)
    fingerprint, ended, seen = fingerprint_of(wanted), threading.Event(), []

    def build() -> str:
        ready.wait()
        return "".join(texts(prepare(wanted)))

    def look() -> None:
        ready.wait()
        while not ended.is_set():
            if found := cached_corpus(wanted, fingerprint):
                seen.append("".join(texts(found)))

    with ThreadPoolExecutor(5) as pool:
        looking = pool.submit(look)
        built = [pool.submit(build) for _ in range(4)]
        assert {each.result() for each in built} == {TEXT}
        ended.set()
        looking.result()
    assert set(seen) <= {TEXT}
    assert cached_corpus(wanted, fingerprint) is not None
    assert leftovers() == []


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
