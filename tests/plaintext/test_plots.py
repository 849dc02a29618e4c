"""Curves in characters: each has the letter that it has everywhere, and what cannot be drawn is said."""

from __future__ import annotations

import io

import pytest
from rich.color import Color

from rnngen.cli.console import Console
from rnngen.cli.log_plots import curve_colour, write_log_plot
from rnngen.cli.training import MOST, charts
from rnngen.plaintext.plots import plot
from rnngen.rendering.palette import EITHER, NOT_DRAWN, letter
from tests.runs.test_steps import made

CURVES = {f"run {number}": [(0.0, 1.0 + number), (1.0, 2.0 + number)] for number in range(60)}
LEGEND = [
    f"{letter(number)} {name}" if number < 52 else f"{number + 1} {name} ({NOT_DRAWN})"
    for number, name in enumerate(CURVES)
]


def test_curves_without_a_letter_are_named_as_not_drawn() -> None:
    drawn = plot(CURVES, "x", "y").splitlines()
    assert drawn[-60:] == LEGEND
    letters = {name: letter(number) for number, name in enumerate(CURVES)}
    assert plot(CURVES, "x", "y", letters).splitlines()[-60:] == LEGEND
    out = io.StringIO()
    write_log_plot(Console(out, None), CURVES, "x", "y")
    assert out.getvalue().splitlines()[-60:] == LEGEND


def test_letters_that_are_known_from_elsewhere_are_kept() -> None:
    later = {name: letter(number) for number, name in enumerate(CURVES)}
    drawn = plot({"run 30": CURVES["run 30"]}, "x", "y", later)
    assert drawn.splitlines()[-1] == "E run 30"
    assert "E" in "".join(drawn.splitlines()[:-1])


def test_training_charts_name_the_runs_that_they_do_not_draw() -> None:
    runs = [(f"run {number}", made([0.1, 2.0])) for number in range(MOST + 2)]
    drawn = charts(runs)
    assert "z run 25\nnot drawn, for lack of letters: run 26, run 27\n" in drawn
    assert "not drawn" not in charts(runs[:MOST])


@pytest.mark.parametrize(("number", "colour"), [*enumerate(EITHER), (len(EITHER), EITHER[0])])
def test_curves_on_a_terminal_have_the_colours_of_pictures(number: int, colour: str) -> None:
    shown, exact = Color.from_ansi(curve_colour(number)).get_truecolor(), Color.parse(colour).get_truecolor()
    assert max(abs(one - other) for one, other in zip(shown, exact, strict=True)) < 48
