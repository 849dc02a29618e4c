"""``rnngen inspect --compare``: what differs comes first, what cannot be compared is said, and three runs fit."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import rnngen
from rnngen.cli.app import run
from rnngen.cli.console import Console
from rnngen.plaintext.widths import cut, width
from rnngen.python.evaluation import evaluate
from tests.cli.test_screen import Terminal
from tests.conftest import FAST, Outcome, make_text
from tests.runs.test_comparison import GROUP, sibling

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
    first = sibling(trained, "first", siblings=GROUP)
    out = cli("inspect", "--compare", first, sibling(first, "twin", train__seed=1)).out
    assert "a first, b twin differ in nothing but their seed (0, 1):\n  validation: " in out
    assert " ± 0.0000 nats per token, " in out
    assert "(2 runs: mean ± standard deviation, range)" in " ".join(out.split())


@pytest.mark.parametrize("columns", [80, 120])
def test_three_runs_with_long_names_fit_a_terminal(
    trained: Path, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sibling(trained, "one", siblings=GROUP)
    names = ["one", "a-run-whose-name-says-at-length-what-it-is-one", "a-run-whose-name-says-at-length-what-it-is-two"]
    for seed, name in enumerate(names[1:], 1):
        sibling(trained, name, train__seed=seed, siblings=GROUP, data__corpus=[f"/somewhere/{'long' * 9}.txt"])
    monkeypatch.setenv("COLUMNS", str(columns))
    screen = Terminal()
    assert run(["inspect", "--compare", *(f"checkpoints/{name}" for name in names)], Console(screen, None)) == 0
    lines = screen.getvalue().splitlines()
    table = lines[4 : next(n for n, line in enumerate(lines) if line.startswith("a one, b a-run"))]
    assert max(map(width, lines)) <= columns
    assert " differ in nothing but their seed (0, 1, 2):" in " ".join(screen.getvalue().split())
    heading = table[0].split()
    assert heading[::2] == ["a", "b", "c"]
    assert heading[1] == "one"
    assert heading[3] != heading[5]


def test_what_hardly_changes_the_result_comes_last_and_the_vocabulary_beside_the_parameters(
    cli: Cli, trained: Path
) -> None:
    sibling(trained, "other", train__save_every=7, train__threads=3, optimizer__clip=0.5, given=["save_every"])
    lines = [line.strip() for line in cli("inspect", "--compare", trained, "checkpoints/other").out.splitlines()]
    places = ["settings that differ: decided by rules or by measuring", "results"]
    at = [lines.index(each) for each in (*places, "settings that differ: measuring and saving")]
    assert at == sorted(at)
    assert {line.split()[0] for line in lines[at[2] + 1 : at[2] + 3]} == {"save-every", "threads"}
    rows = {line.partition("  ")[0]: line.split()[1:] for line in lines}
    size = len(set(Path(json.loads((trained / "config.json").read_text())["data"]["corpus"][0]).read_text()))
    assert rows["vocabulary"] == [f"{size + 1}"] * 2  # and one for unknown characters
    assert lines.index(next(line for line in lines if line.startswith("parameters"))) > at[1]


def test_advice_is_only_given_where_it_helps(cli: Cli, trained: Path, corpus: Path) -> None:
    files = {"corpus": [str(corpus)], "valid": [str(corpus)]}
    rnngen.train(**files, out="checkpoints/closed", steps=2, tokenizer="words-closed", **FAST)
    Path("new.txt").write_text(make_text(500, seed=9), encoding="utf-8")
    for text in ([], ["--text", "new.txt"]):
        out = cli("inspect", "--compare", "checkpoints/closed", trained, *text).out
        said = " ".join(out.split())
        assert "scores of other vocabularies do not compare" in said
        assert "different texts" in said or "other parts held out" in said
        assert "can be compared" not in said
        assert "--text FILE" not in said
        assert not re.search(r"scores on .* can\b", said)


def test_a_text_is_looked_for_before_a_run_is_scored(cli: Cli, trained: Path) -> None:
    outcome = cli("inspect", "--compare", trained, sibling(trained, "b"), "--text", "nofile.txt")
    assert (outcome.code, outcome.out) == (1, "")
    assert "nofile.txt: no such file" in outcome.err
    assert "scoring" not in outcome.err


def test_tokens_of_different_tokenizers_are_no_common_axis(cli: Cli, trained: Path, corpus: Path) -> None:
    words = rnngen.train(corpus, out="checkpoints/words", steps=2, tokenizer="word", **FAST).path
    note = "note: curves against tokens do not compare where tokens differ; others do: --against epochs"
    assert note in " ".join(cli("inspect", "--compare", trained, words, "--against", "tokens").out.split())
    assert note not in " ".join(cli("inspect", "--compare", trained, words, "--against", "epochs").out.split())
    assert note not in " ".join(
        cli("inspect", "--compare", trained, sibling(trained, "b"), "--against", "tokens").out.split()
    )


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
