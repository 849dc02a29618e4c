"""How far gradients reach in several runs, in one chart and one table, for ``rnngen inspect`` and ``rnngen demo``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rnngen.cli.failure_note import note_on_failure
from rnngen.cli.mistakes import refuse_text
from rnngen.cli.plots import write_plot
from rnngen.plaintext.widths import cut
from rnngen.rendering.palette import letter
from rnngen.runs.finding import open_run

if TYPE_CHECKING:
    from rnngen.cli.console import Console
    from rnngen.inspection.gradients import Flow
    from rnngen.inspection.reaches import Reach
    from rnngen.runs.card import Card

LAGS_SHOWN = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
_COMPARED = 6  # lags in a table of 80 columns, besides the name
_NAME = 24  # cells of a run's name


def measure(
    console: Console, folders: Sequence[Path | None], text: Path | None, lags: int | None, *, fresh: bool
) -> list[Reach]:
    """Measure how far gradients reach in the runs that were named; None: the newest run. See ``inspection.reaches``.

    That the training of one of them failed is said.

    Raises:
        RnngenError: there is no such run or text, or a text is too short.
    """
    for folder in folders:
        refuse_text(folder, "rnngen inspect gradients --text {text}")
    runs = [open_run(folder) for folder in folders]  # before torch is imported: a wrong path is reported at once
    note_on_failure(console, *runs, quiet=fresh)
    from rnngen.inspection import reaches

    return reaches.measure(runs, text, lags, fresh=fresh)


def write_comparison(
    console: Console, reaches: Sequence[Reach], text: Path | None = None, *, fresh: bool = False
) -> None:
    """Write a table, a chart, what is left in each run, and what makes the runs hard to compare.

    Args:
        console: of the command.
        reaches: of the runs.
        text: the file that all of them read; None: each has read its own.
        fresh: whether the networks were as they were before training.
    """
    from rnngen.inspection.explanation import TOLD, left_of
    from rnngen.inspection.gradients import furthest

    flows = [furthest(reach.flows) for reach in reaches]
    lag = min(TOLD, *(flow.lags for flow in flows))
    when = ", before training" if fresh else ""
    console.write(f"Fraction of the gradient at lag 0 that is left some tokens back, median{when}\n\n")
    console.write(_table(console, reaches, flows))
    named = {f"{reach.name}: {flow.verdict.words}": flow for reach, flow in zip(reaches, flows, strict=True)}
    write_curves(console, named)
    left = ", ".join(f"{reach.name} {left_of(flow, lag)}" for reach, flow in zip(reaches, flows, strict=True))
    console.write("\n")
    console.write(console.filled(f"{lag} steps back: {left} of the gradient at lag 0 is left."))
    console.write("".join(map(console.filled, _differences(reaches, text))))


def _table(console: Console, reaches: Sequence[Reach], flows: Sequence[Flow]) -> str:
    """A line per run."""
    from rnngen.inspection.explanation import left_of

    lags = max(flow.lags for flow in flows)
    shown = [*[lag for lag in LAGS_SHOWN if 0 < lag < lags], lags]
    shown = [shown[0], *shown[-_COMPARED + 1 :]] if len(shown) > _COMPARED else shown
    rows = [["  run", "state", *(f"lag {lag}" for lag in shown)]]
    rows += [
        [
            f"{letter(number)} {cut(reach.name, _NAME, 'middle')}",
            flow.name,
            *(left_of(flow, lag) if lag <= flow.lags else "-" for lag in shown),
        ]
        for number, (reach, flow) in enumerate(zip(reaches, flows, strict=True))
    ]
    return console.table(rows) + "\n"


def write_curves(console: Console, flows: dict[str, Flow]) -> None:
    """Draw curves by name on one logarithmic scale, and say where they end early."""
    from rnngen.inspection.reaches import drawn
    from rnngen.runs.curves import SMALLEST

    curves = {name: drawn(flow) for name, flow in flows.items()}
    write_plot(console, curves, "lag i - j, in tokens", "fraction of the gradient at lag 0", logarithmic=True)
    if any(len(curve) <= flow.lags for curve, flow in zip(curves.values(), flows.values(), strict=True)):
        console.write(f"A curve ends where its fraction leaves the range from {SMALLEST:.0e} to {1 / SMALLEST:.0e}.\n")


def _differences(reaches: Sequence[Reach], text: Path | None) -> list[str]:
    """What else differs between the runs, so that their curves say less: their tokens, and the texts that they read."""
    lines = []
    sizes: dict[str, list[str]] = {}
    for reach in reaches:
        sizes.setdefault(_token_size(reach.card), []).append(reach.name)
    if len(sizes) > 1:
        each = "; ".join(f"{', '.join(names)}: {size}" for size, names in sizes.items())
        lines.append(f"A lag is a number of tokens, and the runs differ in these ({each}).")
    if text is None and len({reach.card.fingerprint for reach in reaches}) > 1:
        lines.append("The runs read different texts, each the test part of its own; --text FILE gives one to all.")
    return lines


def _token_size(card: Card) -> str:
    """What a token is, and how long it is on average."""
    level = card.tokenizer.partition(",")[0]
    if card.characters_per_token is None or level == "char":
        return level
    return f"{level}, {card.characters_per_token:.2g} characters per token"


def write_picture_of(reaches: Sequence[Reach], picture: Path) -> None:
    """Write the chart of several runs, or of all layers and states of one, as a picture.

    Raises:
        RnngenError: it cannot be written.
    """
    from rnngen.inspection.gradients import furthest
    from rnngen.rendering.charts import gradient_flow
    from rnngen.rendering.pictures import write_picture

    if len(reaches) == 1:
        curves = [(flow.name, flow) for flow in reaches[0].flows]
        of = reaches[0].title
    else:
        curves = [(f"{reach.name}: {flow.name}", flow) for reach in reaches for flow in [furthest(reach.flows)]]
        of = "in each run, the state through which most is left"
    subtitle = f"{of}; median, and 10 % to 90 % of the passages of a text"
    write_picture(gradient_flow(curves) or {}, "How far gradients reach", picture, subtitle)
