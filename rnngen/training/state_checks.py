"""Checks of a saved state before any of it is used: that its hashes are right does not mean that we wrote it."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rnngen.errors import CheckpointError, shortened
from rnngen.options.network import ModelConfig
from rnngen.runs.files import exists
from rnngen.runs.layout import CONFIG, LOGS, STATE_TENSORS, TOKENIZER, moved_states, saved_steps
from rnngen.runs.manifest import MAX_LOG_BYTES
from rnngen.runs.plan_record import MAX_STEPS, Stretch

COPIES = 4
"""Tensors of the shape of each weight that a state holds at most: the weight, its average, and two moments."""

MAX_BESIDES = 1 << 24
"""Bytes of all that does not grow with the network: header, random states, counters, the losses of validations."""

_ADDED_LATER = ("due", "stretches", "progress", "corpus", "guard")  # older runs lack them
_GUARD = {"good_step", "good_loss", "good_losses", "losses", "high", "back", "spikes"}
_LONGEST = 80  # characters shown of an invalid value


def check_values(values: Any, step: int, where: object) -> None:
    """Check the content of state.json.

    Args:
        values: what was parsed.
        step: the step that its folder is named after.
        where: the file, for errors.

    Raises:
        CheckpointError: it is not an object, or a value in it is missing or invalid; the error names it.
    """
    if not isinstance(values, dict):
        raise CheckpointError("is not the state of a run", where=where, expected="an object", found=_shown(values))
    checks: dict[str, tuple[str, Callable[[Any], bool]]] = {
        "step": (f"{step}, as its folder is named", lambda v: _is_count(v, MAX_STEPS) and v == step),
        "best_step": (f"an integer from 0 to {step}", lambda v: _is_count(v, step)),
        "best_nll": ("a finite number, or null", lambda v: v is None or _is_number(v)),
        "seconds": ("a finite number ≥ 0", lambda v: _is_number(v) and v >= 0),
        "logs": (f"the lengths of {' and '.join(LOGS)}, integers ≥ 0", _are_lengths),
        "decided": (f"the SHA-256 of {CONFIG} and {TOKENIZER}", _are_hashes),
        "due": ("a list of validation, sample and save", _are_parts),
        "stretches": (f"the plans of a run, in order, from step 0 to {step}", lambda v: _are_plans(v, step)),
        "progress": (f"[a finite number or null, an integer from 0 to {step}]", lambda v: _is_progress(v, step)),
        "corpus": ("an object with fingerprint and sources", _is_corpus),
        "guard": (f"null, or a good state from step 0 to {step} with its losses", lambda v: _is_guard(v, step)),
    }
    for name, (expected, is_right) in checks.items():
        if name not in values:
            if name not in _ADDED_LATER:
                raise CheckpointError(f"lacks {name}", where=where, expected=expected)
        elif not is_right(values[name]):
            raise CheckpointError(f"has an invalid {name}", where=where, expected=expected, found=_shown(values[name]))


def _is_count(value: object, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= high


def _is_number(value: object) -> bool:
    """Whether a value is a number that a float can hold."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _are_lengths(value: object) -> bool:
    if not isinstance(value, dict) or value.keys() != set(LOGS):
        return False
    return all(_is_count(length, MAX_LOG_BYTES) for length in value.values())


def _are_hashes(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(value.get(name), str) for name in (CONFIG, TOKENIZER))


def _are_parts(value: object) -> bool:
    return isinstance(value, list) and all(part in ("validation", "sample", "save") for part in value)


def _are_plans(value: object, step: int) -> bool:
    if not isinstance(value, list):
        return False
    try:
        stretches = [Stretch.from_dict(stretch) for stretch in value]
    except ValueError:
        return False
    within = all(before.step <= after.step <= before.steps for before, after in pairwise(stretches))
    return bool(stretches) and stretches[0].step == 0 and within and stretches[-1].step <= step


def _is_progress(value: object, step: int) -> bool:
    if not isinstance(value, list) or len(value) != 2:
        return False
    best, since = value
    return (best is None or _is_number(best)) and _is_count(since, step)


def _is_corpus(value: object) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("fingerprint"), str):
        return False
    sources = value.get("sources")
    return isinstance(sources, list) and all(isinstance(source, str) for source in sources)


