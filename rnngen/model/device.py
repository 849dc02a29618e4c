"""Which device of torch to compute on, and in which precision."""

from __future__ import annotations

import contextlib
from typing import Any

import torch

from rnngen.errors import UsageError


def pick_device(device: str) -> str:
    """``auto`` → the best there is.

    Raises:
        UsageError: the device that was asked for is not there.
    """
    available = {"cpu": True, "mps": torch.backends.mps.is_available(), "cuda": torch.cuda.is_available()}
    if device == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if available[name])
    kind, _, index = device.partition(":")
    if index and not index.isdecimal():
        raise UsageError("--device is unknown", expected="auto, cpu, mps, cuda or cuda:N", found=device)
    if not available.get(kind) or (index and int(index) >= torch.cuda.device_count()):
        there = ", ".join(name for name, ok in available.items() if ok)
        raise UsageError(f"--device {device} is not there", expected=f"one of: auto, {there}")
    return device


def autocast(device: torch.device, precision: str) -> contextlib.AbstractContextManager[Any]:
    """The context in which matrix products run in ``precision``."""
    if precision == "bf16":
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return contextlib.nullcontext()
