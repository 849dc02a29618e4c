"""``rnngen inspect gradients`` and ``rnngen demo gradients``: what they show of one run, and of several."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import rnngen
from rnngen.inspection.explanation import explain, fraction
from rnngen.inspection.gradients import furthest, gradient_flow
from rnngen.model.load import load_network
from rnngen.runs.finding import open_run
from rnngen.runs.own_text import own_part
from tests.conftest import FAST, Outcome, make_text

Cli = Callable[..., Outcome]


@pytest.fixture
def rnn(corpus: Path) -> Path:
    """A small run with another cell, on the text of ``trained``."""
    return rnngen.train(corpus, out="checkpoints/rnn", steps=2, cell="rnn", num_layers=2, **FAST).path


@pytest.mark.usefixtures("trained")
def test_one_run_is_shown_with_a_table_sentences_and_a_curve(cli: Cli, trained: Path) -> None:
    outcome = cli("inspect", "gradients", "--lags", 50)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith("checkpoints/tiny: ")
    rows = [line.split() for line in outcome.out.splitlines()[4:11]]
    assert [row[0] for row in rows] == ["0", "1", "2", "5", "10", "20", "50"]
    run = open_run(trained)
    network = load_network(run)
    h, c = gradient_flow(network, own_part(run, "test").tokens, 50)
    for row in rows:
        lag = int(row[0])
        assert (row[1], row[5], row[9]) == (f"{h.median[lag]:.2e}", f"{c.median[lag]:.2e}", f"{c.bound[lag]:.2e}")
    said = " ".join(outcome.out.split())
    for sentence in explain([h, c], network.config)["layer 1"]:
        assert f"- {sentence} " in said
    assert "fraction of the gradient at lag 0" in outcome.out
    assert f"a layer 1, h {h.verdict.words} b layer 1, c " in said  # in several lines if it is long
    assert "\x1b" not in outcome.out
    assert max(map(len, outcome.out.splitlines())) <= 80


@pytest.mark.usefixtures("trained")
def test_json_has_the_librarys_numbers(cli: Cli, trained: Path) -> None:
    Path("new.txt").write_text(make_text(3000, seed=5), encoding="utf-8")
    found = json.loads(cli("inspect", "gradients", "--text", "new.txt", "--lags", 30, "--json").out)
    run = open_run(trained)
    tokens = run.tokenizer().encode(make_text(3000, seed=5))
    expected = gradient_flow(load_network(run), tokens, 30)
    assert [(f["layer"], f["state"]) for f in found["flows"]] == [(1, "h"), (1, "c")]
    for flow, f in zip(expected, found["flows"], strict=True):
        for name in ("mean", "median", "left", "bound"):
            assert f[name] == pytest.approx(getattr(flow, name).tolist(), rel=1e-9)
        assert f["words"] == flow.verdict.words
    factors = expected[0].factors
    assert factors.gates is not None
    assert found["spectral_radius"]["layer 1"].keys() == {"input", "forget", "candidate", "output"}
    assert found["factors"]["layer 1"]["gates"] == pytest.approx(factors.gates.tolist())
    assert found["lags"] == 30


def test_several_runs_are_shown_in_one_table_and_one_chart(cli: Cli, trained: Path, rnn: Path) -> None:
    outcome = cli("inspect", "gradients", trained, rnn, "checkpoints/tiny", "--lags", 20)
    assert (outcome.code, outcome.err) == (0, "")
    flows = []
    for folder in (trained, rnn):
        run = open_run(folder)
        flows.append(furthest(gradient_flow(load_network(run), own_part(run, "test").tokens, 20)))
    lines = outcome.out.splitlines()
    assert lines[2].split() == ["run", "state", "lag", "1", "lag", "2", "lag", "5", "lag", "10", "lag", "20"]
    for line, letter, flow in zip(lines[3:5], "ab", flows, strict=True):
        assert line.split()[0] == letter
        assert flow.name in line
        assert line.split()[-5:] == [fraction(float(flow.left[lag])) for lag in (1, 2, 5, 10, 20)]
    left = [fraction(float(flow.left[20])) for flow in flows]
    assert f"20 steps back: tiny {left[0]}, rnn {left[1]} of the gradient at lag 0 is left.\n" in outcome.out
    assert f"a tiny: {flows[0].verdict.words}\n" in outcome.out
    assert max(map(len, lines)) <= 80
    drawn = outcome.out.partition("┌")[2].partition("└")[0]
    assert {"a", "b"} <= set(drawn)
    assert "c tiny" not in outcome.out  # each run once


@pytest.mark.slow
def test_what_makes_curves_say_less_is_said(cli: Cli, trained: Path, rnn: Path) -> None:
    assert "differ" not in cli("inspect", "gradients", trained, rnn, "--lags", 5).out
    Path("other.txt").write_text(make_text(30_000, seed=3), encoding="utf-8")
    words = rnngen.train("other.txt", out="checkpoints/words", steps=2, tokenizer="word", **FAST)
    said = " ".join(cli("inspect", "gradients", trained, words.path, "--lags", 5).out.split())
    assert re.search(r"the runs differ in these \(tiny: char; words: word, \d\.\d characters per token\)\.", said)
    assert "The runs read different texts" in said
    assert "different texts" not in cli("inspect", "gradients", trained, words.path, "--text", "other.txt").out


def test_several_runs_are_one_object_of_json_and_fresh_is_said(cli: Cli, trained: Path, rnn: Path) -> None:
    found = json.loads(cli("inspect", "gradients", trained, rnn, "--lags", 10, "--fresh", "--json").out)
    alone = json.loads(cli("inspect", "gradients", rnn, "--lags", 10, "--fresh", "--json").out)
    assert [run["run"] for run in found["runs"]] == [str(trained), str(rnn)]
    assert found["runs"][1] == alone
    assert alone["fresh"] is True
    assert alone["spectral_radius"]["layer 1"]["h"] == pytest.approx(1, abs=1e-4)  # orthogonal
    assert [(f["layer"], f["state"]) for f in alone["flows"]] == [(1, "h"), (2, "h")]
    assert (
        "left some tokens back, median, before training\n"
        in cli("inspect", "gradients", trained, rnn, "--lags", 4, "--fresh").out
    )


@pytest.mark.slow
def test_as_many_lags_are_shown_as_the_shortest_text_allows(cli: Cli, trained: Path) -> None:
    Path("short.txt").write_text(make_text(150, seed=5), encoding="utf-8")
    found = json.loads(cli("inspect", "gradients", trained, "--text", "short.txt", "--json").out)
    assert found["lags"] == 150 - 64 - 16 - 1
    assert json.loads(cli("inspect", "gradients", trained, "--json").out)["lags"] == 100


def test_the_picture_has_a_line_per_run(cli: Cli, trained: Path, rnn: Path) -> None:
    assert cli("inspect", "gradients", trained, rnn, "--lags", 8, "--picture", "flow.svg").code == 0
    picture = Path("flow.svg").read_text(encoding="utf-8")
    assert ">tiny: layer 1, c<" in picture
    assert ">rnn: layer" in picture
    outcome = cli("inspect", "gradients", "nowhere", "--picture", "flow.pdf")
    assert (outcome.code, outcome.out) == (2, "")


def test_curves_are_coloured_on_a_terminal_with_colours(
    cli: Cli, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    coloured = cli("inspect", "gradients", trained, "--lags", 20).out
    assert "\x1b[38;5;68m" in coloured
    assert "\x1b[38;5;166m" in coloured
    monkeypatch.setenv("NO_COLOR", "1")
    plain = cli("inspect", "gradients", trained, "--lags", 20).out
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


@pytest.mark.slow
def test_the_experiment_trains_its_networks_once_and_compares_them(cli: Cli, corpus: Path) -> None:
    command = ("demo", "gradients", "--text", corpus, "--steps", 3, "--hidden-size", 12, "--out", "demo")
    first = cli(*command)
    assert first.code == 0, first.err
    names = [line.split()[1] for line in first.out.splitlines()[3:6]]
    assert names == ["lstm", "rnn", "identity"]
    before = {path: path.stat().st_mtime_ns for path in Path("demo").rglob("*") if path.is_file()}
    run = open_run("demo/identity")
    assert run.config["train"]["steps"] == 3
    network = load_network(run)
    (flow,) = gradient_flow(network, own_part(run, "test").tokens, 100)
    radius = float(np.abs(np.linalg.eigvals(network.weights()["layers.0.weight_hh_l0"].numpy())).max())
    assert f"Wₕ alone: |λₘₐₓ| = {radius:.3g}" in first.out
    assert f"c identity: {flow.verdict.words}\n" in first.out
    found = json.loads(cli(*command, "--json").out)["runs"]
    assert {path: path.stat().st_mtime_ns for path in Path("demo").rglob("*") if path.is_file()} == before
    assert [Path(each["run"]).name for each in found] == names
