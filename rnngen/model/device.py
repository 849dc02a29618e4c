"""Which device of torch to compute on."""

from __future__ import annotations

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
