"""metrics.jsonl, read row by row: a long run has millions of them, and only a part of each is kept in memory."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rnngen.errors import CheckpointError
from rnngen.runs.binning import Binned
from rnngen.runs.files import read_lines
from rnngen.runs.layout import METRICS
from rnngen.runs.manifest import check_log
from rnngen.runs.run import Run
from rnngen.untrusted import parse_json

MAX_ROWS = 8_000_000
MAX_VALIDATIONS = 500_000
_LARGEST = 1e39  # of a number: no float32 is larger
_MOST_SECONDS = 1e10  # centuries


class Validation(NamedTuple):
    """A validation.

    Attributes:
        seconds: spent training until then.
        nll: nats per token.
        step: steps taken before it.
        best: whether the weights were kept.
    """

    seconds: float
    nll: float
    step: int
    best: bool


@dataclass
class Metrics:
    """What the rows say.

    Attributes:
        rows: how many there are.
        seconds: spent training, in the last one; None: there is none.
        last: the last row of a step; empty if there is none.
        norms: of the gradients, before clipping.
        losses: (step, seconds, nats per token) of the training steps.
        validations: all of them.
    """

    rows: int = 0
    seconds: float | None = None
    last: dict[str, Any] = field(default_factory=dict)
    norms: array[float] = field(default_factory=lambda: array("d"))
    losses: Binned = field(default_factory=lambda: Binned(3))
    validations: list[Validation] = field(default_factory=list)


def read_metrics(run: Run) -> Metrics:
    """The complete rows of metrics.jsonl, including those written after the last save.

    Raises:
        CheckpointError: it is damaged, or has more rows than any run.
    """
    found = Metrics()
    for row in rows_of(run):
        found.rows += 1
        found.seconds = _seconds(row, found.seconds or 0.0)
        if "train_nll" in row:
            found.last = row
            found.losses.add(row["step"], found.seconds, row["train_nll"])
            if "grad_norm" in row:
                found.norms.append(row["grad_norm"])
        if "valid_nll" in row:
            found.validations.append(
                Validation(found.seconds, row["valid_nll"], row["step"], bool(row.get("best", False)))
            )
            if len(found.validations) > MAX_VALIDATIONS:
                raise _too_many(run, "validations", MAX_VALIDATIONS)
    return found


def _too_many(run: Run, what: str, most: int) -> CheckpointError:
    return CheckpointError(f"has more {what} than any run", where=run.path / METRICS, expected=f"at most {most:,}")


def _seconds(row: Mapping[str, Any], before: float) -> float:
    """The time in a row, rounded as it is written, so that a speed can be computed from it; or that before."""
    seconds = row.get("seconds", before)
    return round(seconds, 3) if seconds <= _MOST_SECONDS else before


def rows_of(run: Run) -> Iterator[dict[str, Any]]:
    """The numbers in each complete row that has a step, by name; no run has negative or larger ones.

    Raises:
        CheckpointError: the file is damaged, or has more rows than any run.
    """
    if METRICS not in run.manifest or (run.path / METRICS).is_symlink():
        return
    check_log(run.path, run.manifest, METRICS)
    rows = 0
    for line in read_lines(run.path / METRICS):
        try:
            row = parse_json(line)
        except ValueError:  # one that a killed process did not finish, or damage
            continue
        if isinstance(row, dict):
            numbers = {n: v for n, v in row.items() if isinstance(v, int | float) and 0 <= v < _LARGEST}
            if "step" in numbers:
                rows += 1
                if rows > MAX_ROWS:
                    raise _too_many(run, "rows", MAX_ROWS)
                yield numbers