def _is_guard(value: object, step: int) -> bool:
    if value is None:
        return True
    if not isinstance(value, dict) or value.keys() != _GUARD:
        return False
    if not (_is_count(value["good_step"], step) and _is_number(value["good_loss"])):
        return False
    counts, losses = ("high", "back", "spikes"), ("good_losses", "losses")
    return all(_is_count(value[name], step) for name in counts) and all(_are_losses(value[name]) for name in losses)


def _are_losses(value: object) -> bool:
    if not isinstance(value, list) or len(value) != 3:
        return False
    first, mean, deviation = value
    return (first is None or _is_number(first)) and _is_number(mean) and _is_number(deviation) and deviation >= 0


def _shown(value: object) -> str:
    text = repr(value)
    return shortened(text, _LONGEST)


def max_file_size(model: ModelConfig, batch_size: int, V: int) -> int:
    """The largest size of a saved state, in bytes: it holds all tensors in float32, twice (see ``guard.py``)."""
    numbers = COPIES * model.num_parameters(V) + math.prod(_hidden_shape(model, batch_size))
    return 2 * 4 * numbers + MAX_BESIDES


def _hidden_shape(model: ModelConfig, batch_size: int) -> tuple[int, int, int, int]:
    S, H = 2 if model.cell == "lstm" else 1, max(map(model.width, range(model.num_layers)))
    return model.num_layers, S, batch_size, H + model.history


def check_file_sizes(run: Path, model: ModelConfig, batch_size: int, V: int) -> None:
    """Make sure that no saved state is larger than any state of this network, before one is read into memory.

    Args:
        run: its folder.
        model: the network.
        batch_size: B.
        V: vocabulary size.

    Raises:
        CheckpointError: one is.
    """
    most = max_file_size(model, batch_size, V)
    for folder in (*saved_steps(run), *moved_states(run)):
        file = folder / STATE_TENSORS
        size = file.lstat().st_size if exists(folder, "folder") and exists(file, "file") else 0
        if size > most:
            raise CheckpointError(
                f"is too large for the network in {CONFIG}",
                where=file,
                expected=f"at most {most:,} bytes",
                found=f"{size:,}",
            )


def check_weights(tensors: Mapping[str, Tensor], model: ModelConfig, batch_size: int, V: int, where: object) -> None:
    """Compare the weights and the hidden state with the configuration, before networks of its sizes are made.

    Args:
        tensors: of a saved state, by name.
        model: the network.
        batch_size: B.
        V: vocabulary size.
        where: they were read from, for errors.

    Raises:
        CheckpointError: as ``check_tensors``.
    """
    expected = {f"weights/{name}": Expected(shape, (torch.float32,)) for name, shape in model.shapes(V).items()}
    expected["hidden"] = Expected(_hidden_shape(model, batch_size), (torch.float32, torch.bfloat16))
    check_tensors(
        {name: t for name, t in tensors.items() if name.startswith("weights/") or name == "hidden"}, expected, where
    )


class Expected(NamedTuple):
    """The shape and type that a tensor must have.

    Attributes:
        shape: with None for a dimension of any length.
        dtypes: the types that it may have.
    """

    shape: tuple[int | None, ...]
    dtypes: tuple[torch.dtype, ...]

    @classmethod
    def like(cls, tensor: Tensor) -> Expected:
        """The shape and type of another tensor."""
        return cls(tuple(tensor.shape), (tensor.dtype,))

    def fits(self, tensor: Tensor) -> bool:
        """Whether a tensor has the shape and one of the types."""
        lengths = zip(self.shape, tensor.shape, strict=False)
        same = len(self.shape) == tensor.ndim and all(length in (None, found) for length, found in lengths)
        return same and tensor.dtype in self.dtypes

    def __str__(self) -> str:
        return f"{str(self.shape).replace('None', 'any')} {' or '.join(map(_name, self.dtypes))}"


def check_tensors(tensors: Mapping[str, Tensor], expected: Mapping[str, Expected], where: object) -> None:
    """Check names, shapes and types before any kernel sees a tensor.

    Raises:
        CheckpointError: a tensor is missing or unknown, or has the wrong shape or type; the error names it.
    """
    for name in sorted(expected.keys() | tensors.keys()):
        wanted, tensor = expected.get(name), tensors.get(name)
        if wanted is None or tensor is None or not wanted.fits(tensor):
            raise CheckpointError(
                f"tensor {name} does not fit {CONFIG}",
                where=where,
                expected=wanted or "no such tensor",
                found="no such tensor" if tensor is None else Expected.like(tensor),
            )


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
