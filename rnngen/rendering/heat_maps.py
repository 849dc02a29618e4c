"""Units along a text as a picture: lines of text, and below each token a cell whose colour is a value."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

COLUMNS = 64  # of single characters
ROW = 13  # pixels
_LONGEST = 12  # characters of a token that are drawn


def heat_map(pieces: Sequence[str], series: Mapping[str, NDArray[np.floating[Any]]]) -> tuple[dict[str, Any], int]:
    """A chart of values along a text: white is 0, red positive, blue negative; a series beyond ±1 is scaled to ±1.

    Args:
        pieces: the text of each token, (T,).
        series: name → values after each token, (T,).

    Returns:
        A Vega-Lite specification, and the height of its axes in pixels.
    """
    size = max(1, round(float(np.mean([min(_LONGEST, len(piece)) for piece in pieces]))))
    columns, rows = max(8, COLUMNS // size), len(series) + 2  # the text above, and a gap below
    names = ["", *series, ""]
    cells, texts = [], []
    for t, piece in enumerate(pieces):
        line, column = divmod(t, columns)
        texts.append({"column": column, "row": line * rows, "text": piece[:_LONGEST].replace("\n", "↵")})
        for number, values in enumerate(series.values(), start=1):
            top = max(1.0, float(np.abs(values).max()))
            cells.append({"column": column, "row": line * rows + number, "value": float(values[t]) / top})
    lines = -(-len(pieces) // columns)
    x = {"field": "column", "type": "ordinal", "axis": None}
    label = f"{json.dumps(names, ensure_ascii=False)}[datum.value % {rows}]"
    axis = {
        "title": None,
        "labelExpr": label,
        "ticks": False,
        "domain": False,
        "labelLimit": 320,
        "labelOverlap": False,
    }
    y = {"field": "row", "type": "ordinal", "axis": axis, "scale": {"domain": list(range(lines * rows))}}
    colour = {
        "field": "value",
        "type": "quantitative",
        "title": None,
        "scale": {"domain": [-1, 0, 1], "interpolate": "rgb", "range": ["#2662c4", "#ffffff", "#c93426"]},
        "legend": {"orient": "bottom", "values": [-1, -0.5, 0, 0.5, 1]},
    }
    chart = {
        "layer": [
            {
                "data": {"values": cells},
                "mark": {"type": "rect", "stroke": "#e5e7eb", "strokeWidth": 0.5},
                "encoding": {"x": x, "y": y, "color": colour},
            },
            {
                "data": {"values": texts},
                "mark": {"type": "text", "font": "monospace", "fontSize": 11, "color": "#1f2937"},
                "encoding": {"x": x, "y": y, "text": {"field": "text"}},
            },
        ]
    }
    return chart, lines * rows * ROW
