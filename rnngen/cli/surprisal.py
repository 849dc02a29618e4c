"""Text coloured by surprisal: how improbable each token was to the model."""

from __future__ import annotations

import rich.console
from rich.text import Text

from rnngen.cli.console import Console
from rnngen.evaluation.surprisal import LEVELS, level_of
from rnngen.formats import visible

STYLES = ("", "black on color(151)", "black on color(222)", "black on color(209)", "white on color(124)")
"""The style of each level of surprisal; expected text is left as it is."""


class ColouredOutput:
    """Writes text to standard output, coloured by surprisal where the terminal has colours.

    Args:
        console: of the command.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._rich = rich.console.Console(file=console.out, highlight=False, markup=False, emoji=False, soft_wrap=True)
        self._ends_line = True

    @property
    def has_colours(self) -> bool:
        """Whether colours are shown: on a terminal with colours, or if FORCE_COLOR asks for them."""
        return self._rich.is_terminal and not self._rich.no_color and self._rich.color_system is not None

    def write(self, text: str, nats: float | None = None) -> None:
        """Write a piece of text, with its nats; None: it was given, not drawn."""
        if not text:
            return
        style = "" if nats is None else STYLES[level_of(nats)]
        if self.has_colours and style:
            shown = visible(text).replace("\n", "↵\n")  # a coloured line end would not be seen
            self.write_rich(Text(shown, style))
        else:
            self._console.write(text)
        self._ends_line = text.endswith("\n")

    def write_rich(self, text: Text) -> None:
        """Write text with styles, in which control characters have been made visible."""
        with self._rich.capture() as coloured:
            self._rich.print(text, end="")
        self._console.write(coloured.get(), harmless=True)
        self._ends_line = text.plain.endswith("\n")

    def end_line(self) -> None:
        """End the last line, if it has no line end yet."""
        if not self._ends_line:
            self._console.write("\n")


def show_legend(console: Console) -> None:
    """Explain the colours, on standard error."""
    parts = Text("bits per token: ")
    for style, (_, label) in zip(STYLES, LEVELS, strict=True):
        parts.append(f" {label} ", style).append(" ")
    console.rich_err().print(parts)
