"""``rnngen inspect gradients``: how far gradients reach back through time, in one run or in several."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from rnngen.cli.declared import takes_options
from rnngen.cli.parameters import AsJson, Fresh, RunFolders, TextFile
from rnngen.cli.pictures import Picture, check_picture
from rnngen.cli.reaches import LAGS_SHOWN, measure, write_comparison, write_curves, write_picture_of
from rnngen.options.declare import Options, option

if TYPE_CHECKING:
    from rnngen.cli.console import Console
    from rnngen.inspection.gradients import Flow
    from rnngen.inspection.reaches import Reach

CELL, BOUND = 31, 13  # columns of a state and of the bound: 80 with those of two states and of the lag


class Extent(Options):
    """How far back gradients are followed."""

    lags: int | None = option(
        None,
        "Number of tokens to go back.",
        panel="",
        minimum=2,
        maximum=10_000,
        default_text="100, or fewer in a short text",
    )


@takes_options()
def gradients_command(
    context: typer.Context,
    runs: RunFolders = None,
    text: TextFile = None,
    *,
    extent: Extent,
    fresh: Fresh = False,
    picture: Picture = None,
    as_json: AsJson = False,
) -> None:
    """Show how far gradients reach back through time.

    The norm of the derivative of the loss at one token with respect to a layer's state some tokens before, in many
    passages of a real text; whether it vanishes or explodes, how fast, and what theory says about it. Several runs are
    shown in one chart and one table, as fractions of the norm at lag 0.
    """
    console: Console = context.obj
    check_picture(picture)
    folders: list[Path | None] = [*runs] if runs else [None]
    reaches = measure(console, folders, text, extent.lags, fresh=fresh)
    if picture is not None:
        write_picture_of(reaches, picture)
    if as_json:
        from rnngen.inspection.reaches import as_dict

        console.write_json(as_dict(reaches))
    elif len(reaches) == 1:
        _write_detail(console, reaches[0])
    else:
        write_comparison(console, reaches, text, fresh=fresh)


def _write_detail(console: Console, reach: Reach) -> None:
    """A table and sentences for each layer, and a chart of all states."""
    from rnngen.inspection.explanation import explain

    said = explain(reach.flows, reach.config)
    console.write(f"{reach.title}: ‖∂Jⁱ/∂sʲ‖ by lag i - j, median (10 % to 90 %)\n")
    for layer, states in groupby(reach.flows, key=lambda flow: flow.layer_name):
        console.write(f"\n{_table(layer, list(states))}\n")
        console.write("".join(console.filled(sentence, "- ") for sentence in said[layer]))
    if reach.flows[0].lags < reach.lags:
        console.write(f"\nLags end at {reach.flows[0].lags}: few documents of this text are longer.\n")
    console.write("\n")
    write_curves(console, {f"{flow.name} {flow.verdict.words}": flow for flow in reach.flows})


def _table(layer: str, states: list[Flow]) -> str:
    lags = states[0].lags
    lines = [layer, "  lag" + "".join(f"{flow.state:>{CELL}}" for flow in states) + f"{'upper bound':>{BOUND}}"]
    for lag in [*(lag for lag in LAGS_SHOWN if lag < lags), lags]:
        cells = "".join(f" {_range(f, lag):>{CELL - 1}}" for f in states)
        lines.append(f"{lag:>5}{cells}{states[-1].bound[lag]:>{BOUND}.2e}")
    return "\n".join(lines) + "\n"


def _range(flow: Flow, lag: int) -> str:
    return f"{flow.median[lag]:.2e} ({flow.low[lag]:.1e} to {flow.high[lag]:.1e})"
