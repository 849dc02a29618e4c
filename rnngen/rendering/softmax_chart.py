"""The chart of softmax distributions: how likely each token is, at several temperatures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from rnngen.rendering.parts import rows_of


def softmax_chart(rows: Sequence[tuple[str, Sequence[float]]], temperatures: Sequence[float]) -> dict[str, Any]:
    """A Vega-Lite specification with a group of bars per token.

    Args:
        rows: token → its probability at each temperature.
        temperatures: of the softmax.
    """
    names = [f"temperature {temperature:g}" for temperature in temperatures]
    values = [
        {"token": token, "temperature": name, "probability": probability}
        for token, probabilities in rows
        for name, probability in zip(names, probabilities, strict=True)
    ]
    tokens = [token for token, _ in rows]
    chart = (
        alt.Chart(rows_of(values))
        .mark_bar()
        .encode(
            x=alt.X("token:N", sort=tokens, title=None, axis=alt.Axis(labelAngle=0)),
            xOffset=alt.XOffset("temperature:N", sort=names),
            y=alt.Y("probability:Q", title="probability"),
            color=alt.Color("temperature:N", sort=names, title=None, legend=alt.Legend(orient="top")),
        )
    )
    spec: dict[str, Any] = chart.to_dict()
    return spec
