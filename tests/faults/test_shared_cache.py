"""Several processes and one token cache: no part of an entry is ever seen, and what a killed one left is removed."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rnngen.corpus import cache
from rnngen.corpus.tokens import cache_folder, cached_corpus, fingerprint_of, prepare
from rnngen.options.training import DataConfig
from tests.corpus.test_tokens import TEXT, data, texts
from tests.faults.test_token_cache import again, leftovers

pytestmark = pytest.mark.fault(24)

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
    monkeypatch.setattr(cache, "open_locked", lambda folder: None)
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
    lock, taken = cache.open_locked, []

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

    monkeypatch.setattr(cache, "open_locked", taken_first)
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
