"""The report: escaped, complete, and in need of nothing else."""

from __future__ import annotations

import base64
import json
import math
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from markupsafe import escape

import rnngen
from rnngen.errors import UsageError
from rnngen.evaluation.scoring import held_out_nats
from rnngen.infilling.word_gaps import FilledWord
from rnngen.inspection.gates import trace_gates
from rnngen.model.load import load_network
from rnngen.python.evaluation import evaluate
from rnngen.rendering import collect as collecting
from rnngen.rendering import passages, traces
from rnngen.rendering.charts import learning_curves
from rnngen.rendering.collect import RunReport, Sample, _without_folders, collect
from rnngen.rendering.page import put_back, render, write_report
from rnngen.rendering.palette import LIGHT
from rnngen.rendering.parts import HEIGHT
from rnngen.rendering.passages import Passage
from rnngen.rendering.scripts import with_scripts
from rnngen.rendering.traces import SHOWN
from rnngen.runs.comparison import describe_runs
from rnngen.runs.finding import open_run
from rnngen.runs.own_text import own_part
from tests.conftest import FAST, Outcome, make_text
from tests.runs.test_comparison import sibling

HOSTILE = '</script><script>alert(1)</script><img src=x onerror=alert(2)> & "quoted"'


@pytest.fixture(scope="session")
def _report(_trained: Path) -> RunReport:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RNNGEN_CACHE", str(_trained / "cache"))
        return collect(open_run(_trained / "run"))


@pytest.fixture
def report(_report: RunReport) -> RunReport:
    """About a run whose folder is called ``run``."""
    return replace(_report, missing={})


def test_every_text_is_escaped_wherever_it_stands(report: RunReport) -> None:
    pieces = [HOSTILE] * len(report.traces["pieces"])
    hostile = replace(
        report,
        run=Path(HOSTILE.replace("/", "∕")),
        config=HOSTILE,
        passages=[Passage(0.0, [HOSTILE], [9.0])],
        samples=[Sample(HOSTILE, [HOSTILE, FilledWord(HOSTILE, HOSTILE), FilledWord(HOSTILE, "x")])],
        explanation={HOSTILE: [HOSTILE], "b": [HOSTILE]},
        traces={**report.traces, "pieces": pieces},
        missing={"gates": HOSTILE},
    )
    page = render([hostile])
    assert "alert(1)" in page
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert page.count("<script") == page.count("</script>") == 4


