"""``rnngen inspect next``: the softmax from which the next token is drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from rnngen.cli.declared import takes_options
from rnngen.cli.failure_note import note_on_failure
from rnngen.cli.mistakes import refuse_text
from rnngen.cli.parameters import AsJson, RunFolder
from rnngen.cli.pictures import Picture, check_picture
from rnngen.corpus.documents import BOUNDARY
from rnngen.errors import UsageError
from rnngen.formats import visible
from rnngen.options.declare import Options, option
from rnngen.plaintext.widths import cut, pad
from rnngen.platforms import unescaped
from rnngen.runs.finding import open_run

if TYPE_CHECKING:
    from rnngen.cli.console import Console

_BAR = 13  # cells of a bar of probability 1
_EIGHTHS = " ▏▎▍▌▋▊▉"
_NAME = 14  # cells of a token
_END = "(end)"


class Softmax(Options):
    """Which distributions are shown, and how much of them."""

    prompt: str = option("", "Text before the token.", panel="", flags=("--prompt", "-p"))
    temperatures: Sequence[float] = option(
        (0.5, 1.0, 1.5), "Temperatures, separated by commas.", panel="", default_text="0.5,1,1.5"
    )
    top: int = option(10, "Number of tokens to show: the most likely at temperature 1.", panel="", minimum=1)
    label: str | None = option(None, "Label of the document, for a model that has learned labels.", panel="")

    def check(self) -> None:
        """Refuse temperatures that have no softmax, and more than fit a screen.

        Raises:
            UsageError: there are some.
        """
        wrong = [each for each in self.temperatures if not 0 < each < math.inf]
        if wrong or not 1 <= len(self.temperatures) <= 3:
            expected = "one to three numbers above 0"
            raise UsageError(
                "invalid value for `temperatures`", expected=expected, found=",".join(map(str, wrong)) or None
            )


@takes_options()
def next_command(
    context: typer.Context, run: RunFolder = None, *, softmax: Softmax, picture: Picture = None, as_json: AsJson = False
) -> None:
    """Show the softmax from which the next token is drawn.

    The most likely tokens after a prompt with their probabilities, at several temperatures, and the entropy of each
    distribution: how many bits a token drawn from it says on average.
    """
    console: Console = context.obj
    check_picture(picture)
    refuse_text(run, "rnngen eval {text}")
    opened = open_run(run)  # before torch is imported: a wrong path is reported at once
    note_on_failure(console, opened, quiet=False)
    from rnngen.sampling.loading import load
    from rnngen.sampling.next_tokens import as_dict, entropies, next_token_probabilities

    generator = load(opened)
    prompt = unescaped(softmax.prompt)
    temperatures = softmax.temperatures
    found = next_token_probabilities(generator, prompt, [1.0, *temperatures], softmax.label)
    shown = {content: each[1:] for content, each in found.items()}  # without the one that they are ranked by
    rows = list(shown.items())[: softmax.top]
    if picture is not None:
        from rnngen.rendering.pictures import write_picture
        from rnngen.rendering.softmax_chart import softmax_chart

        title = f"The softmax after {_quoted(prompt)}" if prompt else "The softmax of the first token"
        named = [(_name(content), probabilities) for content, probabilities in rows]
        write_picture(softmax_chart(named, temperatures), title, picture, generator.name)
    if as_json:
        console.write_json(as_dict(generator.name, prompt, temperatures, shown, softmax.top))
        return
    after = f"after {_quoted(prompt)}" if prompt else "of the first token"
    console.write(f"{generator.name}: the softmax {after}\n\n")
    console.write(_table(rows, temperatures, entropies(shown)))


def _table(
    rows: Sequence[tuple[bytes, Sequence[float]]], temperatures: Sequence[float], entropies: Sequence[float]
) -> str:
    lines = ["temperature".ljust(_NAME) + "".join(f"  {t:<{_BAR + 6}g}" for t in temperatures)]
    for content, probabilities in rows:
        cells = "".join(f"  {p:<6.3f}{_bar(p)}" for p in probabilities)
        lines.append(pad(_name(content), _NAME) + cells)
    others = [max(0.0, 1 - sum(p[column] for _, p in rows)) for column in range(len(temperatures))]
    lines.append("all others".ljust(_NAME) + "".join(f"  {p:<6.3f}{_bar(p)}" for p in others))
    lines.append("entropy".ljust(_NAME) + "".join(f"  {f'{bits:.2f} bits':<{_BAR + 6}}" for bits in entropies))
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _bar(probability: float) -> str:
    """A bar as long as the probability."""
    whole, eighths = divmod(round(8 * _BAR * probability), 8)
    return ("█" * whole + _EIGHTHS[eighths].strip()).ljust(_BAR)


def _name(content: bytes) -> str:
    """What a token adds: in quotes, as ``\\xc3`` where that is not whole characters, or the end of the document."""
    return _END if content == BOUNDARY.encode() else _quoted(content.decode("utf-8", errors="backslashreplace"))


def _quoted(text: str) -> str:
    """A text in quotes, on one line; of one that is too long the end, which the next token follows."""
    return f"'{cut(visible(text.replace(chr(10), '↵').replace(chr(9), '⇥')), _NAME - 2, 'beginning')}'"
