"""The page: Jinja2 templates that escape every text, with the scripts of Vega embedded.

``templates/page.html.j2`` is the frame; each section has a file of its own beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rnngen.corpus.closed_vocabulary import CLOSED
from rnngen.errors import CheckpointError, UsageError
from rnngen.evaluation.scores import Measure
from rnngen.evaluation.surprisal import LEVELS
from rnngen.formats import formatted
from rnngen.inspection.explanation import left_of
from rnngen.inspection.gradients import Flow, furthest
from rnngen.inspection.memory import interval_of_share
from rnngen.platforms import quote_argument
from rnngen.rendering import charts, explanation_charts, training_chart
from rnngen.rendering.collect import RunReport
from rnngen.rendering.palette import LIGHT, THEMES, TINT, letter
from rnngen.rendering.scripts import with_scripts
from rnngen.runs.compared import CHARACTER, ComparedRun, distinct_names
from rnngen.runs.comparison import Comparison, Scored, describe_runs
from rnngen.runs.curves import AXES
from rnngen.runs.folder import write_atomically
from rnngen.runs.settings import in_words
from rnngen.version import __version__

LAGS = (1, 5, 10, 20, 50)
"""Lags at which the page says in figures what is left of a gradient, besides the last one."""
GENERATOR = "rnngen"
"""The generator that a page names within its first 2,000 bytes, by which it is recognised as a report."""


@dataclass(frozen=True)
class Shown:
    """A run on the page.

    Attributes:
        number: counted from 0: it has the colour and the letter of this number everywhere.
        report: what is shown of it.
        compared: what it is compared by.
    """

    number: int
    report: RunReport
    compared: ComparedRun

    @property
    def name(self) -> str:
        """Its name."""
        return self.compared.name

    @property
    def letter(self) -> str:
        """Its letter."""
        return letter(self.number)

    @property
    def colour(self) -> str:
        """The class of its colour."""
        return f"run-{self.number % len(LIGHT)}"

    @property
    def anchor(self) -> str:
        """Where its own part of the page begins."""
        return f"run-{self.letter}"


def render(reports: Sequence[RunReport]) -> str:
    """The page about some runs, as one self-contained HTML document."""
    environment = Environment(
        loader=PackageLoader("rnngen.rendering", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"in_words": in_words, "grouped": _grouped, "measures": _measures, "put_back": put_back}
    environment.filters["with_scripts"] = with_scripts
    environment.globals |= {"closed": " ".join(CLOSED), "formatted": formatted}
    comparison = _compared(reports)
    runs = [Shown(n, *each) for n, each in enumerate(zip(reports, comparison.runs, strict=True))]
    kinds = [[run for run in runs if run.compared in group] for group in comparison.kinds]
    names = [run.name for run in runs]
    drawn = {
        **{f"curves-{n}": charts.learning_curves(group, among=names) for n, group in enumerate(comparison.kinds)},
        "norms": training_chart.gradient_norms([(run.name, run.report.steps) for run in runs]),
        **_explanation_charts(kinds, names),
        "gradients": charts.gradient_flow(_compared_flows(runs), names if len(runs) > 1 else None),
    }
    return environment.get_template("page.html.j2").render(
        generator=GENERATOR,
        version=__version__,
        runs=runs,
        kinds=kinds,
        comparison=comparison,
        levels=[label for _, label in LEVELS],
        charts={name: chart for name, chart in drawn.items() if chart},
        axes=AXES,
        gradients=[(run, *_gradient_rows(run.report)) for run in runs],
        themes=THEMES,
        tint=TINT,
        passages=[[passage.as_dict() for passage in run.report.passages] for run in runs],
        traces=[run.report.traces for run in runs],
        vega=Markup(_vega()),
    )


def _explanation_charts(kinds: Sequence[Sequence[Shown]], names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The charts of where the nats go, of runs with one unit each."""
    drawn: dict[str, dict[str, Any]] = {}
    for number, group in enumerate(kinds):
        explained = [(run.name, run.report.explained) for run in group if run.report.explained is not None]
        if explained:
            found = explanation_charts.page_charts(explained, names)
            drawn |= {f"{name}-{number}": chart for name, chart in found.items()}
    return drawn


def names_of(reports: Sequence[RunReport]) -> list[str]:
    """The names of the runs on their page."""
    return distinct_names([report.run for report in reports])


def _compared(reports: Sequence[RunReport]) -> Comparison:
    comparison = describe_runs([report.opened for report in reports], names_of(reports))
    scores = [Scored(r.scores) if r.scores else r.missing.get("scores", "not scored") for r in reports]
    return comparison.with_scores(scores, reports[0].text)


def _grouped(comparison: Comparison) -> dict[str, list[Any]]:
    """The settings that differ, by what is said above them."""
    found: dict[str, list[Any]] = {}
    for each in comparison.differences:
        found.setdefault(each.title, []).append(each)
    return found


def put_back(right: int, words: int) -> str:
    """How many of a sample of words came back, with what that says of all words."""
    low, high = interval_of_share(right, words)
    return f"{right} of {words} ({right / words:.0%}; 95% interval: {low:.0%} to {high:.0%})"


def _measures(group: Sequence[Shown]) -> list[Measure]:
    """The measures of runs with one kind of score; those per token say so where the tokens differ."""
    differ = group[0].compared.unit.endswith(CHARACTER)
    return [
        each._replace(label=f"{each.label}, of its own tokens")
        if differ and "character" not in each.key and "byte" not in each.key and "word" not in each.key
        else each
        for each in group[0].report.kind.measures
        if any(each.key in run.report.scores for run in group)
    ]


def _compared_flows(runs: Sequence[Shown]) -> list[tuple[str, Flow]]:
    """The flows of the chart by name: all of one run, or of each of several the one through which most is left."""
    if len(runs) == 1:
        return [(flow.name, flow) for flow in runs[0].report.flows]
    return [(run.name, furthest(run.report.flows)) for run in runs if run.report.flows]


def _gradient_rows(report: RunReport) -> tuple[list[int], list[tuple[str, list[str]]]]:
    """Some lags, and for each flow of a run its name and what is left at these lags."""
    if not report.flows:
        return [], []
    lags = sorted({*(lag for lag in LAGS if lag < report.flows[0].lags), report.flows[0].lags})
    return lags, [(flow.name, [left_of(flow, lag) for lag in lags]) for flow in report.flows]


@cache
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
