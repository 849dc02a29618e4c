"""How far gradients reach in several runs, measured without the command line."""

from __future__ import annotations

from pathlib import Path

from rnngen.inspection.gradients import gradient_flow
from rnngen.inspection.reaches import drawn, measure
from rnngen.model.load import load_network
from rnngen.runs.curves import SMALLEST
from rnngen.runs.run import Run


def test_runs_are_measured_once_each_on_one_text_with_the_same_lags(trained: Path, mixed: Path, corpus: Path) -> None:
    text = Path("text.txt")
    text.write_text(corpus.read_text()[:1500])
    runs = [Run.open(trained), Run.open(mixed), Run.open(trained)]
    reaches = measure(runs, text, 5, fresh=False)
    assert [(reach.name, reach.lags) for reach in reaches] == [(trained.name, 5), (mixed.name, 5)]
    for reach in reaches:
        tokens = reach.run.tokenizer().encode(text.read_text())
        expected = gradient_flow(load_network(reach.run), tokens, 5)
        assert [flow.left.tolist() for flow in reach.flows] == [flow.left.tolist() for flow in expected]
        for flow in reach.flows:
            assert drawn(flow) == [(lag, left) for lag, left in enumerate(flow.left.tolist()) if left >= SMALLEST]
