"""Whether the training of a run failed: the last row of its metrics.jsonl says so, and no other row does."""

from __future__ import annotations

import io
from dataclasses import dataclass

from rnngen.errors import CheckpointError
from rnngen.runs.files import exists, open_file
from rnngen.runs.layout import METRICS
from rnngen.runs.run import Run
from rnngen.untrusted import parse_json

FAILURES = {
    "loss": "the loss was not finite",
    "gradient": "the gradient was not finite",
    "validation": "the validation loss was not finite",
    "sample": "the logits were not finite while a sample was written",
    "astray": "the weights went astray",
}
"""What the row's ``failed`` may be → the same in words."""

_TAIL = 4096  # bytes, of which the last row is a part


@dataclass(frozen=True)
class Failure:
    """How training failed.

    Attributes:
        step: at which it did, which was not taken.
        what: in words.
        kept_step: steps taken before the weights that the run keeps; 0: those that it began with; None: unknown.
        loss, norm: of that step, nats per token and ‖∇θ‖, as far as they are numbers; they may be infinite.
    """

    step: int
    what: str
    kept_step: int | None
    loss: float | None
    norm: float | None

    def __str__(self) -> str:
        if self.kept_step is None:
            kept = "the weights are those kept before"
        elif self.kept_step == 0:
            kept = "the weights are those it began with, which have learned nothing"
        else:
            kept = f"the weights are those of step {self.kept_step:,}"
        return f"{self.what} at step {self.step:,}; {kept}"


def failure_of(run: Run) -> Failure | None:
    """How the training of a run failed; None if it did not, or was resumed since, or if its log is gone."""
    path = run.path / METRICS
    try:
        if METRICS not in run.manifest or not exists(path, "file"):
            return None
        with open_file(path) as file:
            file.seek(max(0, file.seek(0, io.SEEK_END) - _TAIL))
            *_, last = [b"", *file.read(_TAIL).splitlines()]
        row = parse_json(last)
    except (CheckpointError, OSError, ValueError):  # no row of ours
        return None
    if not isinstance(row, dict) or row.get("failed") not in FAILURES or not _is_step(row.get("step")):
        return None
    kept = row.get("kept_step")
    numbers = [_number(row.get(name)) for name in ("loss", "norm")]
    return Failure(row["step"], FAILURES[row["failed"]], kept if _is_step(kept) else None, *numbers)


def _is_step(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63


def _number(value: object) -> float | None:
    """A number of a row, where what JSON does not have is a text: ``inf``."""
    if value in ("inf", "-inf"):
        return float(str(value))
    return float(value) if isinstance(value, int | float) and abs(value) < 1e300 else None
