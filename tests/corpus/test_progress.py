"""Reading tells how far it has come, and can be interrupted at any time without leaving anything behind."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rnngen.corpus import piped
from rnngen.corpus.formats import decoding
from rnngen.corpus.progress import Mark, interruptible
from rnngen.corpus.sources import TextSource
from rnngen.corpus.tokens import cache_folder, fingerprint_of, prepare
from rnngen.errors import TokenizerError
from rnngen.options.training import DataConfig
from tests.conftest import make_text

TEXT = make_text(20_000)
Told = tuple[str, int, int | None]


@pytest.fixture
def data(monkeypatch: pytest.MonkeyPatch) -> DataConfig:
    """A corpus that comes in many pieces."""
    monkeypatch.setattr(decoding, "CHUNK_BYTES", 1_000)
    Path("text.txt").write_text(TEXT)
    Path("valid.txt").write_text("é" * 3_000)
    return DataConfig(corpus=("text.txt",), valid=("valid.txt",), tokenizer="bpe", vocab_size=300)


def test_each_stage_tells_how_far_it_is_up_to_its_end(data: DataConfig) -> None:
    told: list[Told] = []
    prepare(data, on_progress=lambda *what: told.append(what))
    stages = list(dict.fromkeys(what for what, _, _ in told))
    assert stages == ["reading", "learning the vocabulary", "encoding"]
    reading = [(done, total) for what, done, total in told if what == "reading"]
    assert len(reading) > 20
    assert reading[-1] == (26_000, 26_000)  # bytes
    encoding = [(done, total) for what, done, total in told if what == "encoding"]
    assert len(encoding) > 20
    assert encoding[-1] == (23_000, 23_000)  # characters
    for stage in (reading, encoding):
        assert [done for done, _ in stage] == sorted(done for done, _ in stage)
    assert ("learning the vocabulary", 0, 19_000) in told


def test_a_corpus_in_the_cache_is_only_read(data: DataConfig) -> None:
    prepare(data)
    told: list[Told] = []
    prepare(data, on_progress=lambda *what: told.append(what))
    assert {what for what, _, _ in told} == {"reading"}
    told.clear()
    fingerprint_of(data, on_progress=lambda *what: told.append(what))
    assert {what for what, _, _ in told} == {"reading"}


def test_standard_input_tells_what_has_come_though_nobody_knows_how_much_will(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(piped, "CHUNK_BYTES", 1_000)
    told: list[Told] = []
    TextSource(["-"], stdin=io.BytesIO(TEXT.encode()), on_progress=lambda *what: told.append(what))
    assert told == [("reading", done, None) for done in range(1_000, 20_001, 1_000)]


@pytest.mark.parametrize("stage", ["reading", "learning the vocabulary", "encoding"])
@pytest.mark.parametrize("level", ["char", "byte", "word", "bpe"])
def test_an_interruption_at_any_stage_leaves_nothing(data: DataConfig, stage: str, level: str) -> None:
    data = data.changed(tokenizer=level, vocab_size=None if level == "byte" else data.vocab_size)

    def interrupt(what: str, done: int, total: int | None) -> None:
        if what == stage:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(data, on_progress=interrupt)
    folder = cache_folder() / "corpora"
    assert not folder.exists() or list(folder.iterdir()) == []
    assert prepare(data).fingerprint == fingerprint_of(data)


def test_waiting_in_foreign_code_is_told_and_can_be_interrupted() -> None:
    given, released = [], threading.Event()

    def foreign(pieces: Iterator[str]) -> str:
        given.extend(pieces)
        released.wait(60)  # as foreign code does: no signal is handled here
        return "done"

    def interrupt(done: int, is_read: bool) -> None:
        if is_read:
            assert done == 5
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interruptible(foreign, ["abc", "de"], interrupt)
    assert given == ["abc", "de"]
    released.set()
    assert interruptible(lambda pieces: "".join(pieces), ["abc", "de"], lambda done, is_read: None) == "abcde"


def test_interrupted_while_it_still_reads_it_gets_no_more_pieces() -> None:
    ended = threading.Event()
    given: list[int] = []

    def foreign(pieces: Iterator[str]) -> None:
        try:
            for piece in pieces:
                given.append(len(piece))
                time.sleep(0.01)
        finally:
            ended.set()

    def interrupt(done: int, is_read: bool) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interruptible(foreign, ("x" for _ in range(10_000)), interrupt)
    assert ended.wait(60)
    assert 0 < len(given) < 10_000


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no interval timer")
def test_a_signal_at_any_moment_of_the_wait_is_raised_as_it_is() -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for turn in range(4000):  # threading.Event raises a RuntimeError in one of about 300
            mark = Mark()
            with pytest.raises(KeyboardInterrupt):
                signal.setitimer(signal.ITIMER_REAL, 1e-5 + 5e-4 * (turn * 0.618 % 1))
                while True:
                    assert not mark.wait(1e-4)
    finally:
        signal.signal(signal.SIGALRM, before)


def test_what_fails_in_another_thread_is_raised() -> None:
    Path("text.txt").write_text(TEXT)
    with pytest.raises(TokenizerError, match="too small for `tokenizer=bpe`"):
        prepare(DataConfig(corpus=("text.txt",), tokenizer="bpe", vocab_size=9))


SCRIPT = """
import sys
from rnngen.options.training import DataConfig
from rnngen.corpus.tokens import prepare

def tell(what, done, total):
    if what == "learning the vocabulary" and total is None:
        print("learning", flush=True)

try:
    prepare(DataConfig(corpus=("text.txt",), tokenizer="bpe", vocab_size=60_000), on_progress=tell)
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.skipif(os.name == "nt", reason="no SIGINT to one process on Windows")
def test_a_signal_while_the_vocabulary_is_learned_ends_the_process_at_once() -> None:
    alphabet = "abcdefghijklmnopqrstuvwxyz"
    words = (f"{a}{b}{c}{d}{a}{d} " for a in alphabet for b in alphabet for c in alphabet for d in alphabet)
    Path("text.txt").write_text("".join(words))  # long to learn from: no word occurs twice
    with subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        said = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130, process.stderr.read()
    assert said == b"learning\n"
    folder = cache_folder() / "corpora"
    assert not folder.exists() or list(folder.iterdir()) == []
