"""Text in the colours of its surprise: how improbable each token was to the model."""

from __future__ import annotations

import math
import sys

from rich.console import Console
from rich.text import Text

from rnngen.cli import console

LEVELS = (
    (1.0, "", "under 1 bit"),
    (3.0, "black on color(151)", "1 to 3"),
    (6.0, "black on color(222)", "3 to 6"),
    (10.0, "black on color(209)", "6 to 10"),
    (math.inf, "white on color(124)", "more"),
)
"""Up to how many bits, in which style, and what the legend says: expected text is left as it is."""


def style_of(nats: float) -> str:
    """The style of a token that was drawn at a probability of e^-nats."""
    bits = nats / math.log(2)
    return next(style for most, style, _ in LEVELS if bits < most or most == math.inf)


class ColouredOutput:
    """Writes text to standard output in the colours of its surprise, where there are colours."""

    def __init__(self) -> None:
        self._console = Console(file=sys.stdout, highlight=False, markup=False, emoji=False, soft_wrap=True)
        self._ends_line = True

    @property
    def has_colours(self) -> bool:
        """Whether there is anything to see: a terminal with colours, or colours that were asked for (FORCE_COLOR)."""
        return self._console.is_terminal and not self._console.no_color and self._console.color_system is not None

    def write(self, text: str, nats: float | None = None) -> None:
        """A piece of text, with the nats it cost; None: it was given."""
        if not text:
            return
        style = "" if nats is None else style_of(nats)
        if self.has_colours and style:
            shown = console.visible(text).replace("\n", "↵\n")  # a coloured line end would not be seen
            self.write_rich(Text(shown, style))
        else:
            console.write(text)
        self._ends_line = text.endswith("\n")

    def write_rich(self, text: Text) -> None:
        """Text with styles, whose control characters are visible already."""
        with self._console.capture() as coloured:
            self._console.print(text, end="")
        console.write(coloured.get(), harmless=True)
        self._ends_line = text.plain.endswith("\n")

    def end_line(self) -> None:
        """End the last line."""
        if not self._ends_line:
            console.write("\n")


def show_legend() -> None:
    """Say on standard error what the colours mean."""
    parts = Text("bits a token: ")
    for _, style, label in LEVELS:
        parts.append(f" {label} ", style).append(" ")
    console.stderr_console().print(parts)
