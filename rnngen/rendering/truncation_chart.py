"""The chart of ``rnngen inspect truncation``: angles of the gradients, and below them nats per token, by window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import altair as alt

from rnngen.rendering.parts import STACKED, rows_of

if TYPE_CHECKING:
    from rnngen.inspection.truncation import Truncation

CARRIED = "state carried on"


def truncation_chart(measured: Sequence[Truncation]) -> dict[str, Any]:
    """Two charts with one axis of window lengths, which is logarithmic."""
    angles, nats = [], []
    for each in measured:
        of = f" ({each.direction})" if each.direction else ""
        for windows in each.lengths:
            k = windows.bptt
            angles += [
                {"k": k, "what": f"{name}{of}", "angle": deviation.angle}
                for name, deviation in (
                    ("all weights", windows.everything),
                    ("recurrent weights alone", windows.recurrent),
                )
            ]
            nats += [
                {"k": k, "what": f"{name}{of}", "nats": value}
                for name, value in (("state reset every k tokens", windows.reset_nats), (CARRIED, each.nats))
            ]
    upper = _lines(angles, "angle", "degrees from the untruncated gradient", zero=True)
    lower = _lines(nats, "nats", "nats per token", zero=False)
    spec: dict[str, Any] = alt.vconcat(upper, lower).resolve_scale(color="independent").to_dict()
    return spec


def _lines(rows: list[dict[str, Any]], value: str, title: str, *, zero: bool) -> Any:
    names = list(dict.fromkeys(row["what"] for row in rows))
    lengths = sorted({row["k"] for row in rows})
    return (
        alt.Chart(rows_of(rows))
        .mark_line(point=True)
        .encode(
            x=alt.X(
                "k:Q", title="tokens per window, k", scale=alt.Scale(type="log", base=2), axis=alt.Axis(values=lengths)
            ),
            y=alt.Y(f"{value}:Q", title=title, scale=alt.Scale(zero=zero)),
            color=alt.Color(
                "what:N",
                title=None,
                scale=alt.Scale(domain=names),
                legend=alt.Legend(orient="top", columns=2, labelLimit=300),
            ),
        )
        .properties(height=STACKED)
    )
