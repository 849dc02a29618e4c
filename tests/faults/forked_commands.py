"""Commands in processes that a signal cuts short, forked from one that has imported torch: each costs milliseconds.

This file is also the program of that process. It reads a request per line and answers each with a line, in JSON.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LOGS = ("metrics.jsonl", "samples.txt")
WRITES = os.O_WRONLY | os.O_RDWR


@dataclass(frozen=True)
class Cut:
    """Where a command is cut short.

    Args:
        number: of the signal.
        step: after this training step; or
        operation: at this operation of the process on its files: one that is opened for writing, made, renamed, removed
            or waited for. Rows of logs do not count, so that most of them are within saves.
    """

    number: int
    step: int | None = None
    operation: int | None = None


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Args:
        code: the exit code; negative if a signal ended it.
        where: the operation at which it was cut short; empty if it was not, or after a step.
        out, err: what it wrote.
    """

    code: int
    where: str
    out: str
    err: str


class Commands:
    """The command line of rnngen, one process per command."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, *arguments: object, cut: Cut | None = None) -> Ended:
        """Run a command to its end, or until it is cut short."""
        assert self._process.stdin
        assert self._process.stdout
        request = {"arguments": [str(a) for a in arguments], "cut": None if cut is None else vars(cut)}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return Ended(**json.loads(self._process.stdout.readline()))


@contextmanager
def forked_commands(cache: Path) -> Iterator[Commands]:
    """Commands with one thread each, and a cache of their own."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "RNNGEN_CACHE": str(cache), "NO_COLOR": "1"}
    with subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
    ) as process:
        yield Commands(process)
        assert process.stdin
        process.stdin.close()


def _serve() -> None:
    import torch
    import torch._dynamo  # which the first optimizer of a process imports

    import rnngen.cli.app
    import rnngen.cli.progress
    import rnngen.training.launch  # noqa: F401

    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where these tests run in the background of a shell
    assert threading.active_count() == 1  # others would be lost in a fork
    for line in sys.stdin:
        print(json.dumps(vars(_answer(**json.loads(line)))), flush=True)


def _answer(arguments: list[str], cut: dict[str, Any] | None) -> Ended:
    with ExitStack() as stack:
        out, err, where = files = [stack.enter_context(tempfile.TemporaryFile("w+")) for _ in range(3)]
        child = os.fork()
        if not child:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            _run(arguments, None if cut is None else Cut(**cut), where.fileno())
        _, status = os.waitpid(child, 0)
        for file in files:
            file.seek(0)
        return Ended(os.waitstatus_to_exitcode(status), where.read(), out.read(), err.read())


def _run(arguments: list[str], cut: Cut | None, where: int) -> None:
    """Run a command in this process, and end it."""
    import traceback

    from rnngen.cli.app import main

    code: Any = 70
    try:
        if cut is not None and cut.step is not None:
            _cut_after_step(cut.number, cut.step)
        elif cut is not None and cut.operation is not None:
            _cut_at_operation(cut.number, cut.operation, where)
        sys.argv = ["rnngen", *arguments]
        main()
    except SystemExit as ended:
        code = ended.code
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _cut_after_step(number: int, step: int) -> None:
    from rnngen.cli.progress import Screen
    from rnngen.training.events import Event, Stepped

    show = Screen.show

    def cut(self: Screen, event: Event) -> None:
        show(self, event)
        if isinstance(event, Stepped) and event.step == step:
            os.kill(os.getpid(), number)

    Screen.show = cut  # type: ignore[method-assign]


def _cut_at_operation(number: int, operation: int, where: int) -> None:
    done = 0

    def count(what: str, path: object) -> None:
        nonlocal done
        done += 1
        if done == operation:
            os.write(where, f"{what} {path}".encode())
            os.kill(os.getpid(), number)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if isinstance(path, str) and flags & WRITES and not path.endswith(LOGS) and not path.startswith("/dev/"):
                count("write", path)
        elif event in ("os.mkdir", "os.rename", "os.remove", "os.rmdir"):
            count(event.removeprefix("os."), arguments[0])

    sync = os.fsync

    def fsync(descriptor: int) -> None:
        count("sync", descriptor)
        sync(descriptor)

    os.fsync = fsync
    sys.addaudithook(hook)


if __name__ == "__main__":
    _serve()
