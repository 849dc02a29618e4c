"""A terminal that is resized, suspends a run or goes away, and streams that nobody reads: a run goes on or is saved."""

from __future__ import annotations

import contextlib
import os
import signal
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import rnngen
from rnngen.training import launch
from rnngen.training.checkpoint import load_state
from tests.conftest import FAST, make_text
from tests.training.interrupted import outcome_of

fcntl, termios = pytest.importorskip("fcntl"), pytest.importorskip("termios")

pytestmark = pytest.mark.slow  # processes that train for seconds

OPTIONS = {**FAST, "steps": 250, "valid_every": 50, "save_every": 40, "dropout": 0.2, "patience": 0}
SLOWLY = """
import sys, time
from rnngen.training.learner import Learner
step = Learner.step
def slowly(*arguments, **options):
    time.sleep(0.004)
    return step(*arguments, **options)
Learner.step = slowly
from rnngen.__main__ import main
sys.argv = ["rnngen", *sys.argv[1:]]
main()
"""
"""The command line, with steps that take long enough to do something meanwhile."""
HIDE_CURSOR = b"\x1b[?25l"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("terminal")
    (folder / "corpus.txt").write_text(make_text(20_000), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def whole(home: Path) -> dict[str, Any]:
    """What the run comes to when nothing happens to it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RNNGEN_CACHE", str(home / "cache"))
        rnngen.train(home / "corpus.txt", out=home / "whole", **OPTIONS)
    return outcome_of(home / "whole")


@pytest.fixture
def command(rnngen_command: list[str], home: Path) -> list[str]:
    options = [part for name, value in OPTIONS.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    return [rnngen_command[0], "-c", SLOWLY, "train", str(home / "corpus.txt"), "--out", "run", *options]


class OnTerminal:
    """A process on a terminal of its own, and what it has written there."""

    def __init__(self, command: list[str], **options: Any) -> None:
        self.controller, terminal = os.openpty()
        self.written = b""
        self.resize(24, 80)
        self.process = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, **options)
        os.close(terminal)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # the other end is closed
            while piece := os.read(self.controller, 1 << 16):
                self.written += piece

    def resize(self, lines: int, columns: int) -> None:
        fcntl.ioctl(self.controller, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def wait_for_steps(self, steps: int) -> None:
        assert wait_for_steps(steps, self.process), self.written

    def end(self) -> int:
        code = self.process.wait(timeout=100)
        self._reader.join(timeout=10)
        return code


def rows_written() -> int:
    path = Path("run/metrics.jsonl")
    return path.read_bytes().count(b"\n") if path.exists() else 0


def wait_for_steps(steps: int, process: subprocess.Popen[Any]) -> bool:
    """Whether the run in this folder has come so far before its process ended."""
    deadline = time.monotonic() + 100
    while rows_written() < steps and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    return rows_written() >= steps


@pytest.fixture
def on_terminal(command: list[str]) -> Iterator[Any]:
    begun: list[OnTerminal] = []

    def begin(**options: Any) -> OnTerminal:
        begun.append(OnTerminal(command, **options))
        return begun[-1]

    yield begin
    for each in begun:
        with contextlib.suppress(ProcessLookupError):
            each.process.kill()
        each.process.wait()
        with contextlib.suppress(OSError):
            os.close(each.controller)


@pytest.mark.fault(5)
def test_a_suspended_run_leaves_the_cursor_and_goes_on_bit_for_bit(on_terminal: Any, whole: dict[str, Any]) -> None:
    run = on_terminal(process_group=0)  # its own job, as a shell starts it
    run.wait_for_steps(60)
    run.process.send_signal(signal.SIGTSTP)
    _, status = os.waitpid(run.process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    stopped_at = rows_written()
    time.sleep(0.3)
    assert rows_written() == stopped_at
    run.process.send_signal(signal.SIGCONT)
    assert run.end() == 0
    assert b"Traceback" not in run.written
    assert HIDE_CURSOR not in run.written  # nothing could show it again when the command is killed or suspended
    assert outcome_of(Path("run")) == whole


@pytest.mark.fault(29)
def test_a_terminal_of_any_size_and_one_that_is_resized_change_nothing(on_terminal: Any, whole: dict[str, Any]) -> None:
    run = on_terminal()
    run.resize(0, 0)
    for number, size in enumerate([(1, 1), (20, 5), (500, 200), (0, 0), (2, 1000), (24, 80)]):
        run.wait_for_steps(20 + 30 * number)
        run.resize(*size)
        run.process.send_signal(signal.SIGWINCH)
    assert run.end() == 0
    assert b"Traceback" not in run.written
    assert outcome_of(Path("run")) == whole


@pytest.mark.fault(29)
def test_a_run_whose_terminal_goes_away_is_saved(on_terminal: Any, whole: dict[str, Any]) -> None:
    def take_terminal() -> None:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    run = on_terminal(preexec_fn=take_terminal)
    run.wait_for_steps(60)
    os.dup2(os.open(os.devnull, os.O_RDWR), run.controller)  # closes it: the system sends SIGHUP
    run.process.send_signal(signal.SIGHUP)  # and a shell that goes away sends another
    assert run.process.wait(timeout=100) == 129
    assert 0 < load_state(Path("run")).values["step"] < OPTIONS["steps"]
    launch.run_to_end(launch.resume(Path("run")))
    assert outcome_of(Path("run")) == whole


@pytest.mark.fault(29)
@pytest.mark.parametrize("stream", ["closed", "full", "reader gone"])
def test_a_run_goes_on_when_its_messages_cannot_be_written(
    command: list[str], whole: dict[str, Any], stream: str
) -> None:
    if stream == "reader gone":
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert process.stderr is not None
        process.stderr.readline()
        process.stderr.close()
        code = process.wait(timeout=100)
    else:
        closing = {"closed": "2>&-", "full": "2>/dev/full"}[stream]
        code = subprocess.run(["sh", "-c", f'exec "$@" {closing}', "sh", *command], timeout=100).returncode
    assert code == 0
    assert outcome_of(Path("run")) == whole


@pytest.mark.fault(29)
@pytest.mark.parametrize("more", ["", "2>/dev/full"])
def test_a_run_is_saved_when_its_result_cannot_be_written(command: list[str], whole: dict[str, Any], more: str) -> None:
    shell = ["sh", "-c", f'exec "$@" --json >/dev/full {more}', "sh", *command]
    ended = subprocess.run(shell, stderr=subprocess.PIPE, text=True, timeout=100)
    assert ended.returncode == 1
    assert ended.stderr.endswith("standard output cannot be written (No space left on device)\n" if not more else "")
    assert "Traceback" not in ended.stderr
    assert outcome_of(Path("run")) == whole


@pytest.mark.fault(5)
def test_an_interrupt_that_ends_the_reader_of_the_result_too_shows_how_to_go_on(command: list[str]) -> None:
    with subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert wait_for_steps(60, process)
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
    assert process.returncode == 130
    assert said.endswith("  rnngen train --resume run\n")
    assert 0 < load_state(Path("run")).values["step"] < OPTIONS["steps"]
