"""The page: a Jinja2 template that escapes every text, with the scripts of Vega embedded."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rnngen.errors import CheckpointError, UsageError
from rnngen.evaluation.scores import PseudoScore, Score
from rnngen.evaluation.surprisal import LEVELS
from rnngen.inspection.explanation import left_of
from rnngen.inspection.gradients import Flow, furthest
from rnngen.platforms import quote_argument
from rnngen.report import charts, training_chart
from rnngen.report.collect import RunReport
from rnngen.runs.folder import write_atomically
from rnngen.version import __version__

LAGS = (1, 5, 10, 20, 50)
"""Lags at which the page says in figures what is left of a gradient, besides the last one."""
GENERATOR = "rnngen"
"""The generator that a page names within its first 2,000 bytes, by which it is recognised as a report."""


def render(reports: Sequence[RunReport]) -> str:
    """The page about some runs, as one self-contained HTML document."""
    environment = Environment(
        loader=PackageLoader("rnngen.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    groups = [(kind, [report for report in reports if report.kind is kind]) for kind in (Score, PseudoScore)]
    groups = [(kind, group) for kind, group in groups if group]
    return environment.get_template("page.html.j2").render(
        generator=GENERATOR,
        version=__version__,
        reports=reports,
        levels=[label for _, label in LEVELS],
        curves=[(kind, charts.learning_curves(group)) for kind, group in groups],
        tables=groups,
        flow=charts.gradient_flow(_compared_flows(reports)),
        norms=training_chart.gradient_norms([(report.name, report.steps) for report in reports]),
        gradients=[(report, *_gradient_rows(report)) for report in reports],
        traces=[report.traces for report in reports],
        vega=Markup(_vega()),
    )


def _compared_flows(reports: Sequence[RunReport]) -> list[tuple[str, Flow]]:
    """The flows of the chart by name: all of one run, or of each of several the one through which most is left."""
    if len(reports) == 1:
        return [(flow.name, flow) for flow in reports[0].flows]
    return [(report.name, furthest(report.flows)) for report in reports if report.flows]


def _gradient_rows(report: RunReport) -> tuple[list[int], list[tuple[str, list[str]]]]:
    """Some lags, and for each flow of a run its name and what is left at these lags."""
    if not report.flows:
        return [], []
    lags = sorted({*(lag for lag in LAGS if lag < report.flows[0].lags), report.flows[0].lags})
    return lags, [(flow.name, [left_of(flow, lag) for lag in lags]) for flow in report.flows]


def _vega() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script that cannot end its own element."""
    import vl_convert
    from altair import SCHEMA_VERSION

    snippet: Any = None  # the stubs do not know that it can be omitted
    script: str = vl_convert.javascript_bundle(snippet, vl_version=".".join(SCHEMA_VERSION.split(".")[:2]))
    return script.replace("</script", "<\\/script")


def write_report(reports: Sequence[RunReport], out: Path) -> None:
    """Write the page to a file. A file that is not a report is not overwritten.

    Raises:
        UsageError: the file exists and is not a report, or is a folder.
        CheckpointError: the file cannot be written.
    """
    check_out(out)
    write_atomically(out, render(reports).encode("utf-8", errors="replace"))


def check_out(out: Path) -> None:
    """Refuse to overwrite anything but a report.

    Raises:
        UsageError, CheckpointError: see ``write_report``.
    """
    if not out.parent.is_dir() or (out.exists() and not out.is_file()):
        hint = f"Type: `out={quote_argument(str(out / 'report.html'))}`" if out.is_dir() else None
        raise UsageError(
            "`out` cannot be written", found=out, expected="the name of a file in an existing folder", hint=hint
        )
    if not out.exists():
        return
    try:
        with out.open("rb") as file:
            begins = file.read(2000)
    except OSError as error:
        raise CheckpointError(f"cannot be read ({error.strerror})", where=out) from error
    # the second name is that of older versions
    marks = (f'<meta name="generator" content="{name}">'.encode() for name in (GENERATOR, "rnngen report"))
    if not begins.startswith(b"<!doctype html") or not any(mark in begins for mark in marks):
        raise UsageError(
            "`out` names a file that is not a report",
            found=out,
            expected="a report, or an unused name",
            hint=f"Type another name: `out={quote_argument(str(_free_name(out)))}`",
        )


def _free_name(out: Path) -> Path:
    names = (out.with_name(f"{out.stem}-{number}.html") for number in count(2))
    return next(name for name in names if not name.exists())
