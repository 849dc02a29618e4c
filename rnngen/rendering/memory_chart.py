"""The chart of what networks remember: accuracy by distance, a line per run, and what would be right without memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from rnngen.inspection.memory import Bin
from rnngen.rendering.parts import colour_of_run, rows_of
from rnngen.rendering.pictures import PALE


def memory_chart(runs: Mapping[str, Sequence[Bin]], chance: float) -> dict[str, Any]:
    """A Vega-Lite specification of accuracies by distance, with their intervals.

    Args:
        runs: name → its accuracies.
        chance: the accuracy without memory.
    """
    rows = [
        {
            "run": name,
            "distance": (each.first + each.last) / 2,
            "right": 100 * each.accuracy,
            "low": 100 * each.interval[0],
            "high": 100 * each.interval[1],
        }
        for name, bins in runs.items()
        for each in bins
    ]
    x = alt.X("distance:Q", title="distance in symbols", scale=alt.Scale(zero=False))
    title, scale = "right, in %", alt.Scale(domain=[0, 100])
    base = alt.Chart(rows_of(rows)).encode(x=x, color=colour_of_run(list(runs), legend=True))
    intervals = base.mark_rule(opacity=0.6).encode(y=alt.Y("low:Q", title=title, scale=scale), y2="high:Q")
    lines = base.mark_line(point=alt.OverlayMarkDef(size=50)).encode(y=alt.Y("right:Q", title=title, scale=scale))
    without = alt.Chart(rows_of([{"chance": 100 * chance, "says": "without memory"}])).encode(
        y=alt.Y("chance:Q", title=title, scale=scale)
    )
    line = without.mark_rule(strokeDash=[5, 4], color=PALE)
    says = without.mark_text(align="left", dx=6, dy=9, x=0, color=PALE).encode(text="says:N")
    spec: dict[str, Any] = alt.layer(line, says, intervals, lines).to_dict()
    return spec
