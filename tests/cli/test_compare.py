"""``rnngen inspect --compare``: what differs comes first, what cannot be compared is said, and three runs fit."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from rnngen.cli.app import run
from rnngen.cli.console import Console
from rnngen.plaintext.widths import cut, width
from rnngen.python.evaluation import evaluate
from tests.cli.test_screen import Terminal
from tests.conftest import Outcome, make_text
from tests.runs.test_comparison import sibling

Cli = Callable[..., Outcome]


def test_differences_come_first_then_scores_then_curves(cli: Cli, trained: Path) -> None:
    sibling(trained, "clipped", optimizer__clip=0.5, train__seed=4)
    outcome = cli("inspect", "--compare", "checkpoints/tiny", "checkpoints/clipped", "--against", "tokens")
    assert outcome.code == 0, outcome.err
    lines = outcome.out.splitlines()
    assert lines[:2] == ["a  checkpoints/tiny", "b  checkpoints/clipped"]
    rows = {line[:28].strip(): line[28:].split() for line in lines}
    at = {line.strip(): n for n, line in enumerate(lines)}
    assert at["settings that differ: decided by rules or by measuring"] < at["results"]
    assert rows["clip"] == ["1", "0.5"]
    assert rows["seed"] == ["0", "4"]
    assert "steps clipped" in rows
    assert "nats per token on the validation part, against tokens read" in at
    assert "nats per token of the training steps, against tokens read" in at
    assert not any(line.startswith("note:") for line in lines)
    assert "test, nats per token" not in outcome.out


def test_scores_on_the_test_part_or_on_one_text_are_those_of_eval(cli: Cli, trained: Path) -> None:
    other = sibling(trained, "other", corpus__fingerprint="1" * 64)
    found = json.loads(cli("inspect", "--compare", trained, sibling(trained, "same"), "--test", "--json").out)
    assert [run["score"] for run in found["runs"]] == [evaluate(trained).nats_per_token] * 2
    assert found["runs"][0]["curves"]["validation"]["steps"] == [0, 20, 40, 60]
    assert found["differences"] == found["warnings"] == found["siblings"] == []
    Path("new.txt").write_text(make_text(2000, seed=9), encoding="utf-8")
    outcome = cli("inspect", "--compare", trained, other, "--text", "new.txt")
    said = " ".join(outcome.out.split())
    assert "note: trained and validated on different texts (tiny; other), so their validation scores" in said
    assert "cannot be compared; the scores on new.txt can" in said
    assert f"{evaluate(trained, 'new.txt').nats_per_token:.4f}" in outcome.out
    assert outcome.err.splitlines() == ["scoring tiny", "scoring other"]
    unscored = cli("inspect", "--compare", trained, other, "--test").out
    assert "to score all on one text: --text FILE" in unscored
    assert "b other: not scored: " in " ".join(unscored.split())  # the text that its config names is another one


def test_siblings_are_summed_up(cli: Cli, trained: Path) -> None:
    sibling(trained, "twin", train__seed=1)
    out = cli("inspect", "--compare", trained, "checkpoints/twin").out
    assert "a tiny, b twin differ in nothing but their seed (0, 1):\n  validation: " in out
    assert " ± 0.0000 nats per token, " in out
    assert "(2 runs: mean ± standard deviation, range)" in " ".join(out.split())


@pytest.mark.parametrize("columns", [80, 120])
def test_three_runs_with_long_names_fit_a_terminal(
    trained: Path, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["tiny", "a-run-whose-name-says-at-length-what-it-is-one", "a-run-whose-name-says-at-length-what-it-is-two"]
    for seed, name in enumerate(names[1:], 1):
        sibling(trained, name, train__seed=seed, data__corpus=[f"/somewhere/{'long' * 9}.txt"])
    monkeypatch.setenv("COLUMNS", str(columns))
    screen = Terminal()
    assert run(["inspect", "--compare", *(f"checkpoints/{name}" for name in names)], Console(screen, None)) == 0
    lines = screen.getvalue().splitlines()
    table = lines[4 : next(n for n, line in enumerate(lines) if line.startswith("a tiny, b a-run"))]
    assert max(map(width, lines)) <= columns
    assert " differ in nothing but their seed (0, 1, 2):" in " ".join(screen.getvalue().split())
    heading = table[0].split()
    assert heading[::2] == ["a", "b", "c"]
    assert heading[1] == "tiny"
    assert heading[3] != heading[5]


def test_a_picture_of_the_curves(cli: Cli, trained: Path) -> None:
    sibling(trained, "twin", train__seed=1)
    outcome = cli("inspect", "--compare", trained, "checkpoints/twin", "--against", "epochs", "--picture", "c.svg")
    assert outcome.code == 0, outcome.err
    picture = Path("c.svg").read_text(encoding="utf-8")
    assert all(f">{text}<" in picture for text in ("epochs", "nats per token", "tiny", "twin", "Learning curves"))
    both = sibling(trained, "both", model__bidirectional=True)
    outcome = cli("inspect", "--compare", trained, both, "--picture", "d.svg")
    assert (outcome.code, os.path.exists("d.svg")) == (2, False)  # noqa: PTH110
    assert "one picture cannot hold scores that do not compare" in outcome.err


def test_mistakes_say_what_to_type(cli: Cli, trained: Path) -> None:
    for arguments, said in (
        (["--compare"], "--compare needs at least two runs; found none. Type: rnngen inspect --compare RUN RUN."),
        (["--compare", trained], "--compare needs at least two runs; found one"),
        (["--compare", trained, "checkpoints/tiny"], "a comparison needs at least two runs"),
        ([trained, "--test"], f"One run is scored by: rnngen eval {trained}"),
        (["--compare", trained, trained, "--against", "days"], "invalid value for --against"),
        (["--compare", trained, sibling(trained, "b"), "--text", "-"], "--text cannot be standard input"),
        (["--compare", trained, trained, "--test", "--text", "a"], "--test and --text are two ways to score runs"),
    ):
        outcome = cli("inspect", *arguments)
        assert (outcome.code, outcome.out) == (2, ""), arguments
        assert said in outcome.err


def test_names_are_shortened_in_the_middle_by_cells() -> None:
    assert cut("short", 5, "middle") == "short"
    assert cut("abcdefghij", 5, "middle") == "ab…ij"
    assert width(cut("世界和平你好", 7, "middle")) <= 7
    assert cut("abc", 1, "middle") == "…"
    assert cut("abc", 0, "middle") == ""
