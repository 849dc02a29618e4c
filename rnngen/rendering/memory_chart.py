"""The chart of what networks remember: accuracy by distance, a line per run, and what would be right without memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rnngen.inspection.memory import Bin
from rnngen.rendering.charts import colour_of_run


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
    x = {"field": "distance", "type": "quantitative", "title": "distance in symbols", "scale": {"zero": False}}
    y = {"type": "quantitative", "title": "right, in %", "scale": {"domain": [0, 100]}}
    colour = colour_of_run(list(runs), legend=True).to_dict()
    return {
        "data": {"values": rows},
        "layer": [
            {
                "data": {"values": [{"chance": 100 * chance, "says": "without memory"}]},
                "encoding": {"y": {**y, "field": "chance"}},
                "layer": [
                    {"mark": {"type": "rule", "strokeDash": [5, 4], "color": "#4b5563"}},
                    {
                        "mark": {"type": "text", "align": "left", "dy": 9, "dx": 6, "x": 0, "color": "#4b5563"},
                        "encoding": {"text": {"field": "says"}},
                    },
                ],
            },
            {
                "mark": {"type": "rule", "opacity": 0.6},
                "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}, "color": colour},
            },
            {
                "mark": {"type": "line", "point": {"size": 50}},
                "encoding": {"x": x, "y": {**y, "field": "right"}, "color": colour},
            },
        ],
    }
