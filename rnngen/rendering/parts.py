"""What charts share: their sizes, the colours of runs, and logarithmic axes.

Charts are made with Altair, which checks them; ``on_page`` and ``pictures.py`` take them as Vega-Lite specifications.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import altair as alt

HEIGHT = 260  # pixels of the axes on a page; the width is that of the page
STACKED = 220  # of each of two charts, one above the other
MOST_DECADES = 10  # lines on a logarithmic axis
FEW_DECADES = 2  # up to which there are lines at 2 and 5 times a power of ten too


def on_page(chart: Any, height: int = HEIGHT) -> dict[str, Any]:
    """The specification of a chart that is as wide as its place on the page."""
    spec: dict[str, Any] = chart.properties(width="container", height=height, background="transparent").to_dict()
    return spec


def rows_of(rows: Sequence[Any]) -> alt.InlineData:
    """Data that stands in the chart itself."""
    return alt.InlineData(values=list(rows))


def colour_of_run(names: Sequence[str], *, legend: bool = False) -> alt.Color:
    """The colour of each run: the n-th name has the n-th colour of the palette, in every chart."""
    shown = alt.Legend(orient="top", columns=2, labelLimit=300) if legend else None
    return alt.Color("run:N", title=None, scale=alt.Scale(domain=list(names)), legend=shown)


def logarithmic_axis(low: float, high: float) -> alt.Axis:
    """An axis with a line at each power of ten, or at fewer of them if they are many, or at more values if few.

    Args:
        low: the lowest value, above 0.
        high: the highest.
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    every = 1 + (last - first) // MOST_DECADES
    factors = (1, 2, 5) if last - first <= FEW_DECADES else (1,)
    values = [factor * 10.0**exponent for exponent in range(first, last + 1, every) for factor in factors]
    small_or_large = "datum.value < 0.01 || datum.value > 1000"
    return alt.Axis(
        values=[value for value in values if value <= 10.0**last],
        labelExpr=f"{small_or_large} ? format(datum.value, '.0e') : format(datum.value, '~g')",
    )
