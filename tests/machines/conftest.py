"""Machines that are pretended from inside the process: ``RNNGEN_TEST_MACHINE`` names one, see ``matrix.py``."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from rnngen.training.planning import memory

MACHINE = os.environ.get("RNNGEN_TEST_MACHINE", "")
THREADS = os.environ.get("RNNGEN_TEST_THREADS")


def pytest_report_header() -> str:
    flags = "on" if torch.backends.mkldnn.enabled and MACHINE != "no oneDNN" else "off"
    return (
        f"machine: {MACHINE or 'as it is'}, threads {THREADS or 1}, ATen {torch.backends.cpu.get_cpu_capability()}, "
        f"oneDNN {flags}, ONEDNN_MAX_CPU_ISA {os.environ.get('ONEDNN_MAX_CPU_ISA', 'not set')}"
    )


@pytest.fixture(autouse=True)
def _threads(_one_thread: None) -> Iterator[None]:
    """As many as the matrix says, where it says so."""
    before = torch.get_num_threads()
    torch.set_num_threads(int(THREADS or before))
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def _pretended(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if MACHINE == "no oneDNN":
        before = torch.backends.mkldnn.set_flags(False)
        yield
        torch.backends.mkldnn.set_flags(*before)
        return
    if MACHINE == "no glibc":
        monkeypatch.setattr(memory, "ctypes", SimpleNamespace(CDLL=_no_mallopt))
    if MACHINE == "no GPU":
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    if MACHINE in ("CUDA fails", "MPS fails"):
        _fail(monkeypatch, "cuda" if MACHINE == "CUDA fails" else "mps")
    yield


def _no_mallopt(name: str | None) -> Any:
    """What other C libraries have: the name is missing."""
    return SimpleNamespace(malloc=ctypes.c_void_p)


def _fail(monkeypatch: pytest.MonkeyPatch, device: str) -> None:
    """The device says that it is available, and fails whatever it is asked to compute."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: device == "cuda")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: int(device == "cuda"))
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: device == "mps")
    ones = torch.ones

    def failing(*size: Any, device: str = "cpu", **how: Any) -> torch.Tensor:
        if device != "cpu":
            raise RuntimeError("CUDA error: no kernel image is available for execution on the device")
        return ones(*size, **how)

    monkeypatch.setattr(torch, "ones", failing)
