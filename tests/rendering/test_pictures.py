"""Charts are written as pictures, and overwrite nothing else."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from rnngen.errors import UsageError
from rnngen.rendering.pictures import check_picture, write_picture

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


@pytest.mark.parametrize("name", ["flow", "flow.pdf", "missing/flow.svg", "notes.svg", "folder.svg"])
def test_a_picture_overwrites_only_pictures(name: str, tmp_path: Path) -> None:
    (tmp_path / "notes.svg").write_text("my notes")
    (tmp_path / "folder.svg").mkdir()
    with pytest.raises(UsageError, match="picture"):
        check_picture(tmp_path / name)
