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
from rnngen.rendering.charts import colour_of_run
from rnngen.rendering.heat_maps import heat_map
from rnngen.rendering.memory_chart import memory_chart
from rnngen.rendering.pictures import check_picture, write_picture
from rnngen.rendering.softmax_chart import softmax_chart

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
    for layer in memory["layer"][1:]:
        assert layer["encoding"]["color"] == colour_of_run(["b", "a"], legend=True).to_dict()


@pytest.mark.parametrize("name", ["flow", "flow.pdf", "missing/flow.svg", "notes.svg", "folder.svg"])
def test_a_picture_overwrites_only_pictures(name: str, tmp_path: Path) -> None:
    (tmp_path / "notes.svg").write_text("my notes")
    (tmp_path / "folder.svg").mkdir()
    with pytest.raises(UsageError, match="picture"):
        check_picture(tmp_path / name)
