"""``rnngen report``: everything about some runs on one page of HTML."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnngen.arguments import STDIN
from rnngen.cli.mistakes import refuse_text
from rnngen.cli.parameters import Quiet, run_argument
from rnngen.cli.spelling import on_command_line
from rnngen.errors import UsageError

if TYPE_CHECKING:
    from rnngen.cli.console import Console
    from rnngen.runs.run import Run


def report_command(
    context: typer.Context,
    runs: Annotated[
        list[Path] | None, run_argument("The runs' folders. [default: the newest under checkpoints/]")
    ] = None,
    out: Annotated[Path, typer.Option(help="File to write the page to.")] = Path("report.html"),
    text: Annotated[
        Path | None, typer.Option(help="Read this file. [default: the test part of each run's corpus]")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Write a page about some runs.

    One file that works offline: learning curves, perplexity, where the nats go, how far gradients reach, gates unit by
    unit, the surprisal of a held-out page, samples, and the configuration. Needs the extra rnngen[report].
    """
    from rnngen.rendering import check_installed
    from rnngen.runs.finding import open_runs

    check_installed()
    console: Console = context.obj
    if text is not None and str(text) == STDIN:
        raise UsageError("--text cannot be standard input: it is read several times", expected="a file")
    for run in runs or ():
        refuse_text(run, "rnngen report --text {text}")
    opened = open_runs(runs or ())  # before torch is imported: a wrong path is reported at once
    from rnngen.rendering.page import check_out, names_of, write_report

    check_out(out)
    from rnngen.rendering.collect import collect

    def show(run: Run, section: str) -> None:
        if not quiet:
            console.note(f"{run.path.name}: {section}")

    reports = [collect(run, text, partial(show, run)) for run in opened]
    for report in reports:
        report.missing = {section: on_command_line(why) for section, why in report.missing.items()}
    write_report(reports, out)
    for name, report in zip(names_of(reports), reports, strict=True):
        for section, why in report.missing.items():
            console.note(f"note: {name} has no {section}: {why}")
    console.write(f"{out}\n")
