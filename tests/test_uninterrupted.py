"""Signals that come while something must not be cut in two: they are heard afterwards, and nothing is left behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import rnngen
from rnngen.runs.folder import Folder
from rnngen.runs.lock import RunLock
from rnngen.runs.writer import RunWriter
from rnngen.uninterrupted import uninterrupted
from tests.conftest import FAST, Outcome

Cli = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def _python_handles_interrupts() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_signal_is_heard_after_the_work_and_its_handler_is_back() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), uninterrupted():
        signal.raise_signal(signal.SIGINT)
        done.append("the rest")
    assert done == ["the rest"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_another_thread_holds_nothing_back() -> None:
    errors: list[BaseException] = []

    def work() -> None:
        try:
            with uninterrupted():
                pass
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert errors == []


METHODS: list[tuple[type, str]]
METHODS = [(Folder, "__init__"), (RunLock, "__init__"), (Folder, "create"), (RunWriter, "_clean")]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("kind", "method"), METHODS, ids=[f"{kind.__name__}.{method}" for kind, method in METHODS])
def test_an_interrupt_while_the_folder_is_made_leaves_none(
    cli: Cli, corpus: Path, monkeypatch: pytest.MonkeyPatch, kind: type, method: str, when: str
) -> None:
    original, sent = getattr(kind, method), []

    def interrupted(self: object, *arguments: Any, **named: Any) -> Any:
        first = not sent
        sent.append(method)
        if first and when == "before":
            signal.raise_signal(signal.SIGINT)
        result = original(self, *arguments, **named)
        if first and when == "after":
            signal.raise_signal(signal.SIGINT)
        return result

    with monkeypatch.context() as patch:
        patch.setattr(kind, method, interrupted)
        outcome = cli("train", corpus, "--steps", 2)
    assert sent
    assert (outcome.code, outcome.err.endswith("no run was begun.\n")) == (130, True)
    assert list(Path("checkpoints").glob("*/**")) == []


def test_an_interrupt_while_a_folder_is_given_up_does_not_leave_half_of_it(
    cli: Cli, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove = Folder.remove

    def interrupted(folder: Folder, name: str) -> None:
        signal.raise_signal(signal.SIGINT)
        remove(folder, name)

    def interrupt(*_: object, **__: object) -> None:
        monkeypatch.setattr(Folder, "remove", interrupted)
        raise KeyboardInterrupt

    monkeypatch.setattr("rnngen.training.launch.make_plan", interrupt)
    assert cli("train", corpus, "--steps", 2).code == 130
    assert list(Path("checkpoints").glob("*/**")) == []


def test_a_folder_that_another_process_holds_is_left_to_it(cli: Cli, corpus: Path) -> None:
    Path("run").mkdir()
    other = RunWriter(Path("run"))
    try:
        assert cli("train", corpus, "--steps", 2, "--out", "run").code == 1
        assert sorted(path.name for path in Path("run").iterdir()) == [".lock", ".lock-holder"]
    finally:
        other.close()


def test_an_interrupt_in_python_says_that_no_run_was_begun(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt, match=r"^no run was begun$"):
        patch.setattr("rnngen.training.launch.make_plan", interrupt)
        rnngen.train(corpus, out="run", progress="none", **FAST)
    assert not Path("run").exists()


def test_an_interrupt_while_a_function_is_imported_comes_when_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    imported: list[str] = []

    def interrupted(name: str) -> None:
        signal.raise_signal(signal.SIGINT)
        imported.append(name)

    monkeypatch.setattr("importlib.import_module", interrupted)
    with pytest.raises(KeyboardInterrupt, match=r"^before rnngen\.train was called: nothing was begun$"):
        _ = rnngen.train
    assert imported == ["rnngen.python.training"]


IMPORT = """
import signal, sys
class Finder:  # interrupts the import of torch as soon as it begins
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            sys.meta_path.remove(self)
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Finder())
import rnngen
try:
    rnngen.train
except KeyboardInterrupt as interrupt:
    print(interrupt)
import torch
print(torch.nn.Module.__name__, rnngen.train.__name__)
"""


@pytest.mark.slow
def test_an_interrupted_import_of_torch_is_completed() -> None:
    outcome = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True, timeout=100)
    assert outcome.stdout.splitlines() == ["before rnngen.train was called: nothing was begun", "Module train"]
