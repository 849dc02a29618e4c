"""Curves drawn in characters, in colours where the terminal has some."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from rnngen.plaintext.plots import Plot, plot

if TYPE_CHECKING:
    from rnngen.cli.console import Console


def write_plot(
    console: Console,
    curves: Mapping[str, Iterable[tuple[float, float]]],
    across: str,
    up: str,
    *,
    numbers: Mapping[str, int] | None = None,
    logarithmic: bool = False,
) -> None:
    """Draw curves by name, and a legend: see ``plaintext.plots.plot``."""
    write_drawn(console, plot(curves, across, up, numbers=numbers, logarithmic=logarithmic))


def write_drawn(console: Console, drawn: Plot) -> None:
    """Write what is drawn."""
    from rich.text import Text

    from rnngen.cli.surprisal import ColouredOutput

    output = ColouredOutput(console)
    if not output.has_colours:
        console.write(drawn.plain)
        return
    console.write(f"{drawn.up}\n")
    text = Text.from_ansi(drawn.chart).append("\n")
    for mark, colour, name in drawn.legend:
        text.append(f"{mark} ", f"color({colour})").append(f"{name}\n")
    output.write_rich(text)
    console.write(drawn.note)
