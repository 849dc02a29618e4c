"""``adaptation.json``: what ``--tune`` found, next to the weights; its content is checked when read."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from rnngen.errors import CheckpointError
from rnngen.evaluation.adaptation.mixing import number_of_classes
from rnngen.evaluation.adaptation.settings import MIXED, RECENT_ORDER, Cache, Dynamic, Settings
from rnngen.runs.files import read_json, to_json
from rnngen.runs.layout import ADAPTATION, MODEL
from rnngen.runs.run import Run
from rnngen.runs.writer import RunWriter

FORMAT = 1
MAX_BYTES = 1 << 20
_LARGEST = {"learning_rate": 10.0, "decay": 1.0, "segment": 1 << 12, "size": 1 << 16, "flatness": 1e4}


def to_bytes(settings: Settings) -> bytes:
    """The file's content."""
    weights = {name: found.tolist() for name, found in settings.weights.items()}
    return to_json({"format": FORMAT, **asdict(settings), "weights": weights})


def save_settings(run: Run, settings: Settings) -> None:
    """Keep the settings in the run.

    Raises:
        CheckpointError: another process writes the run, it was saved again meanwhile, or it cannot be written.
    """
    writer = RunWriter(run.path)
    try:
        if Run.open(run.path).manifest.get(MODEL) != run.manifest.get(MODEL):
            raise CheckpointError("was saved again while it was tuned", where=run.path, hint="Tune the run again.")
        writer.save_adaptation(to_bytes(settings))
    finally:
        writer.close()


def load_settings(run: Run) -> Settings | None:
    """The settings that a run was tuned to; None: it was not tuned.

    Raises:
        CheckpointError: they are damaged, or of another version.
    """
    if ADAPTATION not in run.manifest:
        return None
    where = run.path / ADAPTATION
    try:
        return parse_settings(read_json(where, run.read(ADAPTATION, MAX_BYTES)), where)
    except CheckpointError as error:
        if error.hint:
            raise
        hint = "Tune the run again."
        raise CheckpointError(error.what, where=where, expected=error.expected, found=error.found, hint=hint) from error


def parse_settings(content: Any, where: Path) -> Settings:
    """The settings in a file's content; every number is checked.

    Raises:
        CheckpointError: it has other fields, or a number that is out of range.
    """
    default = Settings()
    fields = {"format", *asdict(default)}
    if not isinstance(content, dict) or content.keys() != fields or content["format"] != FORMAT:
        raise CheckpointError("is not a file of adaptation settings", where=where, expected=f"format {FORMAT}")
    dynamic = Dynamic(**_numbers(content["dynamic"], asdict(default.dynamic), where))
    cache = Cache(**_numbers(content["cache"], asdict(default.cache), where))
    recent = _discounts(content["recent"], len(default.recent), where)
    growing = _discounts(content["growing"], len(default.growing), where)
    found = content["weights"]
    if not isinstance(found, dict) or found.keys() != {parts.name for parts in MIXED}:
        raise _unsound("weights of every mixture", where)
    weights = {}
    for parts in MIXED:
        shape = (number_of_classes(RECENT_ORDER), parts.models)
        try:
            weights[parts.name] = np.array(found[parts.name], np.float64)
        except (TypeError, ValueError) as error:
            raise _unsound(f"weights of {parts.name} that are numbers", where) from error
        w = weights[parts.name]
        if w.shape != shape or not np.all((w >= 0) & (w <= 1)) or not np.allclose(w.sum(1), 1, rtol=0, atol=1e-6):
            raise _unsound(f"weights of {parts.name} that sum to 1 in each of {shape[0]} classes", where)
    return Settings(dynamic, cache, recent, growing, weights)


def _numbers(found: Any, default: dict[str, Any], where: Path) -> dict[str, Any]:
    """Numbers of the types of the default ones, within their range."""
    if not isinstance(found, dict) or found.keys() != default.keys():
        raise _unsound(", ".join(default), where)
    for name, value in found.items():
        least = 1 if type(default[name]) is int else 0
        if type(value) is not type(default[name]) or not least <= value <= _LARGEST[name]:
            raise _unsound(f"{name} from {least} to {_LARGEST[name]}", where)
    return found


def _discounts(found: Any, order: int, where: Path) -> tuple[float, ...]:
    if not isinstance(found, list) or len(found) != order or not all(type(d) is float and 0 <= d <= 1 for d in found):
        raise _unsound(f"{order} discounts from 0 to 1", where)
    return tuple(found)


def _unsound(expected: str, where: Path) -> CheckpointError:
    return CheckpointError("is not a sound file of adaptation settings", where=where, expected=expected)
