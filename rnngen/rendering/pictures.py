"""Charts as pictures: files that a page of documentation, a lecture or a paper can show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rnngen.errors import UsageError
from rnngen.rendering.palette import LIGHT
from rnngen.runs.folder import write_atomically

WIDTH, HEIGHT = 640, 320  # pixels of the axes
SCALE = 2.0  # pixels of a bitmap per pixel of the chart
INK, PALE, GRID, PAPER = "#1f2937", "#4b5563", "#e5e7eb", "#ffffff"
COLOURS = LIGHT
_BEGINNINGS = {".svg": b"<svg", ".png": b"\x89PNG"}


def check_picture(out: Path) -> None:
    """Check that a picture can be written, before what takes long is computed.

    Raises:
        UsageError: the name is not that of a picture, or something else is there.
        RnngenError: the packages for it are not installed.
    """
    from rnngen.rendering import check_installed

    check_installed()
    begins = _BEGINNINGS.get(out.suffix.lower())
    if begins is None:
        raise UsageError(
            "`picture` is not the name of a picture", expected="a name that ends in .svg or .png", found=out
        )
    if not out.parent.is_dir() or (out.exists() and not out.is_file()):
        raise UsageError("`picture` cannot be written", expected="a file in an existing folder", found=out)
    if not out.exists():
        return
    with out.open("rb") as file:
        is_picture = file.read(len(begins)) == begins
    if not is_picture:
        raise UsageError(
            "`picture` names a file that is not a picture", expected="a picture, or an unused name", found=out
        )


def write_picture(chart: dict[str, Any], title: str, out: Path, subtitle: str = "", height: int = HEIGHT) -> None:
    """Write a chart to a file, on white, with its title.

    Args:
        chart: a Vega-Lite specification, as those of ``charts.py``; one without a version has Altair's.
        title: what the picture shows, in one line.
        out: an .svg or .png file.
        subtitle: of what, and how it was made: a second line.
        height: of the axes, in pixels.

    Raises:
        UsageError: see ``check_picture``.
        CheckpointError: the file cannot be written.
    """
    import vl_convert
    from altair import SCHEMA_URL

    check_picture(out)
    axis = {"labelColor": INK, "titleColor": INK, "gridColor": GRID, "domainColor": PALE, "tickColor": PALE}
    parts = chart.get("vconcat")  # charts above one another have heights of their own
    size = {"vconcat": [{**part, "width": WIDTH} for part in parts]} if parts else {"width": WIDTH, "height": height}
    specification = {
        "$schema": SCHEMA_URL,
        **chart,
        **size,
        "background": PAPER,
        "padding": 14,
        "title": {
            "text": title,
            **({"subtitle": subtitle} if subtitle else {}),
            "anchor": "start",
            "frame": "group",
            "fontSize": 15,
            "subtitleFontSize": 12,
            "color": INK,
            "subtitleColor": PALE,
            "offset": 10,
        },
        "config": {
            "font": "Helvetica, Arial, sans-serif",
            "view": {"stroke": None},
            "axis": {**axis, "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal"},
            "legend": {
                "labelColor": INK,
                "titleColor": INK,
                "labelFontSize": 12,
                "labelLimit": 400,
                "symbolOpacity": 1,
            },
            "range": {"category": list(COLOURS)},
        },
    }
    if out.suffix.lower() == ".png":
        content: bytes = vl_convert.vegalite_to_png(specification, scale=SCALE)
    else:
        content = vl_convert.vegalite_to_svg(specification).encode()
    write_atomically(out, content)
