"""``rnngen report``: everything about some runs on one page of HTML."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rnngen.arguments import STDIN
from rnngen.cli import console
from rnngen.cli.mistakes import refuse_text
from rnngen.errors import UsageError


def report_command(
    runs: Annotated[
        list[Path] | None, typer.Argument(help="The runs' folders. [default: the newest under checkpoints/]")
    ] = None,
    out: Annotated[Path, typer.Option(help="The page.")] = Path("report.html"),
    text: Annotated[
        Path | None, typer.Option(help="Read this file. [default: the test part of each run's corpus]")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No notes on standard error.")] = False,
) -> None:
    """Write a page about some runs.

    One file that needs no network: learning curves, perplexity, how far gradients reach, gates unit by unit, the
    surprise of a held-out page, samples, and the configuration.
    """
    from rnngen.runs.finding import open_run

    if text is not None and str(text) == STDIN:
        raise UsageError("--text cannot be standard input: it is read several times", expected="a file")
    for run in runs or ():
        refuse_text(run, "rnngen report --text {text}")
    folders: list[Path | None] = [*runs] if runs else [None]
    found = [open_run(run) for run in folders]  # before torch: a wrong path is told at once
    opened = list({run.path.resolve(): run for run in found}.values())  # each once
    from rnngen.report.page import check_out, write_report

    check_out(out)
    from rnngen.report.collect import collect, tell_apart

    def tell(name: str, section: str) -> None:
        if not quiet:
            console.note(f"{name}: {section}")

    reports = [
        collect(run, text, lambda section, name=run.path.name: tell(name, section))  # type: ignore[misc]
        for run in opened
    ]
    tell_apart(reports)
    write_report(reports, out)
    for report in reports:
        for section, why in report.missing.items():
            console.note(f"note: {report.name} has no {section}: {why}")
    console.write(f"{out}\n")
