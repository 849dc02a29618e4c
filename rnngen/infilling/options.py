"""The options of filling gaps: how fills are searched, or drawn."""

from __future__ import annotations

from collections.abc import Callable

from rnngen.options.declare import Options, argument, option

MAX_GAP = 1000
"""The maximum length of a gap, in tokens."""
LONGEST = {"char": 12, "byte": 12, "bpe": 5, "word": 4, "words-closed": 4}
"""The default of ``longest``, by the level of the tokenizer."""
BEAM = 32
SWEEPS = 50
"""The default number of sweeps in Python; on the command line, ``gibbs`` says to draw fills at all."""

_FILLS, _DRAWING = "Fills", "Drawing fills instead of searching"


class Filling(Options):
    """The options of both ways to fill gaps."""

    title = "filling option"
    function = "best"

    num_fills: int = option(
        5, "How many fills to show.", panel=_FILLS, minimum=1, maximum=10_000, flags=("--num-fills", "-n")
    )
    longest: int | None = option(
        None,
        "Maximum number of tokens in ___.",
        panel=_FILLS,
        minimum=1,
        maximum=MAX_GAP,
        default_text="char and byte 12, bpe 5, word 4",
    )


class Searching(Options):
    """The options of searching for the best fills."""

    beam: int = option(BEAM, "Candidates of each length in the search.", panel=_FILLS, minimum=1, maximum=1024)


class GibbsSampling(Options):
    """The options of drawing fills from the model."""

    gibbs: int | None = option(
        None,
        "Draw fills by Gibbs sampling, with N sweeps over all gaps, instead of searching.",
        panel=_DRAWING,
        minimum=0,
        maximum=1_000_000,
    )
    temperature: float = option(
        1.0,
        "With `gibbs`: below 1 safer, above 1 bolder.",
        panel=_DRAWING,
        minimum=0,
        remark="0 is greedy",
        flags=("--temperature", "-t"),
    )
    seed: int | None = option(
        None,
        "With `gibbs`: the same seed gives the same fills.",
        panel=_DRAWING,
        minimum=0,
        default_text="drawn and reported",
    )


class BestFills(Filling, Searching):
    """The options of ``Filler.best``."""


class DrawnFills(Filling, GibbsSampling):
    """The options of ``Filler.draw``."""


class BestFillsOf(BestFills):
    """The arguments of ``Filler.best``: for its signature."""

    text: str = argument(kw_only=False)


class DrawnFillsOf(DrawnFills):
    """The arguments of ``Filler.draw``: for its signature."""

    text: str = argument(kw_only=False)
    on_sweep: Callable[[int], object] | None = argument(default=None)
