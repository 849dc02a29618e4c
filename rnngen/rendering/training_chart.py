"""The charts of ``rnngen inspect training``: loss and norm of the gradient at every step, of one run or several."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import altair as alt

from rnngen.rendering.parts import STACKED, colour_of_run, logarithmic_axis, on_page, rows_of
from rnngen.runs.curves import SMALLEST
from rnngen.runs.steps import Steps

BINS = 300
FEW = 30  # columns with clipped steps up to which their dots are large, so that each is seen


def training_chart(runs: Sequence[tuple[str, Steps]]) -> dict[str, Any]:
    """Losses, and norms below them, of runs by name."""
    rows = _rows(runs)
    names = [name for name, _ in runs]
    losses = [row["loss"] for row in rows]
    wide = bool(losses) and max(losses) > 10 * max(min(losses), SMALLEST)
    upper = _band(rows, names, "loss", "nats per token", logarithmic=wide)
    chart = alt.vconcat(upper, _norms(rows, runs)).resolve_scale(color="shared")
    spec: dict[str, Any] = chart.to_dict()
    return spec


def gradient_norms(runs: Sequence[tuple[str, Steps]]) -> dict[str, Any] | None:
    """The norms alone, as wide as the page; None if no run has any."""
    rows = _rows(runs)
    if not rows:
        return None
    return on_page(_norms(rows, runs, legend=False), STACKED)


def _rows(runs: Sequence[tuple[str, Steps]]) -> list[dict[str, Any]]:
    """A row for each column of each run."""
    last = max((steps.last for _, steps in runs), default=0)
    return [
        {
            "run": name,
            "step": (each.first + each.last) / 2,
            **{
                f"{value}{suffix}": max(number, SMALLEST)
                for value, range_ in (("loss", each.loss), ("norm", each.norm))
                for suffix, number in (("_low", range_.low), ("", range_.median), ("_high", range_.high))
            },
            "clipped": each.clipped,
            "steps": each.steps,
        }
        for name, steps in runs
        for each in steps.bins(BINS, last)
        if each
    ]


def _norms(rows: list[dict[str, Any]], runs: Sequence[tuple[str, Steps]], *, legend: bool = True) -> Any:
    """Median and range of the norms, a dashed line where each run is clipped, and a dot on each clipped column."""
    names = [name for name, _ in runs]
    lines = [{"run": name, "clip": steps.clip} for name, steps in runs if math.isfinite(steps.clip)]
    chart = _band(rows, names, "norm", "norm of the gradient", logarithmic=True, legend=legend)
    marked = [row for row in rows if row["clipped"]]
    clipped = (
        alt.Chart(rows_of(marked))
        .mark_point(size=70 if len(marked) <= FEW else 14, filled=True, opacity=1)
        .encode(
            x="step:Q",
            y=alt.Y("norm_high:Q"),
            color=colour_of_run(names, legend=legend),
            tooltip=["run:N", "step:Q", "clipped:Q", "steps:Q", alt.Tooltip("norm_high:Q", format=".3g")],
        )
    )
    threshold = (
        alt.Chart(rows_of(lines))
        .mark_rule(strokeDash=[5, 4])
        .encode(y="clip:Q", color=colour_of_run(names, legend=legend))
    )
    return alt.layer(chart, clipped, threshold)


def _band(
    rows: list[dict[str, Any]], names: list[str], value: str, title: str, *, logarithmic: bool, legend: bool = True
) -> Any:
    """The median of each column as a line, in the range of its steps."""
    low, high = (
        end((row[f"{value}_{which}"] for row in rows), default=1.0) for end, which in ((min, "low"), (max, "high"))
    )
    axis = logarithmic_axis(low, high) if logarithmic else alt.Axis()
    scale = alt.Scale(type="log") if logarithmic else alt.Scale(zero=False)
    base = alt.Chart(rows_of(rows)).encode(x=alt.X("step:Q", title="step"), color=colour_of_run(names, legend=legend))
    band = base.mark_area(opacity=0.25).encode(
        y=alt.Y(f"{value}_low:Q", title=title, scale=scale, axis=axis), y2=f"{value}_high:Q"
    )
    line = base.mark_line().encode(y=alt.Y(f"{value}:Q"), tooltip=["run:N", "step:Q", f"{value}:Q"])
    return alt.layer(band, line).properties(height=STACKED)
