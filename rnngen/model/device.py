"""Which torch device to compute on, in which precision, and tokens on it."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnngen.errors import UsageError, shortened

DEVICES = ("cuda", "mps", "cpu")  # most likely the fastest first


def pick_device(device: str) -> str:
    """The requested device; for ``auto``, the first of ``DEVICES`` that works.

    Raises:
        UsageError: as ``usable_devices``.
    """
    return usable_devices(device)[0][0]


def usable_devices(asked: str) -> tuple[list[str], dict[str, str]]:
    """The devices to try, in order, and for those that are present but unusable the reason.

    Args:
        asked: ``auto`` or the name of a device.

    Raises:
        UsageError: the requested device does not exist or does not work.
    """
    available = [name for name in DEVICES if _is_available(name)]
    if asked == "auto":
        failures = {name: why for name in available if (why := _why_not(name))}
        return [name for name in available if name not in failures], failures
    kind, _, index = asked.partition(":")
    if index and not re.fullmatch("[0-9]{1,4}", index):
        raise UsageError("invalid value for `device`", expected="auto, cpu, mps, cuda or cuda:N", found=repr(asked))
    missing = kind not in available or (index and int(index) >= torch.cuda.device_count())
    why = "no such device" if missing else _why_not(asked)
    if why:
        works = ", ".join(name for name in available if not _why_not(name))
        raise UsageError(f"`device={asked}` cannot be used here", expected=f"one of: auto, {works}", found=why)
    return [asked], {}


def _is_available(name: str) -> bool:
    if name == "cpu":
        return True
    try:
        return torch.cuda.is_available() if name == "cuda" else torch.backends.mps.is_available()
    except Exception:  # a driver that cannot even be queried
        return False


def _why_not(device: str) -> str | None:
    """Why the simplest computation fails on a device; None if it works."""
    try:
        works = float(torch.ones(2, device=device).sum()) == 2
    except Exception as error:  # drivers fail in many ways, which all mean the same here
        return in_a_few_words(error)
    return None if works else "wrong results"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether Python or torch ran out of memory; on a processor, torch has no type for that."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


def in_a_few_words(error: BaseException) -> str:
    """Why a kernel failed, in a few words: the first line of its message, shortened."""
    if is_out_of_memory(error):
        return "not enough memory"
    if "primitive" in str(error) or isinstance(error, NotImplementedError):  # how oneDNN and torch say it
        return "not available on this processor"
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return shortened(line, 80)


def autocast(device: torch.device, precision: str) -> contextlib.AbstractContextManager[Any]:
    """The context in which matrix products run in ``precision``."""
    if precision == "bf16":
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return contextlib.nullcontext()


@contextlib.contextmanager
def without_tf32() -> Iterator[None]:
    """Let an NVIDIA GPU compute what is in float32 in all of its 24 bits, not in the 11 of TF32.

    That is torch's default for recurrent networks (cuDNN), but not for matrix products.
    """
    kernels: tuple[Any, ...] = (torch.backends.cudnn.rnn, torch.backends.cuda.matmul)
    before = [each.fp32_precision for each in kernels]
    for each in kernels:
        each.fp32_precision = "ieee"
    try:
        yield
    finally:
        for each, precision in zip(kernels, before, strict=True):
            each.fp32_precision = precision


def gpu_and_versions(device: str) -> dict[str, Any]:
    """The name of an NVIDIA GPU, and the versions of the libraries that compute on it; empty for other devices."""
    if torch.device(device).type != "cuda":
        return {}
    cudnn: Any = torch.backends.cudnn
    return {"gpu": torch.cuda.get_device_name(device), "cuda": torch.version.cuda, "cudnn": cudnn.version()}


def processors() -> int:
    """How many threads can run at the same time on this machine."""
    return max(os.cpu_count() or 1, torch.get_num_threads())


@contextlib.contextmanager
def using_threads(threads: int) -> Iterator[None]:
    """Let torch's CPU kernels use this many threads; restore the number afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def device_to_continue_on(begun_on: str, asked: str | None) -> tuple[str, str | None]:
    """The device to continue on, and a warning if it is not the one that the run was begun on.

    Raises:
        UsageError: the device that was asked for cannot be used here.
    """
    if asked is not None:
        return pick_device(asked), None
    try:
        return pick_device(begun_on), None
    except UsageError as error:
        there = pick_device("auto")
        why = f"this run was trained on {begun_on}, which cannot be used here ({error.found})"
        return there, f"{why}; it continues on {there}"


def token_ids(tokens: NDArray[np.integer[Any]], device: torch.device) -> Tensor:
    """Token ids, of any shape, as a tensor on a device."""
    return torch.from_numpy(np.asarray(tokens).astype(np.int64)).to(device)
