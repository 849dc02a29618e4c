"""Minimal pairs: each sentence has the score that it has by itself, however many are read in parallel."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import rnngen
from rnngen.errors import CorpusError
from rnngen.evaluation import sentences
from rnngen.evaluation.pairs import Accuracy, read_pairs
from rnngen.evaluation.sentences import score_sentences
from rnngen.model.load import load_network
from rnngen.runs.finding import open_run
from tests.conftest import FAST, Outcome

Cli = Callable[..., Outcome]
SENTENCES = ["The cat sat.", "A", "The sat cat.", "The cat sat.", "A bird flew over the tree and the house slowly."]
FILE = Path("pairs.tsv")


@pytest.mark.parametrize(
    "kind",
    [
        {},
        {"tokenizer": "bpe"},
        {"documents": "lines"},
        {"bidirectional": True},
        {"bidirectional": True, "documents": "lines"},
        {"tokenizer": "words-closed"},
    ],
    ids=str,
)
def test_a_sentence_is_scored_as_a_text_of_its_own(
    trained: Path, corpus: Path, kind: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"valid": [corpus]} if "tokenizer" in kind else {}
    run = open_run(rnngen.train(corpus, steps=2, **files, **{**FAST, **kind}).path if kind else trained)  # type: ignore[arg-type]
    monkeypatch.setattr(sentences, "_TOKENS", 40)  # several groups
    found = score_sentences(load_network(run), run.tokenizer(), SENTENCES)
    for sentence, score in zip(SENTENCES, found, strict=True):
        if "documents" in kind:
            expected = rnngen.score(sentence, run=run).tokens
        else:
            expected = rnngen.score(f"\n{sentence}\n", run=run).tokens[1:]
        assert score.tokens == len(expected)
        assert score.nats == pytest.approx(sum(token.nats for token in expected), rel=1e-5)
    assert found[0] == found[3]  # to the last bit


def pairs_file(*rows: str) -> Path:
    FILE.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return FILE


def test_accuracy_in_all_and_per_category(cli: Cli, trained: Path) -> None:
    pairs_file(
        "The cat sat.\tThe xxq qqz.\torder", "", "The qqz sat.\tThe dog sat.\torder", "A dog ran.\tA xqz ran.\tspelling"
    )
    outcome = cli("eval", trained, "--pairs", FILE, "--json")
    assert outcome.code == 0, outcome.err
    found = json.loads(outcome.out)
    assert [each["right"] for each in found["results"]] == [True, False, True]
    assert [each["line"] for each in found["results"]] == [1, 3, 4]
    assert (found["pairs"], found["accuracy"]) == (3, pytest.approx(2 / 3))
    assert {name: each["accuracy"] for name, each in found["categories"].items()} == {"order": 0.5, "spelling": 1.0}
    assert all((each["nats_good"] < each["nats_bad"]) is each["right"] for each in found["results"])
    assert found["provenance"]["weights"]
    assert "3 pairs with unknown symbols" in outcome.err
    shown = cli("eval", trained, "--pairs", FILE, "--per-token", "-q").out.partition("\n\n")[2].splitlines()
    assert [line.split()[:3] for line in shown[1:]] == [
        ["order", "2", "50.0%"],
        ["spelling", "1", "100.0%"],
        ["all", "3", "66.7%"],
    ]
    rows = list(csv.DictReader(io.StringIO(cli("eval", trained, "--pairs", FILE, "--csv", "-q").out)))
    assert [row["right"] for row in rows] == ["True", "False", "True"]
    assert r"spelling & 1 & 100.0\%" in cli("eval", trained, "--pairs", FILE, "--latex", "-q").out
    python = rnngen.pairs(FILE, run=trained)
    assert python.as_dict() == {key: found[key] for key in python.as_dict()}
    assert repr(python).startswith("PairScores(3 pairs, accuracy 66.7%, ")


def test_pairs_in_python(trained: Path) -> None:
    scores = rnngen.pairs([("The cat sat.", "The xqz sat."), ("A dog ran.", "A xqz ran.", "words")], run=trained)
    assert scores.accuracy == 1.0
    assert list(scores.categories) == ["", "words"]
    with pytest.raises(CorpusError, match="pair 2: is not a pair; expected two sentences"):
        rnngen.pairs([("a", "b"), ("a",)], run=trained)
    with pytest.raises(CorpusError, match="there are no pairs to score"):
        rnngen.pairs([], run=trained)


def test_sentences_that_are_the_same_to_the_model_are_a_tie(cli: Cli, trained: Path) -> None:
    outcome = cli("eval", trained, "--pairs", pairs_file("The Ω sat.\tThe 漢 sat."), "--json")
    assert (json.loads(outcome.out)["ties"], json.loads(outcome.out)["accuracy"]) == (1, 0.0)
    assert "1 pair of sentences that are the same to the model, which counts as wrong" in outcome.err


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["a\tb", "only one"], "pairs.tsv:2: is not a pair; expected two sentences"),
        (["a\tb\tc\td"], "found 4 columns: 'a | b | c | d'"),
        (["a\t "], "pairs.tsv:1: the second sentence is no text"),
        (["", "a\ta"], "pairs.tsv:2: both sentences are the same; found 'a'"),
        ([""], "pairs.tsv: has no pairs"),
        (["a\tb\0"], "the second sentence is no text; expected two sentences"),
    ],
)
def test_a_row_that_is_no_pair_is_told_with_its_number(cli: Cli, trained: Path, rows: list[str], said: str) -> None:
    outcome = cli("eval", trained, "--pairs", pairs_file(*rows))
    assert (outcome.code, outcome.out) == (1, "")
    assert said in outcome.err


def test_files_that_are_no_pairs_are_refused(cli: Cli, trained: Path) -> None:
    assert "none.tsv: no such file" in cli("eval", trained, "--pairs", "none.tsv").err
    FILE.write_bytes(b"a\tb\xff\n")
    assert "is not UTF-8; found byte 0xff" in cli("eval", trained, "--pairs", FILE).err
    FILE.write_bytes(b"\xef\xbb\xbfa\tb\r\n")
    assert [each[:2] for each in read_pairs(FILE)] == [("a", "b")]
    Path("text.txt").write_text("a\n")
    assert "--pairs takes no other text; found text.txt" in cli("eval", trained, "text.txt", "--pairs", FILE).err
    for option, value in {"encoding": "cp1252", "errors": "skip", "text-field": "a", "label-field": "b"}.items():
        outcome = cli("eval", trained, "--pairs", FILE, f"--{option}", value)  # which are about a text
        assert (outcome.code, f"--{option} cannot be given with --pairs" in outcome.err) == (2, True), outcome.err


def test_the_interval_of_an_accuracy_covers_it_at_the_stated_rate() -> None:
    assert Accuracy(0, 10).interval == pytest.approx((0.0, 0.2775), abs=1e-4)  # Wilson 1927
    assert Accuracy(81, 263).interval == pytest.approx((0.2553, 0.3662), abs=1e-4)  # Newcombe 1998, table I
    draw = np.random.default_rng(0)
    found = [Accuracy(int(right), 50).interval for right in draw.binomial(50, 0.9, 2000)]
    assert np.mean([low <= 0.9 <= high for low, high in found]) == pytest.approx(0.95, abs=0.03)
    assert math.isclose(Accuracy(10, 10).interval[1], 1.0)
