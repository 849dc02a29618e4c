"""Units along a text as a picture: lines of text, and below each token a cell whose colour is a value."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from rnngen.rendering.parts import rows_of
from rnngen.rendering.pictures import GRID, INK, PAPER

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
    x = alt.X("column:O", axis=None)
    axis = alt.Axis(
        title=None,
        labelExpr=f"{json.dumps(names, ensure_ascii=False)}[datum.value % {rows}]",
        ticks=False,
        domain=False,
        labelLimit=320,
        labelOverlap=False,
    )
    y = alt.Y("row:O", axis=axis, scale=alt.Scale(domain=list(range(lines * rows))))
    colour = alt.Color(
        "value:Q",
        title=None,
        scale=alt.Scale(domain=[-1, 0, 1], interpolate="rgb", range=["#2662c4", PAPER, "#c93426"]),
        legend=alt.Legend(orient="bottom", values=[-1, -0.5, 0, 0.5, 1]),
    )
    boxes = alt.Chart(rows_of(cells)).mark_rect(stroke=GRID, strokeWidth=0.5).encode(x=x, y=y, color=colour)
    words = alt.Chart(rows_of(texts)).mark_text(font="monospace", fontSize=11, color=INK)
    chart: dict[str, Any] = alt.layer(boxes, words.encode(x=x, y=y, text="text:N")).to_dict()
    return chart, lines * rows * ROW
