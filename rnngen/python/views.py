"""``rnngen.gradients``, ``compare`` and ``report``: what can be seen of runs, one by one or side by side."""

from __future__ import annotations

from pathlib import Path

from rnngen.inspection import gradients as flows
from rnngen.inspection.gradients import Flow
from rnngen.model.load import fresh_network, load_network
from rnngen.options.checked import checked
from rnngen.python.html import chart
from rnngen.python.run import open_run
from rnngen.python.spelling import speaks_python
from rnngen.runs.own_text import file_or_test_part
from rnngen.runs.run import Run


class Flows(list[Flow]):
    """How far gradients reach back, for each state; in a notebook, with curves."""

    def __repr__(self) -> str:
        return "\n".join(f"{flow.name}: {flow.verdict.words}" for flow in self)

    def _repr_html_(self) -> str:
        curves = {flow.name: list(enumerate(flow.mean.tolist())) for flow in self}
        return (
            f"<div><pre>{self!r}</pre>{chart(curves, 'lag, in tokens', 'norm of the gradient', logarithmic=True)}</div>"
        )


@speaks_python
@checked
def gradients(
    run: str | Path | Run | None = None, text: str | Path | None = None, *, lags: int = 100, fresh: bool = False
) -> Flows:
    """How far gradients reach back through time: the norm of ∂J^i/∂s^j by the lag i - j, for each state s.

    Args:
        run: the run or its folder; the newest complete one by default.
        text: a file to read; by default the test part of the run's own text.
        lags: number of tokens to go back.
        fresh: whether to measure the network as it was before training.

    Raises:
        RnngenError: there is no such run or text, or the text is too short.
    """
    opened = open_run(run)
    network = fresh_network(opened) if fresh else load_network(opened)
    with file_or_test_part(opened, None if text is None else Path(text)) as encoded:
        return Flows(flows.gradient_flow(network, encoded.tokens, lags))


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
    from rnngen.report import check_installed

    check_installed()
    from rnngen.report.collect import collect, tell_apart
    from rnngen.report.page import check_out, write_report

    opened = [open_run(run) for run in runs or (None,)]
    page = Path(out)
    check_out(page)
    file = None if text is None else Path(text)
    reports = [collect(run, file) for run in {run.path.resolve(): run for run in opened}.values()]
    tell_apart(reports)
    write_report(reports, page)
    return page
