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

from rnngen.runs import files
from rnngen.runs.finding import open_run
from rnngen.runs.layout import CONFIG, LOGS, NEW, RESUME, TOKENIZER
from rnngen.runs.writer import RunWriter
from rnngen.training.checkpoint import format_state, load_state


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the package may catch it."""


STEPS: list[tuple[Any, str]] = [
    (files, "write_synced"),
    (files, "sync_folder"),
    (Path, "replace"),
    (Path, "rename"),
    (Path, "mkdir"),
    (Path, "unlink"),
    (os, "unlink"),
    (os, "rmdir"),
]
"""Everything a save does to the disk."""


@contextmanager
def fault_at(k: int, when: str, fault: Callable[[], BaseException]) -> Iterator[list[str]]:
    """The ``k``-th step of a save fails: ``before`` it did anything, ``half`` way through a write, or ``after`` it."""
    done: list[str] = []

    def wrap(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **options: Any) -> Any:
            done.append(name)
            if len(done) - 1 != k:
                return real(*arguments, **options)
            if when == "after":
                real(*arguments, **options)
            elif when == "half" and name == "write_synced":
                path, content = arguments
                path.write_bytes(content[: len(content) // 2])
            raise fault()

        return step

    with pytest.MonkeyPatch.context() as patch:
        for where, name in STEPS:
            patch.setattr(where, name, wrap(name, getattr(where, name)))
        yield done


def full() -> OSError:
    return OSError(errno.ENOSPC, "No space left on device")


def steps_of(save: Callable[[], object], when: str) -> list[int]:
    """The steps of a save that can fail ``when``: only a write can fail half way."""
    with fault_at(-1, "before", Killed) as done:
        save()
    return [k for k, name in enumerate(done) if when != "half" or name == "write_synced"]


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
