"""``rnngen eval --explain`` and ``--surprisal``."""

from __future__ import annotations

import json
import shutil
import unicodedata
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

import rnngen
from rnngen.cli.eval.explanation_tables import on_enough, on_position
from rnngen.cli.eval.progress import Progress
from rnngen.evaluation import reading
from rnngen.evaluation.baselines import token_models
from rnngen.evaluation.blocks import ScoredBlock
from rnngen.evaluation.explanation.context import context_curve
from rnngen.evaluation.explanation.explainer import Explainer
from rnngen.evaluation.explanation.positions import Bin
from tests.conftest import FAST, Outcome, make_text

Cli = Callable[..., Outcome]
TITLES = (
    "By kind of token",
    "By how often a token was seen in training",
    "By position since the text began",
    "By position since the line began",
    "By position since the paragraph began",
    "Accuracy and calibration",
    "The most surprising lines",
    "By how much context the model may see",
)
WRITTEN = "Ünïted: 12 cats.\n\nThe cat sat 3 times, and then it ran.\n" * 6


def rows_of(path: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


def explanation(outcome: Outcome) -> dict[str, Any]:
    assert outcome.code == 0, outcome.err
    found: dict[str, Any] = json.loads(outcome.out)["explanation"]
    return found


def test_the_explanation_agrees_with_the_nats_and_ranks_of_each_token(cli: Cli, trained: Path) -> None:
    Path("t.txt").write_text(WRITTEN, encoding="utf-8")
    outcome = cli("eval", trained, "t.txt", "--explain", "--surprisal", "t.jsonl", "--json")
    found, score, rows = explanation(outcome), json.loads(outcome.out), rows_of("t.jsonl")
    nats = [row["nats"] for row in rows]
    assert sum(nats) == pytest.approx(score["nats"], rel=1e-5)
    assert found["top_1_accuracy"] == pytest.approx(sum(row["rank"] == 0 for row in rows) / len(rows))
    assert found["top_5_accuracy"] == pytest.approx(sum(row["rank"] < 5 for row in rows) / len(rows))
    kinds = {each["kind"]: each for each in found["kind"]}
    letters = [i for i, c in enumerate(WRITTEN) if unicodedata.category(c)[0] == "L" and c not in "Üï"]
    assert kinds["letter"]["tokens"] == len(letters)
    assert kinds["letter"]["nats_per_token"] == pytest.approx(sum(nats[i] for i in letters) / len(letters))
    assert kinds["unknown"]["tokens"] == 2 * 6 + WRITTEN.count(":") + sum(map(str.isdigit, WRITTEN)) + WRITTEN.count(
        ","
    )
    for groups in (found["kind"], found["frequency"]):
        assert sum(each["share_of_nats"] for each in groups) == pytest.approx(1)
        assert sum(each["tokens"] for each in groups) == len(rows)
    train = Counter(make_text(20_000)[:18_000])
    unseen = sum(train[c] == 0 for c in WRITTEN)
    assert {each["seen"]: each["tokens"] for each in found["frequency"]}["0"] == unseen
    lines = WRITTEN.splitlines()
    begun = {"text": 1, "line": len(lines), "paragraph": 1 + 6}  # a paragraph follows an empty line
    assert {name: bins[0]["tokens"] for name, bins in found["position"].items()} == begun
    assert all(sum(each["tokens"] for each in bins) == len(rows) for bins in found["position"].values())
    means = {}
    for number, line in enumerate(lines, 1):
        inside = [row["nats"] for row in rows if row["line"] == number]
        assert len(inside) == len(line) + 1
        means[number] = sum(inside) / len(inside)
    listed = found["lines"]
    assert len(listed) == 2  # each text once
    first = {text: max((n for n in means if lines[n - 1] == text), key=lambda n: means[n]) for text in {*lines} - {""}}
    for each, (text, number) in zip(listed, sorted(first.items(), key=lambda row: -means[row[1]]), strict=True):
        assert (each["line"], each["tokens"]) == (number, len(text) + 1)
        assert each["nats_per_token"] == pytest.approx(means[number])
    assert [each["tokens"] for each in found["context"]["lengths"]] == [1, 2, 3, 4, 5, 8, 16, 32, 64, 128]
    assert found["context"]["positions"] == len(WRITTEN) - 128
    assert found["context"]["whole_nats_per_token"] == pytest.approx(sum(nats[128:]) / len(nats[128:]))
    assert [each["ngram_nats_per_token"] is None for each in found["context"]["lengths"]] == [False] * 5 + [True] * 5


@pytest.mark.usefixtures("trained")
def test_tables_fit_80_columns_and_each_says_what_it_shows(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Mock(wraps=token_models.count_orders)
    monkeypatch.setattr(token_models, "count_orders", counted)
    Path("long.txt").write_text(make_text(6000, 5))
    shown = cli("eval", "checkpoints/tiny", "long.txt", "--explain").out
    assert counted.call_count == 1  # for the baselines and the explanation together
    assert shown.startswith(cli("eval", "checkpoints/tiny", "long.txt").out)
    lines = shown.splitlines()
    assert max(map(len, lines)) <= 80
    titles = [line.partition(",")[0] for line in lines if line.startswith(("By ", "Accuracy ", "The "))]
    assert titles == list(TITLES)
    for title in TITLES:
        at = next(i for i, line in enumerate(lines) if line.startswith(title))
        sentence = lines[at + 1 : lines.index("", at)]
        assert all(line.startswith("  ") for line in sentence)
        assert sentence[-1].endswith(".")
    assert "explanation" not in json.loads(cli("eval", "--json").out)


@pytest.mark.parametrize("text", ["T", make_text(4000, 5)])
def test_nothing_is_concluded_from_a_text_that_is_too_short_for_an_interval(cli: Cli, trained: Path, text: str) -> None:
    Path("t.txt").write_text(text)
    shown = " ".join(cli("eval", trained, "t.txt", "--explain", compared=True).out.split())
    assert "too short for a confidence interval" in shown
    assert "The expected calibration error is" in shown
    for conclusion in ("hardest", "as it says", "confident", "matters", "within 1%", "From", "The model", "explain"):
        assert conclusion not in shown
    baselines = json.loads(cli("eval", trained, "t.txt", "--json", compared=True).out)["baselines"]
    assert baselines["verdict"] is None


@pytest.mark.parametrize(
    ("bins", "says"),
    [
        ([(100, 1.0)], None),
        ([(1, 3.0), (100, 1.0), (99, 2.0)], None),
        ([(100, 1.0), (99, 9.0), (100, 1.05)], "matters little."),
        ([(100, 1.0), (100, 1.27), (100, 1.05)], "a line is hardest to predict at 2."),
        ([(100, 1.0), (100, 0.19), (100, 1.05)], "a line is hardest to predict at 3."),
        ([(100, 1.2), (100, 1.0)], "how a line begins is harder to predict than how it goes on."),
        ([(100, 1.0), (100, 1.2)], "how a line begins is easier to predict than how it goes on."),
    ],
)
def test_positions_are_compared_where_there_are_enough_tokens(bins: list[tuple[int, float]], says: str | None) -> None:
    all_ = [Bin(k, k, tokens, tokens * nats) for k, (tokens, nats) in enumerate(bins, 1)]
    said = on_position(all_, "line", "nats per token")
    assert said.endswith(says) if says else said == ""
    assert ("of positions with 100 tokens or more" in said) == (says == "matters little.")


@pytest.mark.parametrize(
    ("tokens", "more", "says"),
    [
        ([1, 2], [0.0, 0.0], "1 token of context comes within 1% of the loss with all of it"),
        ([1, 2], [0.5, 0.0], "2 tokens of context come within 1% of the loss with all of it"),
        ([1, 2], [0.5, 0.5], "More than 2 tokens of context are used"),
        ([1], [0.5], "More than 1 token of context is used"),
        ([1, 2], [-0.07, -0.02], "Less context is better here: with 1 token of context, the loss is 7% lower"),
    ],
)
def test_how_much_context_is_used_is_said_as_the_table_has_it(tokens: list[int], more: list[float], says: str) -> None:
    whole = np.ones(50)
    curve = context_curve(whole, [(k, whole + each) for k, each in zip(tokens, more, strict=True)])
    assert on_enough(curve) == says
    assert context_curve(whole[:1], [(1, whole[:1] - 0.5)]).better is None  # of one position nothing is known


def test_a_training_part_that_is_gone_is_a_note(cli: Cli, corpus: Path, tmp_path: Path) -> None:
    rnngen.train(corpus, out="run", steps=1, **FAST)
    Path("t.txt").write_text(make_text(300, 5))
    corpus.unlink()
    shutil.rmtree(tmp_path / "cache")
    outcome = cli("eval", "run", "t.txt", "--explain", "--json")
    found = explanation(outcome)
    assert "the run's training part is gone" in outcome.err
    assert found["frequency"] is None
    assert all(each["ngram_nats_per_token"] is None for each in found["context"]["lengths"])
    assert "seen in training" not in cli("eval", "run", "t.txt", "--explain").out


@pytest.mark.parametrize("text", ["T", "Th", "\n"])
def test_a_text_of_a_token_or_two_is_explained_too(cli: Cli, trained: Path, text: str) -> None:
    Path("t.txt").write_text(text)
    outcome = cli("eval", trained, "t.txt", "--explain", "--json")
    found = explanation(outcome)
    assert sum(each["tokens"] for each in found["kind"]) == len(text)
    assert ("too short to measure how much context" in outcome.err) == (len(text) == 1)
    assert cli("eval", trained, "t.txt", "--explain").code == 0


ROWS = "".join(json.dumps({"text": f"{name}ton\nby it", "genre": g}) + "\n" for name in "ABCDEFGH" * 3 for g in "xy")


@pytest.mark.parametrize(
    ("content", "name", "options", "kind"),
    [
        (make_text(6000), "t.txt", {"bidirectional": True}, None),
        (make_text(6000), "t.txt", {"tokenizer": "words-closed", "min_count": 45}, "unknown"),
        (ROWS, "t.jsonl", {"label_field": "genre"}, "label"),
        (make_text(3000) + "猫が座った。\n" * 30, "t.txt", {"tokenizer": "byte"}, "part of a character"),
    ],
    ids=["bidirectional", "closed vocabulary", "labelled documents", "bytes"],
)
def test_runs_of_every_kind_are_explained(
    cli: Cli, content: str, name: str, options: dict[str, Any], kind: str | None
) -> None:
    Path(name).write_text(content, encoding="utf-8")
    rnngen.train(name, out="run", steps=1, **FAST, **options)
    outcome = cli("eval", "run", "--explain", "--surprisal", "rows", "--json", "--gaps", 0)
    found, score, rows = explanation(outcome), json.loads(outcome.out), rows_of("rows")
    pseudo = "pseudo_" if "bidirectional" in options else ""
    assert len(rows) == score["tokens"] == sum(each["tokens"] for each in found["kind"])
    mean = sum(row[f"{pseudo}nats"] for row in rows) / len(rows)
    assert mean == pytest.approx(score[f"{pseudo}nats_per_token"], rel=1e-5)
    assert kind is None or kind in {each["kind"] for each in found["kind"]}
    assert found["context"]["both_sides"] == bool(pseudo)
    assert any(each["ngram_nats_per_token"] for each in found["context"]["lengths"]) == (not pseudo)
    last = rows[-1]
    assert last["byte"] + len(last["token"].encode()) == score["bytes"]
    assert last["character"] + len(last["token"]) == score["characters"]
    assert last["line"] == score["lines"]
    if "documents" in score:
        ends = next(each for each in found["kind"] if each["kind"] == "end of document")
        assert ends["tokens"] == score["documents"] == found["position"]["document"][0]["tokens"]
        assert list(found["position"]) == ["document", "line", "paragraph"]
    shown = cli("eval", "run", "--explain", "--gaps", 0).out
    assert ("pseudo-nats per token" in shown) == bool(pseudo)


def test_surprisal_is_that_of_each_token_in_python(cli: Cli, trained: Path) -> None:
    text = make_text(300, 4) + "Ω"
    Path("t.txt").write_text(text, encoding="utf-8")
    shown = cli("eval", trained, "t.txt", "--surprisal", "t.jsonl")
    assert shown.out == cli("eval", trained, "t.txt").out
    tokens = rnngen.score(text, run=trained).tokens
    rows = rows_of("t.jsonl")
    assert [(row["token"], row["nats"]) for row in rows] == [(t.text, pytest.approx(t.nats)) for t in tokens]
    assert [list(row) for row in rows] == [["token", "byte", "character", "line", "nats", "rank"]] * len(text)
    for at, row in enumerate(rows[:-1]):
        assert (row["byte"], row["character"], row["line"]) == (at, at, text[:at].count("\n") + 1)
    assert rows[-1]["token"] == "\ufffd"
    assert not [path for path in Path().iterdir() if path.suffix == ".tmp"]
    piped = cli("eval", trained, "t.txt", "--surprisal", "-")
    assert piped.out == Path("t.jsonl").read_text(encoding="utf-8")
    assert cli("eval", trained, "t.txt", "--surprisal", "t.jsonl").code == 0  # written again


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--surprisal", "corpus.txt"], "--surprisal names a file of another kind"),
        (["--surprisal", "no/t.jsonl"], "--surprisal cannot be written"),
        (["--surprisal", "-", "--json"], "--surprisal - and --json both write to standard output"),
        (["--surprisal", "-", "--explain"], "--surprisal - and --explain both write to standard output"),
        (["--spot", "3", "--explain"], "it scores nothing"),
        (["--picture", "t.svg"], "Give --explain too"),
        (["--explain", "--picture", "t.txt"], "a name that ends in .svg or .png"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is_read(
    cli: Cli, trained: Path, corpus: Path, arguments: list[str], said: str
) -> None:
    before = corpus.read_bytes()
    outcome = cli("eval", trained, *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err
    assert outcome.err.count("\n") == 1
    assert corpus.read_bytes() == before


def test_an_interruption_leaves_no_part_of_a_file_of_surprisal(
    cli: Cli, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: Progress, block: ScoredBlock) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(reading, "BLOCK", 256)
    monkeypatch.setattr(Progress, "add", interrupted)
    Path("out").mkdir()
    assert cli("eval", trained, "--surprisal", "out/t.jsonl").code == 130
    assert not list(Path("out").iterdir())


def test_an_interruption_between_blocks_leaves_the_nats_of_all_tokens_so_far(
    cli: Cli, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Progress.read

    def interrupted(self: Progress, tokens: int) -> None:
        if self._known >= 256:
            raise KeyboardInterrupt
        read(self, tokens)

    monkeypatch.setattr(reading, "BLOCK", 256)
    monkeypatch.setattr(Progress, "read", interrupted)
    outcome = cli("eval", trained, "--surprisal", "t.jsonl", "--json")
    score = json.loads(outcome.out)
    assert (outcome.code, score["complete"]) == (130, False)
    assert len(rows_of("t.jsonl")) == score["tokens"]


def test_an_interruption_while_context_is_measured_leaves_all_other_tables(
    cli: Cli, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Explainer, "context", Mock(side_effect=KeyboardInterrupt))
    outcome = cli("eval", trained, "--explain")
    assert outcome.code == 130
    assert [title for title in TITLES if title in outcome.out] == list(TITLES[:-1])
