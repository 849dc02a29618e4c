"""Curves in characters: each has the letter that it has everywhere, and what cannot be drawn is said."""

from __future__ import annotations

import io
import itertools
from typing import Any

import pytest
from rich.color import Color

from rnngen.cli.console import Console
from rnngen.cli.plots import write_plot
from rnngen.cli.training import MOST, charts
from rnngen.plaintext.plots import curve_colour
from rnngen.rendering.palette import EITHER, NOT_DRAWN, letter
from tests.cli.test_screen import Terminal
from tests.runs.test_steps import made

CURVES = {f"run {number}": [(0.0, 1.0 + number), (1.0, 2.0 + number)] for number in range(60)}
LEGEND = [
    f"{letter(number)} {name}" if number < 52 else f"{number + 1} {name} ({NOT_DRAWN})"
    for number, name in enumerate(CURVES)
]


def plotted(curves: dict[str, list[tuple[float, float]]], **options: Any) -> list[str]:
    """The lines of a chart."""
    out = io.StringIO()
    write_plot(Console(out, None), curves, "x", "y", **options)
    return out.getvalue().splitlines()


@pytest.mark.parametrize("logarithmic", [False, True])
def test_curves_without_a_letter_are_named_as_not_drawn(logarithmic: bool) -> None:
    assert plotted(CURVES, logarithmic=logarithmic)[-60:] == LEGEND
    numbers = {name: number for number, name in enumerate(CURVES)}
    assert plotted(CURVES, logarithmic=logarithmic, numbers=numbers)[-60:] == LEGEND


def test_letters_that_are_known_from_elsewhere_are_kept() -> None:
    drawn = plotted({"run 30": CURVES["run 30"]}, numbers={"run 30": 30})
    assert drawn[-1] == "E run 30"
    assert "E" in "".join(drawn[:-1])


def test_a_single_value_has_a_narrow_axis() -> None:
    lines = plotted({"a": [(12.5, 2.5)], "b": [(12.5, 2.5)]})
    marks = [float(line.partition("┤")[0]) for line in lines if "┤" in line]
    assert 2.4 < min(marks) < 2.5 < max(marks) < 2.6
    steps = next(after for line, after in itertools.pairwise(lines) if line.lstrip().startswith("└"))
    assert (float(steps.split()[0]), float(steps.split()[-1])) == (0, 12.5)


def test_curves_have_the_colours_of_their_runs_where_the_terminal_has_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    screen = Terminal()
    write_plot(Console(screen, None), {"run 3": [(0.0, 1.0), (1.0, 2.0)]}, "x", "y", numbers={"run 3": 3})
    told = screen.getvalue()
    assert f"\x1b[38;5;{curve_colour(3)}md \x1b[0mrun 3" in told  # in the legend
    assert f"\x1b[38;5;{curve_colour(3)}md\x1b[0m" in told  # and in the chart
    monkeypatch.setenv("NO_COLOR", "1")
    screen = Terminal()
    write_plot(Console(screen, None), {"run 3": [(0.0, 1.0), (1.0, 2.0)]}, "x", "y")
    assert "\x1b" not in screen.getvalue()


def test_training_charts_name_the_runs_that_they_do_not_draw() -> None:
    runs = [(f"run {number}", made([0.1, 2.0])) for number in range(MOST + 2)]
    drawn = charts(runs)
    assert "z run 25\nnot drawn, for lack of letters: run 26, run 27\n" in drawn
    assert "not drawn" not in charts(runs[:MOST])


@pytest.mark.parametrize(("number", "colour"), [*enumerate(EITHER), (len(EITHER), EITHER[0])])
def test_curves_on_a_terminal_have_the_colours_of_pictures(number: int, colour: str) -> None:
    shown, exact = Color.from_ansi(curve_colour(number)).get_truecolor(), Color.parse(colour).get_truecolor()
    assert max(abs(one - other) for one, other in zip(shown, exact, strict=True)) < 48
