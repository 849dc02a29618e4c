"""Charts are written as pictures, and overwrite nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import altair
import numpy as np
import pytest
import vl_convert

from rnngen.errors import UsageError
from rnngen.inspection.memory import Bin
from rnngen.rendering.heat_maps import heat_map
from rnngen.rendering.memory_chart import memory_chart
from rnngen.rendering.parts import colour_of_run, logarithmic_axis
from rnngen.rendering.pictures import check_picture, write_picture
from rnngen.rendering.softmax_chart import softmax_chart
from rnngen.rendering.training_chart import BINS, FEW, gradient_norms
from tests.runs.test_steps import made

CHART = {
    "data": {"values": [{"lag": 0, "norm": 1.0, "run": "a"}, {"lag": 9, "norm": 0.1, "run": "b"}]},
    "mark": "line",
    "encoding": {
        "x": {"field": "lag", "type": "quantitative"},
        "y": {"field": "norm", "type": "quantitative"},
        "color": {"field": "run", "type": "nominal"},
    },
}


def test_a_picture_has_its_title_and_the_names_of_its_lines(tmp_path: Path) -> None:
    write_picture(CHART, "Gradients < by lag", tmp_path / "flow.svg", "two networks")
    texts = {text.text for text in ElementTree.parse(tmp_path / "flow.svg").iter("{http://www.w3.org/2000/svg}text")}
    assert texts >= {"Gradients < by lag", "two networks", "lag", "norm", "a", "b"}
    write_picture(CHART, "", tmp_path / "flow.PNG")
    assert (tmp_path / "flow.PNG").read_bytes().startswith(b"\x89PNG")
    write_picture(CHART, "again", tmp_path / "flow.svg")
    assert "again" in (tmp_path / "flow.svg").read_text()


def test_every_chart_has_one_version_and_runs_have_their_colours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[dict[str, Any]] = []
    monkeypatch.setattr(vl_convert, "vegalite_to_svg", lambda chart: written.append(chart) or "<svg")
    memory = memory_chart({"b": [Bin(1, 5, 9, 10), Bin(6, 9, 5, 10)], "a": [Bin(1, 5, 3, 10)]}, 0.25)
    softmax = softmax_chart([("e", [0.5, 0.4])], [1.0, 2.0])
    units, _ = heat_map("abc", {"unit": np.zeros(3)})
    for chart in (memory, softmax, units):
        write_picture(chart, "", tmp_path / "x.svg")
        altair.Chart.from_dict({**chart, "$schema": altair.SCHEMA_URL})  # which validates it
    assert [chart["$schema"] for chart in written] == [altair.SCHEMA_URL] * 3
    for layer in memory["layer"][2:]:  # after the line that no run has, and its text
        assert layer["encoding"]["color"] == colour_of_run(["b", "a"], legend=True).to_dict()


@pytest.mark.parametrize("name", ["flow", "flow.pdf", "missing/flow.svg", "notes.svg", "folder.svg"])
def test_a_picture_overwrites_only_pictures(name: str, tmp_path: Path) -> None:
    (tmp_path / "notes.svg").write_text("my notes")
    (tmp_path / "folder.svg").mkdir()
    with pytest.raises(UsageError, match="picture"):
        check_picture(tmp_path / name)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.15, 0.9, [0.1, 0.2, 0.5, 1.0]),
        (0.002, 30.0, [0.001, 0.01, 0.1, 1.0, 10.0, 100.0]),
        (1e-12, 1.0, [1e-12, 1e-10, 1e-8, 1e-6, 1e-4, 1e-2, 1.0]),
        (1.0, 1.0, [1.0]),
    ],
)
def test_a_logarithmic_axis_has_round_values(low: float, high: float, expected: list[float]) -> None:
    assert logarithmic_axis(low, high).to_dict()["values"] == pytest.approx(expected)


@pytest.mark.parametrize(("clipped", "is_large"), [(1, True), (FEW, True), (FEW + 1, False)])
def test_few_clipped_steps_have_dots_that_are_seen(clipped: int, is_large: bool) -> None:
    steps = made([2.0] * clipped + [0.5] * (BINS - clipped))
    chart = gradient_norms([("a", steps)])
    assert chart is not None
    (dots,) = (layer for layer in chart["layer"] if layer.get("mark", {}).get("type") == "point")
    assert len(chart["datasets"][dots["data"]["name"]]) == clipped
    assert (dots["mark"]["size"] >= 50) is is_large
