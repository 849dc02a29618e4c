"""Learning curves of a run: loss on the validation part and on the training part, against what it cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args

from rnngen.runs.metrics import Metrics

Point = TypeVar("Point")
Axis = Literal["seconds", "steps", "epochs", "tokens"]
AXES: Mapping[Axis, str] = {
    "seconds": "seconds of training",
    "steps": "training steps",
    "epochs": "epochs",
    "tokens": "tokens read",
}
"""What a curve may be drawn against, and its title there."""

SMOOTHED = 60  # points of a training curve
EXPLODED = 3  # times the loss that a run began with
SMALLEST = 1e-12
"""The smallest value, or fraction of the largest, that is drawn on a logarithmic axis."""
ROWS = 5  # training steps per point at least


@dataclass(frozen=True)
class Curve:
    """Loss while a run was trained.

    Attributes:
        points: in order, each with the values of all axes and ``nats`` (per token or per character, see ``scaled``).
    """

    points: tuple[Mapping[str, float], ...] = ()

    def against(self, axis: Axis) -> list[tuple[float, float]]:
        """(value on the axis, nats) of each point."""
        return [(point[axis], point["nats"]) for point in self.points]

    def scaled(self, factor: float) -> Curve:
        """The same curve with its nats multiplied by a number, as from one unit to another."""
        return Curve(tuple({**point, "nats": point["nats"] * factor} for point in self.points))

    def as_dict(self) -> dict[str, Any]:
        """Axis or ``nats`` → the values of all points."""
        return {name: [point[name] for point in self.points] for name in (*get_args(Axis), "nats")}


def thinned(points: Sequence[Point], most: int) -> list[Point]:
    """All points of a curve, or evenly spaced ones of a long curve, with its first and its last.

    Args:
        points: of the curve.
        most: how many at most, 2 or more.
    """
    last = len(points) - 1
    return [points[number * last // (most - 1)] for number in range(most)] if len(points) > most else list(points)


def top_of(curves: Iterable[Curve]) -> float | None:
    """The highest loss to draw: that after a tenth of the steps, above which all curves of a text look alike.

    Where one is several times what a run began with, something exploded: the frame then ends a little above the lowest
    beginning. None: there are no points.
    """
    tops, begins = [], []
    for curve in curves:
        if curve.points:
            begins.append(curve.points[0]["nats"])
            tops += [point["nats"] for point in curve.points if point["steps"] >= curve.points[-1]["steps"] / 10]
    if not tops:
        return None
    return 1.2 * min(begins) if max(tops) > EXPLODED * min(begins) > 0 else max(tops)


def validation_curve(metrics: Metrics, train_tokens: int | None) -> Curve:
    """Nats per token on the validation part, from the weights that training began with on.

    Args:
        metrics: of the run.
        train_tokens: tokens of the training part; None: unknown, so that no tokens can be counted.
    """
    return _curve(((each.step, each.seconds, each.nll) for each in metrics.validations), metrics, train_tokens)


def training_curve(metrics: Metrics, train_tokens: int | None) -> Curve:
    """Nats per token of the training steps themselves, with dropout, as means over equally many steps."""
    return _curve(metrics.losses.means(SMOOTHED, ROWS), metrics, train_tokens)


def _curve(rows: Iterable[Iterable[float]], metrics: Metrics, train_tokens: int | None) -> Curve:
    step, epoch = metrics.last.get("step") or 0, metrics.last.get("epoch") or 0.0
    per_step = epoch / step if step else 0.0
    points: list[Mapping[str, float]] = []
    for steps, seconds, nats in rows:
        epochs = steps * per_step
        tokens = round(epochs * (train_tokens or 0))
        points.append({"seconds": seconds, "steps": steps, "epochs": epochs, "tokens": tokens, "nats": nats})
    return Curve(tuple(points))