def test_the_page_asks_nothing_of_the_network(report: RunReport) -> None:
    page = render([report])
    assert "default-src 'none'" in page
    tags = re.sub(r"<script type=\"module\">.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r"src\s*=|@import|url\(", tags)
    targets = re.findall(r"href=\"([^\"]*)\"", tags)
    assert len(targets) >= 5
    for target in targets:  # the list of contents
        assert f'id="{target.removeprefix("#")}"' in tags


def test_the_numbers_are_those_of_the_library(report: RunReport, trained: Path) -> None:
    assert report.scores == evaluate(trained).as_dict()
    page = render([report])
    assert f"{report.scores['nats_per_token']:.4f}" in page
    assert all(str(with_scripts(said)) in page for each in report.explanation.values() for said in each)
    run = open_run(trained)
    (trace,) = trace_gates(load_network(run), own_part(run, "test").tokens[:SHOWN])
    layer = json.loads(re.search(r"const traces = (.*);\n", page).group(1))[0]["layers"][0]  # type: ignore[union-attr]
    assert layer["shown"] == list(range(16))
    series = layer["series"]["forget"]
    values = np.frombuffer(base64.b64decode(series["values"]), np.uint8).reshape(16, -1)
    restored = (values.astype(float) - 128) / 127 * series["top"]
    np.testing.assert_allclose(restored.T, trace.gates["forget"], atol=0.005)


def test_a_wide_network_shows_as_many_units_as_a_page_can_hold(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = open_run(trained)
    monkeypatch.setattr(traces, "MAX_VALUES", 5 * 6 * SHOWN)  # 5 of the 16 units, of 6 series
    found = traces.unit_traces(load_network(run), run.tokenizer(), own_part(run, "test").tokens)
    layer = found["layers"][0]
    assert len(layer["shown"]) == 5
    assert {d["unit"] for d in found["detectors"]} <= set(layer["shown"])
    assert layer["units"] == 16
    (trace,) = trace_gates(load_network(run), own_part(run, "test").tokens[: traces.READ])
    series = layer["series"]["output"]
    values = np.frombuffer(base64.b64decode(series["values"]), np.uint8).reshape(5, SHOWN).astype(float)
    shown = trace.gates["output"][:SHOWN, layer["shown"]]
    np.testing.assert_allclose((values.T - 128) / 127 * series["top"], shown, atol=0.005)


def test_passages_have_the_surprisal_of_the_whole_text_and_are_evenly_spaced(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = open_run(trained)
    network, tokens = load_network(run), own_part(run, "test").tokens
    nats = np.empty(len(tokens), np.float32)
    held_out_nats(network, tokens, each=nats)
    monkeypatch.setattr(passages, "LENGTH", 90)
    monkeypatch.setattr(passages, "AROUND", 100)
    found = passages.surprisal_passages(network, run.tokenizer(), tokens)
    assert len(found) == passages.PASSAGES
    starts = [round(each.at * len(tokens)) for each in found]
    assert starts == sorted(set(starts))
    text = run.tokenizer().decode(tokens.tolist())
    first = found[0]
    assert text[starts[0] : starts[0] + 90] == "".join(first.pieces)
    assert text[starts[0] - 1] == "\n"  # it begins with a line
    np.testing.assert_allclose(first.nats, nats[starts[0] :][:90], rtol=1e-3, atol=1e-3)
    as_json = first.as_dict()
    assert as_json["bits"] == [round(10 * n / math.log(2)) for n in first.nats]
    assert len(as_json["levels"]) == len(as_json["pieces"]) == 90


@pytest.mark.slow
def test_perplexity_and_pseudo_perplexity_stand_in_tables_of_their_own(
    report: RunReport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting, "GAPS", 4)
    corpus = Path(report.opened.config["data"]["corpus"][0])
    run = rnngen.train(corpus, out=tmp_path / "both", steps=4, valid_every=2, bidirectional=True, **FAST)
    both = collect(run)
    page = render([report, both])
    perplexity, pseudo = page.index("<h3>Perplexity</h3>"), page.index("<h3>Pseudo-perplexity</h3>")
    assert "both</span></th>" not in page[perplexity:pseudo]
    assert "both</span></th>" in page[pseudo:]
    assert page.count('class="chart" id="chart-curves-') == 2
    assert "<h3>Words filled in</h3>" in page
    assert both.gaps is not None
    assert f"{both.gaps.right} of {both.gaps.words} (" in page
    filled = [part for sample in both.samples for part in sample.parts if isinstance(part, FilledWord)]
    for word in filled:
        assert f'<span class="{"right" if word.is_right else "wrong"}">{escape(str(word))}</span>' in page


@pytest.mark.slow
def test_a_run_has_one_colour_and_one_letter_everywhere(report: RunReport, trained: Path) -> None:
    twin = collect(open_run(sibling(trained, "twin", train__seed=3, optimizer__clip=0.5)))
    page = render([report, twin])
    marks = set(re.findall(r'<span class="run (run-\d)"><span class="mark">(\w)</span>(\w+)</span>', page))
    assert marks == {("run-0", "a", "run"), ("run-1", "b", "twin")}
    drawn = json.loads(re.search(r"const charts = (.*);\n", page).group(1))  # type: ignore[union-attr]
    explained = {"kind-0", "frequency-0", "reliability-0", "context-0"}
    assert drawn.keys() == {"curves-0", "norms", "gradients"} | explained
    for chart in drawn.values():
        coloured = re.findall(r'"color": ({.*?"type": "nominal"})', json.dumps(chart))
        assert coloured
        assert all('"domain": ["run", "twin"]' in each for each in coloured)
    themes = json.loads(re.search(r"const themes = (.*);\n", page).group(1))  # type: ignore[union-attr]
    assert [themes["light"][f"run-{n}"] for n in range(2)] == list(LIGHT[:2])
    settings = page[page.index('id="settings"') : page.index('id="curves"')]
    assert re.findall(r"<tr><th>([a-z-]+)</th><td>(.*?)</td><td>(.*?)</td></tr>", settings) == [
        ("clip", "1", "0.5"),
        ("seed", "0", "3"),
    ]
    assert "embedding" not in settings


def test_the_charts_of_where_the_nats_go_have_the_numbers_of_the_explanation(report: RunReport) -> None:
    explained = report.explained
    assert explained is not None
    assert explained.context is not None
    page = render([report])
    assert f"{explained.calibration.error:.4f}" in page
    drawn = json.loads(re.search(r"const charts = (.*);\n", page).group(1))  # type: ignore[union-attr]

    def data(name: str, layer: int) -> list[dict[str, float]]:
        data = drawn[name].get("data") or drawn[name]["layer"][layer]["data"]
        return list(drawn[name]["datasets"][data["name"]])

    found = explained.as_dict()
    assert [(row["group"], row["nats"], row["tokens"]) for row in data("kind-0", 0)] == [
        (each["kind"], each["share_of_nats"], each["share_of_tokens"]) for each in found["kind"]
    ]
    assert [row["group"] for row in data("frequency-0", 0)] == [each["seen"] for each in found["frequency"]]
    assert [(row["confidence"], row["right"]) for row in data("reliability-0", 1)] == [
        (each["confidence"], each["accuracy"]) for each in found["calibration"]["reliability"]
    ]
    assert [(row["tokens"], row["nats"]) for row in data("context-0", 1)] == [
        (each["tokens"], each["nats_per_token"]) for each in found["context"]["lengths"]
    ]
    assert explained.context.positions == collecting.POSITIONS


def test_the_picture_of_an_explanation_has_a_chart_for_each_question(
    report: RunReport, trained: Path, cli: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[dict[str, Any]] = []
    monkeypatch.setattr("vl_convert.vegalite_to_svg", lambda spec: drawn.append(spec) or "<svg></svg>")
    Path("t.txt").write_text(make_text(200, 4))
    assert cli("eval", trained, "t.txt", "--explain", "--picture", "t.svg").code == 0
    assert Path("t.svg").read_text() == "<svg></svg>"
    titles = json.dumps(drawn[0]["vconcat"])
    for title in ("kind of token", "times seen in training", "how often it was right", "tokens of context"):
        assert f'"title": "{title}' in titles


def test_a_run_that_exploded_is_shown_with_what_there_is(trained: Path, report: RunReport) -> None:
    broken = sibling(trained, "broken")
    (broken / "model.safetensors").write_bytes(b"nothing")
    exploded = collect(open_run(broken))
    assert set(exploded.missing) == {"scores", "gradients", "gates", "surprisal", "samples"}
    page = render([report, exploded])
    assert page.count('<p class="missing">') == 5
    assert "broken" in json.dumps(json.loads(re.search(r"const charts = (.*);\n", page).group(1))["curves-0"])  # type: ignore[union-attr]
    assert 'class="chart" id="chart-gradients"' in page
    assert render([exploded])


def test_no_page_says_where_files_lie(report: RunReport) -> None:
    folder = str(Path(report.opened.config["data"]["corpus"][0]).parent)
    assert json.loads(report.config)["data"]["corpus"] == ["corpus.txt"]
    assert folder not in report.config
    told = {"init_from": {"run": "/home/me/first"}, "data": {"documents": "/a/b", "valid": ["../x/*.txt", "-"]}}
    assert _without_folders(told) == {
        "init_from": {"run": "first"},
        "data": {"documents": "/a/b", "valid": ["*.txt", "-"]},
    }


@pytest.mark.parametrize(("written", "blank"), [(" \n " * 40 + "a", True), ("\n\n", True), ("a b\n" * 9, False)])
def test_a_sample_of_white_space_says_so(report: RunReport, written: str, blank: bool) -> None:
    page = render([replace(report, samples=[Sample("temperature 0.5", [written])])])
    assert ("<h4>temperature 0.5: almost all of it is white space</h4>" in page) == blank


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


@pytest.mark.slow
def test_a_curve_begins_with_the_weights_that_training_began_with(report: RunReport) -> None:
    step_0, *_, last = report.card.curve
    spec = learning_curves(describe_runs([report.opened]).runs, "epochs")
    assert spec is not None
    training, validation = (spec["datasets"][layer["data"]["name"]] for layer in spec["layer"])
    np.testing.assert_allclose([(row["seconds"], row["nats"]) for row in validation], report.card.curve, rtol=1e-5)
    assert [row["steps"] for row in validation] == [0, 20, 40, 60]
    assert len(training) == 12
    assert spec["layer"][1]["encoding"]["x"]["field"] == "epochs"
    assert step_0[1] > last[1]
    at_once = replace(report, card=replace(report.card, curve=((0, 3.5), (0, 2.5)), steps=0, epochs=None, seconds=0))
    assert "for validation" in render([at_once])
    early = replace(report, card=replace(report.card, steps=20, finished=True))
    assert "(finished early)" in render([early])
    assert "(finished early)" not in render([report])


def test_the_command_writes_the_page_and_says_where(cli, trained: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    outcome: Outcome = cli("report", trained, "--out", tmp_path / "r.html")
    assert (outcome.code, outcome.out) == (0, f"{tmp_path / 'r.html'}\n")
    assert "<h3>Gates</h3>" in (tmp_path / "r.html").read_text(encoding="utf-8")
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
    assert (
        len(re.findall(r"<svg[^>]*class=\"marks\"", dom)) == 7
    )  # learning curve, gradient norms, gradient flow; where the nats go
    assert "--tone: var(--" in dom
    assert dom.count('class="mark"') > 3
    assert dom.count("<option") > 5


@pytest.mark.slow
def test_the_page_names_the_text_it_read_and_shows_each_run_once(  # type: ignore[no-untyped-def]
    cli, trained: Path, tmp_path: Path
) -> None:
    text = tmp_path / "some text.txt"
    text.write_text(make_text(4000, seed=8), encoding="utf-8")
    outcome: Outcome = cli("report", trained, "checkpoints/tiny", "--text", text, "--out", "r.html")
    assert outcome.code == 0, outcome.err
    page = Path("r.html").read_text(encoding="utf-8")
    assert page.count("<h3>Gates</h3>") == 1
    assert "some text.txt" in page
    assert "held out from training" not in page
    assert cli("report", trained, "--text", "gone.txt", "--out", "other.html").code == 1
    assert not Path("other.html").exists()
    os.mkfifo("pipe")
    assert cli("report", trained, "--out", "pipe").code == 2


def test_words_put_back_are_a_sample() -> None:
    assert put_back(0, 20) == "0 of 20 (0%; 95% interval: 0% to 16%)"
    assert put_back(81, 263) == "81 of 263 (31%; 95% interval: 26% to 37%)"  # Newcombe 1998, table I


def test_formulas_have_elements_for_what_is_set_high_or_low() -> None:
    plain = "∂cᵗ/∂cᵗ⁻¹ = diag(fᵗ) < |λₘₐₓ| · ‖Wₕ‖ · mean σ'² & h₁ in ⟦…⟧"
    assert with_scripts(plain) == (
        "∂c<sup>t</sup>/∂c<sup>t−1</sup> = diag(f<sup>t</sup>) &lt; |λ<sub>max</sub>| · ‖W<sub>h</sub>‖ · "
        "mean σ&#39;<sup>2</sup> &amp; h<sub>1</sub> in ⟦…⟧"
    )


def test_letters_at_the_ends_of_curves_are_neither_cut_off_nor_drawn_over_one_another(trained: Path) -> None:
    runs = describe_runs([open_run(trained), *(open_run(sibling(trained, name)) for name in ("b", "c"))]).runs
    spec = learning_curves(runs, among=[run.name for run in runs])
    assert spec is not None
    letters = spec["layer"][-1]
    assert "clip" not in letters["mark"]
    low, high = letters["encoding"]["y"]["scale"]["domain"]
    ends = spec["datasets"][letters["data"]["name"]]
    assert [end["letter"] for end in ends] == ["a", "b", "c"]
    assert ends[0]["place"] == runs[0].validation.points[-1]["nats"]  # all end there
    apart = np.diff([end["place"] for end in ends])
    assert all(10 < HEIGHT * each / (high - low) < 20 for each in apart)  # pixels


def test_the_title_of_the_page_has_the_letters_too(report: RunReport, trained: Path) -> None:
    title = re.search("<h1>.*</h1>", render([report, replace(report, run=trained)]))
    assert title is not None
    assert re.findall(r'class="mark">(\w)</span>', title[0]) == ["a", "b"]
