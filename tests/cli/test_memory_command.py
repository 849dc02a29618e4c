"""``rnngen inspect memory`` and the experiments that show it."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import rnngen
from rnngen.cli.app import run
from rnngen.cli.console import Console
from rnngen.corpus.named.built import build
from rnngen.demos.memory import NETWORKS
from rnngen.options.planted import PlantedOptions
from rnngen.plaintext.widths import width
from tests.cli.test_runs import Terminal
from tests.conftest import FAST, Outcome

Cli = Callable[..., Outcome]
FEW = {"size": 400, "distance": "5-20"}


@pytest.fixture(scope="module")
def _runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("planted")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("RNNGEN_CACHE", str(folder / "cache"))
        build("adding", None, PlantedOptions.of(FEW))
        for name, options in {"lstm": {}, "both": {"bidirectional": True}}.items():
            rnngen.train("corpora/adding.txt", out=f"checkpoints/{name}", steps=2, **FAST, **options)
    return folder


def test_a_built_text_is_learned_from_line_by_line_and_measured_by_itself(
    cli: Cli, _runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(_runs)
    assert json.loads(Path("checkpoints/lstm/config.json").read_text())["data"]["documents"] == "lines"
    found = json.loads(cli("inspect", "memory", "checkpoints/lstm", "checkpoints/both", "--json").out)
    assert (found["language"], found["kinds"], found["chance"]) == ("adding", 5, 0.2)
    assert [each["run"] for each in found["runs"]] == ["checkpoints/lstm", "checkpoints/both"]
    for each in found["runs"]:
        assert (
            sum(one["n"] for one in each["bins"]) == sum(one["n"] for one in each["by_distance"]) == each["lines"] == 20
        )
        assert all(one["low"] <= one["accuracy"] == one["right"] / one["n"] <= one["high"] for one in each["bins"])
    shown = cli("inspect", "memory", "checkpoints/lstm", "checkpoints/both")
    assert shown.code == 0
    assert max(map(len, shown.out.splitlines())) <= 80
    assert "without memory: 20%" in shown.out
    for each, name in zip(found["runs"], ("lstm", "both"), strict=True):
        assert f"{name} {each['words']} " in " ".join(shown.out.split())
    fresh = json.loads(cli("inspect", "memory", "checkpoints/lstm", "--fresh", "--examples", 7, "--json").out)
    assert (fresh["fresh"], fresh["runs"][0]["lines"]) == (True, 7)


@pytest.mark.parametrize(("columns", "blocks"), [(60, 3), (80, 2)])
def test_five_runs_with_long_names_fit_a_terminal(
    _runs: Path, columns: int, blocks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"a-run-whose-name-says-at-length-what-it-is-{number}" for number in range(5)]
    for name in names:
        shutil.copytree(_runs / "checkpoints" / "lstm", name)
    monkeypatch.setenv("COLUMNS", str(columns))
    screen = Terminal()
    text = _runs / "corpora" / "adding.txt"
    assert run(["inspect", "memory", *names, "--text", str(text), "--examples", "5"], Console(screen, None)) == 0
    shown = screen.getvalue()
    table = shown[shown.index("distance ") : shown.index(f"{names[0]} ")]
    assert max(map(width, table.splitlines())) <= columns
    assert table.count("distance    ") == blocks
    assert table.count("…") >= 4  # the last run may stand alone
    monkeypatch.setenv("COLUMNS", "40")  # of a terminal that a pipe does not write to
    piped = io.StringIO()
    assert run(["inspect", "memory", names[0], "--text", str(text), "--examples", "5"], Console(piped, None)) == 0
    assert max(map(len, piped.getvalue().splitlines())) > 60


def test_texts_that_are_not_in_a_language_or_differ_are_refused(
    cli: Cli, trained: Path, _runs: Path, tmp_path: Path
) -> None:
    lstm = _runs / "checkpoints" / "lstm"
    build("copy", tmp_path / "copy.txt", PlantedOptions.of(FEW))
    for arguments, code, said in (
        ([trained], 1, "is no text whose long-term dependencies are known"),
        ([lstm, "--text", "copy.txt"], 1, "copy.txt: has symbols that the run does not know"),
        ([lstm, "--text", "nothing.txt"], 1, "no such file"),
    ):
        outcome = cli("inspect", "memory", *arguments)
        assert (outcome.code, outcome.out) == (code, ""), arguments
        assert said in outcome.err
        assert outcome.err.count("\n") == 1


def test_an_experiment_trains_its_networks_once_and_compares_them(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["rnn", "bidirectional"]
    small = ("--steps", 2, "--size", 400, "--distance", "5-20")
    networks = {name: {**NETWORKS[name], **FAST} for name in names}
    monkeypatch.setattr("rnngen.demos.memory.NETWORKS", networks)
    first = cli("demo", "copy", *small, "--picture", "copy.svg")
    when = {path: path.stat().st_mtime_ns for path in Path("checkpoints").rglob("model.safetensors")}
    found = json.loads(cli("demo", "copy", *small, "--json").out)
    assert (first.code, len(when)) == (0, 2)
    assert when == {path: path.stat().st_mtime_ns for path in when}
    assert all(each["words"] in " ".join(first.out.split()) for each in found["runs"])
    assert [Path(each["run"]).name for each in found["runs"]] == names
    picture = Path("copy.svg").read_text(encoding="utf-8")
    assert all(name in picture for name in (*names, "without memory"))


def test_corpus_build_tells_how_to_go_on(cli: Cli) -> None:
    outcome = cli("corpus", "build", "brackets", "--distance", "1-9", "--size", 30, "--seed", 4)
    text = Path("corpora/brackets.txt").read_text(encoding="utf-8")
    assert len(text.splitlines()) == 30
    assert outcome.err.startswith(f"corpora/brackets.txt: {len(text):,} characters\n")
    assert "  rnngen train corpora/brackets.txt\n  rnngen inspect memory\n" in outcome.err
    outcome = cli("corpus", "build", "pydoc", "--size", 30)
    assert outcome.code == 2
    assert "--size is for texts that are generated; expected brackets, copy, adding" in outcome.err
