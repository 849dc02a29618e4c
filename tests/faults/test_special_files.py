"""Texts that are no regular files, or strange ones: pipes are read once, devices refused, nothing is waited for."""

from __future__ import annotations

import contextlib
import io
import json
import os
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rnngen.corpus import piped
from rnngen.corpus.formats.decoding import Decoding
from rnngen.corpus.sources import TextSource
from rnngen.errors import CorpusError
from tests.conftest import Outcome
from tests.faults.test_bad_corpora import OPTIONS, TEXT, refused

pytestmark = pytest.mark.fault(15)

Cli = Callable[..., Outcome]


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="files of Linux")
def test_a_file_of_the_system_that_says_it_is_empty_is_read() -> None:
    assert Path("/proc/version").stat().st_size == 0
    assert "".join(TextSource(["/proc/version"])) == Path("/proc/version").read_text()


def test_a_file_of_the_system_that_would_have_to_be_waited_for_is_one_line() -> None:
    waiting: Any = SimpleNamespace(read=lambda size: None)  # as /proc/kmsg, which is opened without waiting
    with pytest.raises(CorpusError, match="kmsg: has nothing to read at present"):
        list(Decoding().decode(waiting, Path("/proc/kmsg")))


@pytest.mark.parametrize("start", [b"", TEXT * 3], ids=["empty", "text"])
def test_a_file_with_a_hole_of_1_tb_is_refused_where_the_hole_begins(cli: Cli, start: bytes) -> None:
    Path("sparse.txt").write_bytes(start)
    try:
        os.truncate("sparse.txt", 1 << 40)
    except OSError:
        pytest.skip("this file system has no files with holes")
    said = f"NUL byte at offset {len(start)}" if start else "binary data"
    refused(cli("train", "sparse.txt", *OPTIONS), "sparse.txt: ", said)


@pytest.mark.skipif(os.name == "nt", reason="devices of POSIX")
def test_a_device_or_a_socket_is_one_line(cli: Cli, corpus: Path) -> None:
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind("sock")
        for name in ("/dev/zero", "/dev/null", "sock"):
            refused(cli("train", name, *OPTIONS), f"{name}: is not a text but a device or a socket")
            refused(cli("train", corpus, "--valid", name, *OPTIONS), f"{name}: is not a text but a device or a socket")


needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")


def feed(name: str, content: bytes, after: float = 0.0) -> threading.Thread:
    """Write to a pipe from another thread, and open it ``after`` some seconds."""

    def write() -> None:
        time.sleep(after)
        with contextlib.suppress(BrokenPipeError), Path(name).open("wb") as stream:
            stream.write(content[:10])
            stream.flush()
            time.sleep(after)
            stream.write(content[10:])

    thread = threading.Thread(target=write)
    thread.start()
    return thread


@needs_pipes
def test_a_pipe_given_by_name_is_read_once_and_used_as_often_as_needed(cli: Cli) -> None:
    os.mkfifo("pipe")
    Path("file.txt").write_text("first\n")
    for after in (0.0, 0.1):
        thread = feed("pipe", TEXT, after)
        source = TextSource(["file.txt", "pipe"])
        assert ["".join(source), "".join(source)] == ["first\n" + TEXT.decode()] * 2
        thread.join()
    thread = feed("pipe", TEXT)
    assert cli("train", "pipe", *OPTIONS, "--out", "run").code == 0
    thread.join()
    thread = feed("pipe", TEXT)
    outcome = cli("eval", "run", "pipe", "--json")  # is it the run's own text? it can be read only once
    thread.join()
    assert json.loads(outcome.out)["characters"] == len(TEXT)
    assert "its copy in the cache is read" in cli("eval", "run").err


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="pipes have no names here")
def test_the_output_of_a_process_is_read_as_a_shell_names_it() -> None:
    reading, writing = os.pipe()
    os.write(writing, TEXT)
    os.close(writing)
    try:
        assert "".join(TextSource([f"/dev/fd/{reading}"])) == TEXT.decode()
        with pytest.raises(CorpusError, match="nothing was written to this pipe; expected a text"):
            TextSource([f"/dev/fd/{reading}"])
    finally:
        os.close(reading)


@needs_pipes
def test_a_pipe_that_nothing_writes_to_is_one_line(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(piped, "WAIT", 0.1)
    os.mkfifo("pipe")
    refused(cli("train", "pipe", *OPTIONS), "pipe: nothing was written to this pipe")


@needs_pipes
@pytest.mark.parametrize(
    ("content", "said"), [(b"LZIP\x01" + bytes(99), "... | lzip -dc | rnngen"), (b"a\0b", "NUL byte")]
)
def test_what_comes_through_a_pipe_and_is_no_text_is_one_line(cli: Cli, content: bytes, said: str) -> None:
    os.mkfifo("pipe")
    thread = feed("pipe", content)
    refused(cli("train", "pipe", *OPTIONS), "pipe: ", said)
    thread.join()


@pytest.mark.skipif(os.name == "nt", reason="pipes that do not block")
def test_standard_input_that_does_not_block_is_read_to_its_end() -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)

    def write() -> None:
        with os.fdopen(writing, "wb", buffering=0) as stream:
            for part in (TEXT[:10], TEXT[10:]):
                time.sleep(0.05)
                stream.write(part)

    thread = threading.Thread(target=write)
    thread.start()
    with os.fdopen(reading, "rb") as stream:
        assert "".join(TextSource(["-"], stdin=stream)) == TEXT.decode()
    thread.join()


def test_standard_input_that_cannot_be_read_or_copied_is_one_line(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> Any:
        raise OSError(5, "Input/output error")

    broken = SimpleNamespace(buffer=SimpleNamespace(read=fail), closed=False, isatty=lambda: False)
    monkeypatch.setattr(sys, "stdin", broken)
    refused(cli("train", "-", *OPTIONS), "standard input: cannot be read (Input/output error)")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(TEXT), closed=False, isatty=lambda: False))
    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "write", fail)
    refused(cli("train", "-", *OPTIONS), "standard input: cannot be copied to a temporary file", "TMPDIR")
