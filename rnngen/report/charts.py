"""The charts of the page, as Vega-Lite specifications. Their colours come from the page, which may be light or dark.

Vega stays although it brings a JavaScript engine, which is why reports are an extra: no lighter library draws bands and
logarithmic axes that adapt to the width of a phone, answer to a pointer and are redrawn for dark mode and for print.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np

from rnngen.inspection.gradients import SMALLEST, Flow
from rnngen.report.collect import RunReport

HEIGHT = 260
MAX_POINTS = 200


def learning_curves(reports: Sequence[RunReport]) -> dict[str, Any] | None:
    """The loss on the validation part over time, one line per run; None if no run was validated twice.

    The unit is nats per token or, if the runs' tokens differ, bits per character. A curve starts with the loss of the
    initial weights.
    """
    tokens = {(report.card.tokenizer, report.card.fingerprint) for report in reports}
    per_token = len(tokens) == 1 or any(report.card.characters_per_token is None for report in reports)
    rows = [
        {
            "run": report.name,
            "seconds": seconds,
            "loss": nats if per_token else nats / math.log(2) / (report.card.characters_per_token or 1),
        }
        for report in reports
        for seconds, nats in _thinned(report.card.curve)
        if len(report.card.curve) > 1
    ]
    if not rows:
        return None
    unit = reports[0].kind.prefix + ("nats per token" if per_token else "bits per character")
    return _finish(
        alt.Chart(alt.InlineData(values=rows))
        .mark_line(point=True)
        .encode(
            x=alt.X("seconds:Q", title="seconds of training"),
            y=alt.Y("loss:Q", title=unit, scale=alt.Scale(zero=False)),
            color=_colour("run"),
            tooltip=["run:N", alt.Tooltip("seconds:Q", format=".0f"), alt.Tooltip("loss:Q", format=".4f", title=unit)],
        )
    )


def gradient_flow(curves: Sequence[tuple[str, Flow]]) -> dict[str, Any] | None:
    """What is left of gradients by lag, as fractions of the median at lag 0, on a logarithmic scale.

    Args:
        curves: name → flow, of which the median is drawn, and the range from the 10th to the 90th percentile.
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
    names = [name for name, _ in curves]
    legend = alt.Legend(orient="top", columns=2, labelLimit=300)
    base = alt.Chart(alt.InlineData(values=rows)).encode(x=alt.X("lag:Q", title="lag i - j, in tokens"))
    scale = alt.Scale(type="log")
    axis = alt.Axis(labelExpr="datum.value < 0.01 || datum.value > 100 ? format(datum.value, '.0e') : datum.label")
    title = "fraction of the gradient at lag 0"
    band = base.mark_area(opacity=0.2).encode(
        y=alt.Y("low:Q", title=title, scale=scale, axis=axis),
        y2="high:Q",
        color=alt.Color("run:N", sort=names, legend=None),
    )
    line = base.mark_line().encode(
        y=alt.Y("median:Q", scale=scale),
        color=alt.Color("run:N", sort=names, title=None, legend=legend),
        tooltip=["run:N", "lag:Q", alt.Tooltip("median:Q", format=".2e")],
    )
    return _finish(alt.layer(band, line).resolve_legend(color="independent"))


def _colour(name: str) -> alt.Color:
    return alt.Color(f"{name}:N", title=None, legend=alt.Legend(orient="top", columns=2, labelLimit=300))


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    kept = np.unique(np.linspace(0, len(points) - 1, min(len(points), MAX_POINTS)).astype(int))
    return [points[i] for i in kept]


def _finish(chart: Any) -> dict[str, Any]:
    spec: dict[str, Any] = chart.properties(width="container", height=HEIGHT, background="transparent").to_dict()
    return spec
