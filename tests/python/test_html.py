"""Charts and tables for notebooks."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest

from rnngen.python.html import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, chart, table
from rnngen.rendering.palette import EITHER

SVG = "{http://www.w3.org/2000/svg}"


def drawn(svg: str) -> list[list[tuple[float, float]]]:
    """The points of each line, in pixels."""
    lines = ElementTree.fromstring(svg).iter(f"{SVG}polyline")
    return [[tuple(map(float, point.split(","))) for point in line.attrib["points"].split()] for line in lines]  # type: ignore[misc]


def test_points_lie_where_their_values_say() -> None:
    (points,) = drawn(chart({"a": [(0, 10), (5, 20), (10, 40)]}, "x", "y"))
    (x0, y0), (x1, y1), (x2, y2) = points
    assert LEFT < x0 < x1 < x2 < WIDTH - RIGHT
    assert HEIGHT - BOTTOM > y0 > y1 > y2 > TOP
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2)
    assert (y1 - y2) == pytest.approx(2 * (y0 - y1), abs=0.3)


def test_ticks_stand_at_their_values() -> None:
    svg = chart({"a": [(0, 1), (10, 3)]}, "x", "y")
    ((_, y_low), (_, y_high)), *_ = drawn(svg)
    found = {text: float(y) - 4 for y, text in re.findall(r'y="([\d.]+)" text-anchor="end">(\d[\d.]*)<', svg)}
    assert len(found) >= 3
    for text, y in found.items():
        assert y == pytest.approx(y_low + (float(text) - 1) / 2 * (y_high - y_low), abs=0.3)


def test_a_logarithmic_axis_has_equal_distances_for_equal_factors() -> None:
    svg = chart({"a": [(0, 1.0), (1, 1e-2), (2, 1e-4), (3, 0.0)]}, "x", "y", logarithmic=True)
    ((_, a), (_, b), (_, c)), *_ = drawn(svg)
    assert b - a == pytest.approx(c - b, abs=0.2)
    assert ">0.01<" in svg


@pytest.mark.parametrize("ends", [(0.3, 1.0), (2.0, 30.0), (1e-4, 1.0), (1e-6, 1e3), (0.9, 1.0)])
def test_a_logarithmic_tick_stands_at_the_value_that_it_says(ends: tuple[float, float]) -> None:
    svg = chart({"a": [(0, ends[0]), (1, ends[1])]}, "x", "y", logarithmic=True)
    ((_, y_low), (_, y_high)), *_ = drawn(svg)
    found = [(float(text), float(y) - 4) for y, text in re.findall(r'y="([\d.]+)" text-anchor="end">([^<]+)<', svg)]
    assert 2 <= len(found) <= 8
    for value, y in found:
        share = math.log(value / ends[0]) / math.log(ends[1] / ends[0])
        assert y == pytest.approx(y_low + share * (y_high - y_low), abs=0.2)


def test_the_legend_is_short_and_above_the_curves() -> None:
    long = "checkpoints/" + "long" * 40 + "-7"
    svg = ElementTree.fromstring(chart({long: [(0, 1), (1, 2)], "b": [(0, 2), (1, 3)]}, "x", "y"))
    named = {text.text: float(text.attrib["y"]) for text in svg.findall(f"{SVG}text")}
    (name, _), (plot,) = named, svg.findall(f"{SVG}g")
    assert name is not None
    assert len(name) <= 56
    assert name.startswith("checkpoints/long")
    assert name.endswith("-7")
    assert max(named.values()) < float(plot.attrib["transform"].split()[1].rstrip(")")) + TOP


def test_what_is_not_finite_is_left_out_and_nothing_is_drawn_of_one_point() -> None:
    ((_, _), (_, _)), *_ = drawn(chart({"a": [(0, 1), (1, math.nan), (2, math.inf), (3, 2)]}, "x", "y"))
    assert chart({"a": [(0, 1)], "b": []}, "x", "y") == ""
    assert chart({}, "x", "y") == ""
    assert drawn(chart({"a": [(0, 5), (1, 5)]}, "x", "y"))


def test_a_long_curve_is_thinned_and_keeps_its_ends() -> None:
    (points,) = drawn(chart({"a": [(x, x) for x in range(10_001)]}, "x", "y"))
    whole, *_ = drawn(chart({"a": [(0, 0), (10_000, 10_000)]}, "x", "y"))
    assert len(points) <= 301
    assert (points[0], points[-1]) == (whole[0], whole[-1])


def test_names_cannot_break_out() -> None:
    evil = '<img src=x onerror="alert(1)">'
    assert "<img" not in chart({evil: [(0, 1), (1, 2)]}, evil, evil)
    assert "<img" not in table([[evil, evil]], [evil, evil])


def luminance(colour: str) -> float:
    """The relative luminance of WCAG 2."""
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    r, g, b = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


@pytest.mark.parametrize("colour", EITHER)
def test_lines_are_seen_on_light_and_on_dark_pages(colour: str) -> None:
    light, dark, own = luminance("#ffffff"), luminance("#111111"), luminance(colour)
    assert (light + 0.05) / (own + 0.05) >= 3
    assert (own + 0.05) / (dark + 0.05) >= 3
