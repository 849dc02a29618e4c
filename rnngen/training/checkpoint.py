"""The state of training, to and from the files of a run: tensors by name, and values.

The files themselves are those of ``rnngen/runs``: ``RunWriter`` writes them, ``states.py`` reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as parse_tensors
from safetensors.torch import save as format_tensors
from torch import Tensor

from rnngen.errors import CheckpointError
from rnngen.platforms import quote_argument
from rnngen.runs.finding import learned_nothing, remove_failed
from rnngen.runs.layout import RESUME, STATE_JSON, STATE_TENSORS, moved_states, put_back, saved_steps
from rnngen.runs.states import read_state
from rnngen.runs.tensors import read_header
from rnngen.training.state_checks import check_values

_TOLD = 5  # damaged states; this package keeps two


@dataclass(frozen=True)
class TrainingState:
    """Everything that training needs to continue as if it had never stopped.

    Attributes:
        tensors: by name, all on the CPU.
        values: the content of state.json: step, best score, and the like.
        warnings: which damaged states were passed over to find a sound one.
    """

    tensors: dict[str, Tensor]
    values: dict[str, Any]
    warnings: tuple[str, ...] = ()


def load_state(run: Path) -> TrainingState:
    """The newest sound state of a run.

    Raises:
        CheckpointError: there is none, or none that is sound.
    """
    warnings: list[str] = []
    anew = f"Begin a new run with its weights: rnngen train TEXT --init-from {quote_argument(str(run))}."
    found = states_to_resume_from(run)
    for folder in found:
        try:
            state = read_training_state(folder)
        except CheckpointError as error:
            if states_to_resume_from(run) != found:  # another process saves, and removes the oldest
                return load_state(run)
            warnings.append(str(error))
            continue
        passed = [f"{_sentence(each)} Continuing from {put_back(folder).name} instead." for each in warnings[:_TOLD]]
        if len(warnings) > _TOLD:
            passed.append(f"{len(warnings) - _TOLD:,} more saved states are damaged as well.")
        return replace(state, warnings=tuple(passed))
    if warnings:
        raise CheckpointError("every saved state is damaged", where=run / RESUME, found=warnings[0], hint=anew)
    if learned_nothing(run):
        anew = f"{remove_failed(run)}; and begin a new run: rnngen train TEXT."
    raise CheckpointError(
        "has no state to resume from", where=run, expected=f"a saved state in {run / RESUME}", hint=anew
    )


def _sentence(text: str) -> str:
    return text if text.endswith((".", "…")) else f"{text}."


def states_to_resume_from(run: Path) -> list[Path]:
    """The folders of all saved states, the newest first, sound or not.

    Raises:
        CheckpointError: what should be their folder is something else.
    """
    return sorted([*saved_steps(run), *moved_states(run)], key=lambda folder: int(put_back(folder).name), reverse=True)


def read_training_state(folder: Path, max_bytes: int | None = None) -> TrainingState:
    """A saved state by its folder, checked as far as that is possible without the run's configuration.

    Args:
        folder: of the state.
        max_bytes: see ``read_state``.

    Raises:
        CheckpointError: it is damaged.
    """
    content, values = read_state(folder, max_bytes)
    tensors = _parse_state(content, folder / STATE_TENSORS)
    check_values(values, int(put_back(folder).name), folder / STATE_JSON)
    return TrainingState(tensors, values)


def _parse_state(content: bytes, where: Path) -> dict[str, Tensor]:
    read_header(content, where)
    try:
        return parse_tensors(content)
    except (SafetensorError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise CheckpointError("is not a sound safetensors file", where=where, found=error) from error


def format_state(tensors: Mapping[str, Tensor]) -> bytes:
    """The content of ``state.safetensors``."""
    return format_tensors(dict(tensors))


def format_weights(weights: Mapping[str, Tensor]) -> bytes:
    """The content of ``model.safetensors``: weights in float32."""
    return format_tensors({name: w.float() for name, w in weights.items()}, {"format": "pt"})


def pack(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies of tensors on the CPU, their names under a prefix."""
    return {f"{prefix}/{name}": t.detach().to("cpu", copy=True).contiguous() for name, t in tensors.items()}


def unpack(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names are under a prefix, by the rest of their names."""
    return {name.removeprefix(f"{prefix}/"): t for name, t in tensors.items() if name.startswith(f"{prefix}/")}
