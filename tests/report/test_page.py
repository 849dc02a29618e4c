"""The report: escaped, complete, and in need of nothing else."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import rnngen
from rnngen.errors import UsageError
from rnngen.evaluation.evaluate import evaluate
from rnngen.inspection.gates import trace_gates
from rnngen.model.load import load_network
from rnngen.report.charts import learning_curves
from rnngen.report.collect import TRACED, RunReport, collect, tell_apart
from rnngen.report.page import render, write_report
from rnngen.runs.finding import open_run
from rnngen.runs.own_text import own_part
from tests.conftest import FAST, Outcome, make_text

HOSTILE = '</script><script>alert(1)</script><img src=x onerror=alert(2)> & "quoted"'


@pytest.fixture
def report(trained: Path) -> RunReport:
    return collect(open_run(trained))


def test_every_text_is_escaped_wherever_it_stands(report: RunReport) -> None:
    hostile = replace(
        report,
        run=Path(HOSTILE.replace("/", "∕")),
        config=HOSTILE,
        page=[(HOSTILE, 2, HOSTILE)],
        samples=[(HOSTILE, HOSTILE)],
        traces={**report.traces, "pieces": [HOSTILE] * len(report.traces["pieces"])},
    )
    page = render([hostile])
    assert "alert(1)" in page
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert page.count("<script") == page.count("</script>") == 2


def test_the_page_asks_nothing_of_the_network(report: RunReport) -> None:
    page = render([report])
    assert "default-src 'none'" in page
    tags = re.sub(r"<script type=\"module\">.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r"(src|href)\s*=", tags)
    assert "@import" not in tags


def test_the_numbers_are_those_of_the_library(report: RunReport, trained: Path) -> None:
    assert report.scores == evaluate(trained).as_dict()
    page = render([report])
    assert f"{report.scores['nats_per_token']:.4g}" in page
    assert all(flow.verdict.words in page for flow in report.flows)
    run = open_run(trained)
    (trace,) = trace_gates(load_network(run), own_part(run, "test").tokens[:TRACED])
    found = json.loads(re.search(r"const traces = (.*);\n", page).group(1))[0]  # type: ignore[union-attr]
    import base64

    series = found["layers"][0]["series"]["forget"]
    values = np.frombuffer(base64.b64decode(series["values"]), np.uint8).reshape(found["layers"][0]["units"], -1)
    restored = (values.astype(float) - 128) / 127 * series["top"]
    np.testing.assert_allclose(restored.T, trace.gates["forget"], atol=0.005)


def test_perplexity_and_pseudo_perplexity_stand_in_tables_of_their_own(report: RunReport, tmp_path: Path) -> None:
    corpus = Path(json.loads(report.config)["data"]["corpus"][0])
    both = rnngen.train(corpus, out=tmp_path / "both", steps=20, valid_every=5, bidirectional=True, **FAST)
    page = render([report, collect(both)])
    perplexity, pseudo = page.index("<h2>Perplexity</h2>"), page.index("<h2>Pseudo-perplexity</h2>")
    assert "<th>both</th>" not in page[perplexity:pseudo]
    assert "<th>both</th>" in page[pseudo:]
    assert page.count('class="chart" id="curve-') == 2


def test_a_text_that_is_gone_takes_only_its_own_sections_away(trained: Path) -> None:
    config = json.loads((trained / "config.json").read_text())
    Path(config["data"]["corpus"][0]).rename(Path(config["data"]["corpus"][0]).with_suffix(".gone"))
    try:
        report = collect(open_run(trained))
    finally:
        Path(config["data"]["corpus"][0]).with_suffix(".gone").rename(config["data"]["corpus"][0])
    assert set(report.missing) == {"scores", "gradients", "gates", "surprisal"}
    assert len(report.samples) == 3
    assert "text is gone, and the cache does not hold it any more" in render([report])


def test_what_is_no_report_is_not_overwritten(report: RunReport, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    out.write_text("my novel")
    with pytest.raises(UsageError, match="not a report"):
        write_report([report], out)
    assert out.read_text() == "my novel"
    out.unlink()
    write_report([report], out)
    write_report([report], out)
    with pytest.raises(UsageError, match="cannot be written"):
        write_report([report], tmp_path)


def test_a_page_is_recognised_by_its_beginning_and_one_of_older_versions_is_overwritten(
    report: RunReport, tmp_path: Path
) -> None:
    mark = b'<meta name="generator" content="rnngen">'
    out = tmp_path / "r.html"
    write_report([report], out)
    assert mark in out.read_bytes()[:2000]
    out.write_bytes(out.read_bytes().replace(mark, b'<meta name="generator" content="rnngen report">'))
    write_report([report], out)
    assert mark in out.read_bytes()[:2000]
    out.write_bytes(out.read_bytes().replace(mark, b'<meta name="generator" content="another program">'))
    (tmp_path / "r-2.html").write_text("")
    with pytest.raises(UsageError, match=r"Type another name: `out=.*r-3\.html`"):
        write_report([report], out)


def test_a_curve_begins_with_the_weights_that_training_began_with(report: RunReport) -> None:
    step_0, *_, last = report.card.curve
    spec = learning_curves([report])
    assert spec is not None
    drawn = next(iter(spec["datasets"].values())) if "datasets" in spec else spec["data"]["values"]
    assert [(row["seconds"], row["loss"]) for row in drawn] == list(report.card.curve)
    assert step_0[1] > last[1]
    at_once = replace(report, card=replace(report.card, curve=((0, 3.5), (0, 2.5)), steps=0, epochs=None, seconds=0))
    assert "for validation" in render([at_once])
    early = replace(report, card=replace(report.card, steps=20, finished=True))
    assert "(finished early)" in render([early])
    assert "(finished early)" not in render([report])


def test_the_command_writes_the_page_and_says_where(cli, trained: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    outcome: Outcome = cli("report", trained, "--out", tmp_path / "r.html")
    assert (outcome.code, outcome.out) == (0, f"{tmp_path / 'r.html'}\n")
    assert "<h2>tiny: gates</h2>" in (tmp_path / "r.html").read_text(encoding="utf-8")
    assert cli("report", trained, "--out", tmp_path).code == 2


@pytest.mark.parametrize("package", ["altair", "jinja2", "vl_convert"])
def test_without_its_packages_the_command_says_what_to_install_before_it_reads_anything(  # type: ignore[no-untyped-def]
    cli, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    outcome: Outcome = cli("report", "no such run")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.count("\n") == 1
    assert 'pip install "rnngen[report]"' in outcome.err


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no Chromium here")
def test_a_browser_draws_the_charts_and_colours_the_text(report: RunReport, tmp_path: Path) -> None:
    out = tmp_path / "r.html"
    write_report([report], out)
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-sync",
        "--disable-background-networking",
        "--disable-component-update",
        "--virtual-time-budget=8000",
        f"--user-data-dir={tmp_path / 'profile'}",
    ]
    done = subprocess.run(
        ["chromium", *options, "--dump-dom", out.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    dom = done.stdout[done.stdout.index("<body") :]
    assert len(re.findall(r"<svg[^>]*class=\"marks\"", dom)) == 3  # learning curve, gradient norms, gradient flow
    assert "background: rgba(var(--" in dom
    assert dom.count("<option") > 5


def test_runs_of_one_folder_name_are_told_apart_by_the_folders_above(report: RunReport) -> None:
    reports = [replace(report, run=Path(path)) for path in ("/x/a/run", "/x/b/run", "/x/other")]
    tell_apart(reports)
    assert [r.name for r in reports] == ["a/run", "b/run", "other"]


def test_the_page_names_the_text_it_read_and_shows_each_run_once(  # type: ignore[no-untyped-def]
    cli, trained: Path, tmp_path: Path
) -> None:
    text = tmp_path / "some text.txt"
    text.write_text(make_text(4000, seed=8), encoding="utf-8")
    outcome: Outcome = cli("report", trained, "checkpoints/tiny", "--text", text, "--out", "r.html")
    assert outcome.code == 0, outcome.err
    page = Path("r.html").read_text(encoding="utf-8")
    assert page.count("<h2>tiny: gates</h2>") == 1
    assert "some text.txt" in page
    assert "held out from training" not in page
    assert cli("report", trained, "--text", "gone.txt", "--out", "other.html").code == 1
    assert not Path("other.html").exists()
    os.mkfifo("pipe")
    assert cli("report", trained, "--out", "pipe").code == 2
