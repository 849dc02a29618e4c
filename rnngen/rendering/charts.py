"""The charts of the page, as Vega-Lite specifications. Their colours come from the page, which may be light or dark.

Vega stays although it brings a JavaScript engine, which is why reports are an extra: no lighter library draws bands and
logarithmic axes that adapt to the width of a phone, answer to a pointer and are redrawn for dark mode and for print.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np

from rnngen.inspection.gradients import Flow
from rnngen.rendering.palette import letter
from rnngen.rendering.parts import colour_of_run, logarithmic_axis, on_page, rows_of
from rnngen.runs.compared import ComparedRun
from rnngen.runs.curves import AXES, SMALLEST, Axis, thinned, top_of

MAX_POINTS = 200
LETTER = 0.05  # height of a letter at the end of a curve, as a fraction of the chart's


def learning_curves(
    runs: Sequence[ComparedRun], axis: Axis = "seconds", among: Sequence[str] | None = None
) -> dict[str, Any] | None:
    """The loss of runs with one unit: on the validation part, and dashed that of the training steps.

    Every row of the data has the values of all axes, so that a page can draw the same chart against another one. The
    frame ends at the loss after a tenth of training; a letter is where each run's curve ends.

    Args:
        runs: whose scores have one unit.
        axis: what the curves are drawn against.
        among: the names of all runs whose colours are to be told apart; None: of these runs, with a legend.

    Returns:
        None if no run was validated twice.
    """
    drawn = [run for run in runs if len(run.validation.points) > 1]
    top = top_of(curve for run in drawn for curve in (run.validation, run.training))
    if top is None:
        return None
    unit, names = drawn[0].unit, list(among or [run.name for run in runs])
    colour = colour_of_run(names, legend=among is None)
    lowest = min(point["nats"] for run in drawn for curve in (run.validation, run.training) for point in curve.points)
    margin = 0.03 * (top - lowest)
    scale = alt.Scale(domain=[lowest - margin, top + margin], nice=False, zero=False)
    x = alt.X(f"{axis}:Q", title=AXES[axis])
    y = alt.Y("nats:Q", title=unit, scale=scale)

    def rows(curve: str) -> list[dict[str, Any]]:
        return [
            {"run": run.name, **{name: float(f"{value:.6g}") for name, value in point.items()}}
            for run in drawn
            for point in thinned(getattr(run, curve).points, MAX_POINTS)
        ]

    shown = alt.Tooltip("nats:Q", format=".4f", title=unit)
    tooltip = ["run:N", *(alt.Tooltip(f"{each}:Q", format=",.3~f") for each in AXES), shown]
    training = (
        alt.Chart(rows_of(rows("training")))
        .mark_line(clip=True, strokeDash=[4, 3], strokeWidth=1.2, opacity=0.75)
        .encode(x=x, y=y, color=colour)
    )
    validation = (
        alt.Chart(rows_of(rows("validation")))
        .mark_line(clip=True, point=alt.OverlayMarkDef(size=28))
        .encode(x=x, y=y, color=colour, tooltip=tooltip)
    )
    ends = sorted((run.validation.points[-1]["nats"], names.index(run.name), run) for run in drawn)
    places = _apart([nats for nats, *_ in ends if nats <= top], LETTER * (top - lowest))
    last = [
        {**run.validation.points[-1], "run": run.name, "letter": letter(number), "place": place}
        for (_, number, run), place in zip(ends, places, strict=False)
    ]
    labels = (
        alt.Chart(rows_of(last))
        .mark_text(align="left", dx=6, fontWeight="bold")
        .encode(x=x, y=alt.Y("place:Q", title=unit, scale=scale), color=colour, text="letter:N")
    )
    return on_page(alt.layer(training, validation, labels) if among else alt.layer(training, validation))


def _apart(values: Sequence[float], least: float) -> list[float]:
    """Places for values in rising order: each its own, or as far above the one before it as is needed."""
    places: list[float] = []
    for value in values:
        places.append(max(value, places[-1] + least) if places else value)
    return places


def gradient_flow(curves: Sequence[tuple[str, Flow]], among: Sequence[str] | None = None) -> dict[str, Any] | None:
    """What is left of gradients by lag, as fractions of the median at lag 0, on a logarithmic scale.

    Args:
        curves: name → flow, of which the median is drawn, and the range from the 10th to the 90th percentile.
        among: the names of all runs whose colours are to be told apart; None: of these curves, with a legend.
    """
    rows = [
        {"run": name, "lag": lag, "median": median, "low": max(low, SMALLEST), "high": max(high, SMALLEST)}
        for name, flow in curves
        if flow.median[0] > 0
        for lag, (median, low, high) in enumerate(
            (np.stack([flow.median, flow.low, flow.high], axis=1) / flow.median[0]).tolist()
        )
        if SMALLEST <= median <= 1 / SMALLEST and np.isfinite([low, high]).all()
    ]
    if not rows:
        return None
    names = list(among or [name for name, _ in curves])
    base = alt.Chart(rows_of(rows)).encode(x=alt.X("lag:Q", title="lag i - j, in tokens"))
    scale = alt.Scale(type="log")
    title = "fraction of the gradient at lag 0"
    axis = logarithmic_axis(min(row["low"] for row in rows), max(row["high"] for row in rows))
    band = base.mark_area(opacity=0.2).encode(
        y=alt.Y("low:Q", title=title, scale=scale, axis=axis), y2="high:Q", color=colour_of_run(names)
    )
    line = base.mark_line().encode(
        y=alt.Y("median:Q", scale=scale),
        color=colour_of_run(names, legend=among is None),
        tooltip=["run:N", "lag:Q", alt.Tooltip("median:Q", format=".2e")],
    )
    return on_page(alt.layer(band, line).resolve_legend(color="independent"))
