"""``rnngen.gradients``, ``compare`` and ``report``: what can be seen of runs, one by one or side by side."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rnngen.errors import UsageError
from rnngen.evaluation.comparing import both_texts, score_runs
from rnngen.formats import duration
from rnngen.inspection.explanation import explain
from rnngen.inspection.gradients import Flow, furthest
from rnngen.inspection.reaches import Reach, as_dict, drawn, measure
from rnngen.options.checked import checked
from rnngen.plaintext.comparison import learning_curves, side_by_side
from rnngen.python.html import chart, lines, table
from rnngen.python.run import open_run
from rnngen.python.spelling import in_python, speaks_python
from rnngen.runs.compared import ComparedRun
from rnngen.runs.comparison import Comparison, compare_runs
from rnngen.runs.run import Run
from rnngen.runs.settings import in_words

MAX_LAGS = 10_000


class Gradients(list[Reach]):
    """How far gradients reach back in some runs; in a notebook, with curves.

    Each entry has the ``run`` and its ``flows``: one for each layer and state, with ``median``, ``mean``, ``low`` and
    ``high`` by lag, (lags + 1,), and a ``verdict``.
    """

    def __repr__(self) -> str:
        return "\n".join(f"{name}: {flow.verdict.words}" for name, flow in self._named.items())

    def _repr_html_(self) -> str:
        curves = {name: drawn(flow) for name, flow in self._named.items()}
        shown = chart(curves, "lag i - j, in tokens", "fraction of the gradient", logarithmic=True)
        said = explain(self[0].flows, self[0].config) if len(self) == 1 else {}
        theory = [f"{layer}: {sentence}" for layer, sentences in said.items() for sentence in sentences]
        return f"<div>{lines([*repr(self).splitlines(), *theory])}{shown}</div>"

    def as_dict(self) -> dict[str, Any]:
        """What ``rnngen inspect gradients --json`` prints."""
        return as_dict(self)

    @property
    def _named(self) -> dict[str, Flow]:
        """All flows of one run, or of several runs the one through which most is left."""
        if len(self) == 1:
            return {flow.name: flow for flow in self[0].flows}
        return {f"{reach.name}, {flow.name}": flow for reach in self for flow in [furthest(reach.flows)]}


class Compared(Comparison):
    """Runs side by side: what ``rnngen inspect --compare`` shows."""

    def __repr__(self) -> str:
        curves = (f"\n{drawn.plain}" for drawn in learning_curves(self, "steps"))
        return "".join([*side_by_side(self, in_python), *curves]).rstrip()

    def _repr_html_(self) -> str:
        rows = [[each.name, *(in_words(each.name, value) for value in each.values)] for each in self.differences]
        rows += [[name or self.text or "test", *map(value, self.runs)] for name, value in _RESULTS.items()]
        warnings = lines(f"note: {in_python(warning)}" for warning in self.warnings)
        said = [
            (run.name, text) for run in self.runs for text in (run.missing and f"not scored: {run.missing}", run.note)
        ]
        notes = lines(f"{name}: {in_python(text)}" for name, text in said if text)
        charts = [
            chart(
                {run.name: run.validation.against("steps") for run in group},
                "training steps",
                f"{group[0].unit}, validation",
            )
            for group in self.kinds
        ]
        head = ["", *(run.name for run in self.runs)]
        return f"<div>{warnings}{table([row for row in rows if any(row[1:])], head)}{notes}{''.join(charts)}</div>"


def _shown(value: float | None, unit: str) -> str:
    return "" if value is None else f"{value:.4f} {unit}"


_RESULTS: dict[str, Callable[[ComparedRun], str]] = {
    "validation": lambda run: _shown(run.best, run.unit),
    "": lambda run: _shown(run.score, run.unit),
    "steps": lambda run: "" if run.card.steps is None else f"{run.card.steps:,}",
    "time": lambda run: "" if run.card.seconds is None else duration(run.card.seconds),
}
"""What came of each run; the score on the text that was read for the comparison has the name of the text."""


@speaks_python
@checked
def gradients(
    *runs: str | Path | Run, text: str | Path | None = None, lags: int | None = None, fresh: bool = False
) -> Gradients:
    """How far gradients reach back through time: the norm of ∂J^i/∂s^j by the lag i - j, for each state s.

    Args:
        runs: runs or their folders; the newest complete one by default.
        text: a file that all of them read; by default the test part of each run's own text.
        lags: number of tokens to go back; by default 100, or fewer in a short text.
        fresh: whether to measure the networks as they were before training.

    Raises:
        RnngenError: there is no such run or text, or the text is too short.
    """
    if lags is not None and not 2 <= lags <= MAX_LAGS:
        raise UsageError("invalid value for `lags`", expected=f"an integer from 2 to {MAX_LAGS:,}", found=lags)
    opened = [open_run(run) for run in runs or (None,)]
    return Gradients(measure(opened, None if text is None else Path(text), lags, fresh=fresh))


@speaks_python
@checked
def compare(*runs: str | Path | Run, text: str | Path | None = None, test: bool = False) -> Compared:
    """Compare runs: the settings that differ, whether their scores may be compared, scores, and learning curves.

    Args:
        runs: at least two runs or their folders.
        text: a file to score all of them on, the whole of it.
        test: instead, whether to score each on the test part of its own text.

    Raises:
        RnngenError: there are fewer than two, or one of them or the text cannot be read.
        UsageError: both ``text`` and ``test`` are given.
    """
    if test and text is not None:
        raise both_texts()
    comparison = compare_runs([open_run(run) for run in runs])
    if test or text is not None:
        comparison = score_runs(comparison, None if text is None else Path(text))
    return Compared(comparison.runs, comparison.text)


@speaks_python
@checked
def report(*runs: str | Path | Run, out: str | Path = "report.html", text: str | Path | None = None) -> Path:
    """Write a page about some runs, one file of HTML that works offline, and return its path.

    Args:
        runs: runs or their folders; the newest complete one by default.
        out: the file. Another report is replaced; anything else is not.
        text: a file to read; by default the test part of each run's own text.

    Raises:
        RnngenError: there is no such run, the file cannot be written, or packages of ``rnngen[report]`` are missing.
    """
    from rnngen.rendering import check_installed

    check_installed()
    from rnngen.rendering.collect import collect
    from rnngen.rendering.page import check_out, write_report

    opened = [open_run(run) for run in runs or (None,)]
    page, file = Path(out), None if text is None else Path(text)
    check_out(page)
    reports = [collect(run, file) for run in {run.path.resolve(): run for run in opened}.values()]
    for each in reports:
        each.missing = {section: in_python(why) for section, why in each.missing.items()}
    write_report(reports, page)
    return page
