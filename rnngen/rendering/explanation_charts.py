"""The charts of explanations: shares of the nats, reliability, and loss against the length of context.

Each takes several runs by name and has the conventions of ``charts.py``: with ``among``, the names of all runs of a
page, colours are those of the page and there is no legend.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from rnngen.evaluation.explanation.explanation import Explanation
from rnngen.evaluation.explanation.groups import Group
from rnngen.rendering.parts import STACKED, colour_of_run, on_page, rows_of

Explained = Sequence[tuple[str, Explanation]]
"""Name of a run → what explains its score."""
_ROW = 26  # pixels of a row of bars of one run
_TICKS = 6  # or about as many
_BAR = 11  # more for each further run


def share_of_nats(explained: Explained, by: str, among: Sequence[str] | None = None) -> tuple[Any, int] | None:
    """Bars: the share of all nats that each group of tokens has; a mark: its share of the tokens.

    Args:
        explained: of runs.
        by: ``kind`` or ``frequency``.
        among: see above.

    Returns:
        The chart and its height; None if there are no groups.
    """
    rows: list[dict[str, Any]] = [
        {
            "run": name,
            "group": group.name,
            "nats": each.share_of_nats(group),
            "tokens": group.tokens / each.all.tokens,
            "each": group.nats_per_token,
        }
        for name, each in explained
        for group in _groups(each, by)
    ]
    if not rows:
        return None
    groups, names = list(dict.fromkeys(row["group"] for row in rows)), [name for name, _ in explained]
    if by == "frequency":
        groups.sort(key=lambda group: int(group.partition("–")[0].replace(",", "")))
    title = "kind of token" if by == "kind" else "times seen in training"
    base = alt.Chart(rows_of(rows)).encode(
        y=alt.Y("group:N", title=title, sort=groups, scale=alt.Scale(domain=groups)),
        yOffset=alt.YOffset("run:N", sort=names, scale=alt.Scale(domain=names)),
        color=colour_of_run(among or names, legend=among is None),
        tooltip=[
            "run:N",
            "group:N",
            alt.Tooltip("nats:Q", title="of the nats", format=".1%"),
            alt.Tooltip("tokens:Q", title="of the tokens", format=".1%"),
            alt.Tooltip("each:Q", title=explained[0][1].unit, format=".3f"),
        ],
    )
    axis = alt.Axis(format="%", tickCount=_TICKS)
    bars = base.mark_bar(opacity=0.5).encode(
        x=alt.X("nats:Q", title="share of the nats; mark: of the tokens", axis=axis)
    )
    marks = base.mark_tick(thickness=3).encode(x=alt.X("tokens:Q", axis=axis))
    return alt.layer(bars, marks), len(groups) * (_ROW + _BAR * (len(names) - 1))


def _groups(explained: Explanation, by: str) -> Sequence[Group]:
    return explained.kinds if by == "kind" else explained.frequencies or ()


def reliability(explained: Explained, among: Sequence[str] | None = None) -> Any:
    """How often the most likely token came, by its probability; dashed: as often as the model said."""
    rows = [
        {"run": name, "confidence": each.confidence, "right": each.accuracy, "tokens": each.tokens}
        for name, explanation in explained
        for each in explanation.calibration.bins()
    ]
    scale, axis = alt.Scale(domain=[0, 1]), alt.Axis(format="%", tickCount=_TICKS)
    x = alt.X("confidence:Q", title="probability of the most likely token (its confidence)", scale=scale, axis=axis)
    y = alt.Y("right:Q", title="how often it was right", scale=scale, axis=axis)
    line = (
        alt.Chart(rows_of(rows))
        .mark_line(point=alt.OverlayMarkDef(size=28))
        .encode(
            x=x,
            y=y,
            color=colour_of_run(among or [name for name, _ in explained], legend=among is None),
            tooltip=[
                "run:N",
                alt.Tooltip("confidence:Q", format=".1%"),
                alt.Tooltip("right:Q", format=".1%"),
                alt.Tooltip("tokens:Q", format=","),
            ],
        )
    )
    ideal = alt.Chart(rows_of([{"confidence": 0, "right": 0}, {"confidence": 1, "right": 1}]))
    return alt.layer(ideal.mark_line(strokeDash=[4, 4], strokeWidth=1, color="#888888").encode(x=x, y=y), line)


def context(explained: Explained, among: Sequence[str] | None = None) -> Any | None:
    """Loss against the length of context; dashed: of n-gram models. None if no run has one."""
    curves = [(name, each.context) for name, each in explained if each.context is not None]
    if not curves:
        return None
    rows: list[dict[str, Any]] = [
        {"run": name, "tokens": each.tokens, "nats": each.nats_per_token, "ngram": each.ngram}
        for name, curve in curves
        for each in curve.lengths
    ]
    lengths = [1 << power for power in range(max(row["tokens"] for row in rows).bit_length())]
    sides = " on each side" if any(curve.both_sides for _, curve in curves) else ""
    x = alt.X(
        "tokens:Q",
        title=f"tokens of context{sides}",
        scale=alt.Scale(type="log", base=2),
        axis=alt.Axis(values=lengths, format="d"),
    )
    unit, scale = explained[0][1].unit, alt.Scale(zero=False)
    title = f"{unit}; dashed: n-gram" if any(row["ngram"] is not None for row in rows) else unit
    colour = colour_of_run(among or [name for name, _ in explained], legend=among is None)
    base = alt.Chart(rows_of(rows)).encode(x=x, color=colour)
    line = base.mark_line(point=alt.OverlayMarkDef(size=28)).encode(
        y=alt.Y("nats:Q", title=title, scale=scale),
        tooltip=["run:N", "tokens:Q", alt.Tooltip("nats:Q", format=".4f", title=unit)],
    )
    ngram = (
        base.transform_filter("datum.ngram !== null")
        .mark_line(strokeDash=[4, 3], strokeWidth=1.2)
        .encode(y=alt.Y("ngram:Q", title=title, scale=scale))
    )
    return alt.layer(ngram, line)


def page_charts(explained: Explained, among: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The charts of a page, by name."""
    charts = {}
    for by in ("kind", "frequency"):
        found = share_of_nats(explained, by, among)
        if found is not None:
            charts[by] = on_page(*found)
    charts["reliability"] = on_page(reliability(explained, among))
    if (curve := context(explained, among)) is not None:
        charts["context"] = on_page(curve)
    return charts


def explanation_picture(explanation: Explanation, name: str) -> dict[str, Any]:
    """All charts of one run, one above the other."""
    explained, names = [(name, explanation)], [name]
    parts = [share_of_nats(explained, by, names) for by in ("kind", "frequency")]
    charts = [chart.properties(height=height) for chart, height in filter(None, parts)]
    charts += [
        chart.properties(height=STACKED)
        for chart in (reliability(explained, names), context(explained, names))
        if chart is not None
    ]
    spec: dict[str, Any] = alt.vconcat(*charts).to_dict()
    return spec
