"""The chart of softmax distributions: how likely each token is, at several temperatures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


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
    token = {"field": "token", "type": "nominal", "sort": [token for token, _ in rows], "title": None}
    colour = {"field": "temperature", "type": "nominal", "sort": names, "title": None, "legend": {"orient": "top"}}
    return {
        "data": {"values": values},
        "mark": "bar",
        "encoding": {
            "x": {**token, "axis": {"labelAngle": 0}},
            "xOffset": {"field": "temperature", "sort": names},
            "y": {"field": "probability", "type": "quantitative", "title": "probability"},
            "color": colour,
        },
    }
