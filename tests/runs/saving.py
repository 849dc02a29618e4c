"""Saves of a run that fail at any of their steps, and states to save."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from rnngen.runs.finding import open_run
from rnngen.runs.folder import Folder
from rnngen.runs.layout import CONFIG, LOGS, NEW, RESUME, TOKENIZER
from rnngen.runs.writer import RunWriter
from rnngen.training.checkpoint import format_state, load_state


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the package may catch it."""


STEPS = ["open", "write", "fsync", "ftruncate", "replace", "rename", "mkdir", "unlink", "rmdir"]
"""Everything a save does to the disk: functions of ``os``. Opening counts if it is for writing."""


@contextmanager
def fault_at(k: int, when: str, fault: Callable[[], BaseException]) -> Iterator[list[str]]:
    """The ``k``-th step of a save fails: ``before`` it did anything, ``half`` way through a write, or ``after`` it.

    After a fault that stands for SIGKILL nothing is done to the disk any more.
    """
    done: list[str] = []
    killed: list[BaseException] = []

    def wrap(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **options: Any) -> Any:
            if name == "open" and not arguments[1] & (os.O_WRONLY | os.O_RDWR):
                return real(*arguments, **options)
            if killed:
                raise killed[0]
            done.append(name)
            if len(done) - 1 != k:
                return real(*arguments, **options)
            if when == "after":
                result = real(*arguments, **options)
                if name == "open":
                    os.close(result)
            elif when == "half" and name == "write":
                descriptor, content = arguments
                real(descriptor, content[: len(content) // 2])
            error = fault()
            if isinstance(error, Killed):
                killed.append(error)
            raise error

        return step

    with pytest.MonkeyPatch.context() as patch:
        for name in STEPS:
            patch.setattr(os, name, wrap(name, getattr(os, name)))
        yield done


@contextmanager
def disk_full_at(name: str, after: int, fault: Callable[[], BaseException] | None = None) -> Iterator[None]:
    """A file of this name is written half when it is written once more than ``after`` times; then the disk is full."""
    names: dict[int, str] = {}
    written: list[str] = []
    real_open, real_write = Folder._open, os.write

    def open_(folder: Folder, file: str, flags: int) -> int:
        descriptor = real_open(folder, file, flags)
        names[descriptor] = file
        return descriptor

    def write(descriptor: int, content: bytes) -> int:
        if names.get(descriptor) == name:
            written.append(name)
            if len(written) > after:
                real_write(descriptor, content[: len(content) // 2])
                raise (fault or full)()
        return real_write(descriptor, content)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Folder, "_open", open_)
        patch.setattr(os, "write", write)
        yield
    assert len(written) > after


def full() -> OSError:
    return OSError(errno.ENOSPC, "No space left on device")


def read_only() -> OSError:
    return OSError(errno.EROFS, "Read-only file system")


def steps_of(save: Callable[[], object], when: str) -> list[int]:
    """The steps of a save that can fail ``when``: only a write can fail half way."""
    with fault_at(-1, "before", Killed) as done:
        save()
    return [k for k, name in enumerate(done) if when != "half" or name == "write"]


def weights_of(run: Path) -> dict[str, Tensor]:
    return {name: torch.from_numpy(w.copy()) for name, w in open_run(run).weights().items()}


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@contextmanager
def writing(run: Path) -> Iterator[RunWriter]:
    writer = RunWriter(run)
    try:
        yield writer
    finally:
        writer.close()


def leftovers(run: Path) -> list[str]:
    """What should not lie in a run after it was cleaned."""
    found = [p for p in run.rglob("*") if p.name.endswith((NEW, ".tmp")) or p.parent.name == RESUME]
    return [p.name for p in found if p.parent.name != RESUME or p.name.startswith(".")]


def tensors(k: int) -> dict[str, Tensor]:
    return {"a/b": torch.arange(k % 9 + 3), "half": torch.full((2,), k % 9, dtype=torch.bfloat16)}


def state(k: int) -> tuple[bytes, dict[str, Any]]:
    """Tensors and values of step ``k``."""
    return format_state(tensors(k)), {
        "step": k,
        "best_nll": 0.5,
        "best_step": 0,
        "seconds": 1.0,
        "logs": dict.fromkeys(LOGS, 0),
        "decided": {CONFIG: "", TOKENIZER: ""},
    }


def states_found(run: Path) -> int:
    """The step of the newest sound state, which must be whole."""
    found = load_state(run)
    step = int(found.values["step"])
    assert found.values == state(step)[1]
    assert same(found.tensors, tensors(step))
    assert {name: t.dtype for name, t in found.tensors.items()} == {name: t.dtype for name, t in tensors(step).items()}
    return step
