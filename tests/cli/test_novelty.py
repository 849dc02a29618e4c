"""``rnngen eval --novelty``: shares that a naive count gives, and the place where the longest run stands."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rnngen
from rnngen.evaluation.novelty_texts import Excerpt, human_texts
from rnngen.runs.finding import open_run
from rnngen.runs.own_text import own_corpus
from tests.conftest import FAST, Outcome

Cli = Callable[..., Outcome]


def novelty(cli: Cli, *arguments: object) -> dict[str, Any]:
    outcome = cli("eval", *arguments, "--novelty", "--novelty-size", 600, "--fast", "--json")
    assert outcome.code == 0, outcome.err
    found: dict[str, Any] = json.loads(outcome.out)["novelty"]
    return found


def training_text(run: Path) -> str:
    config = json.loads((run / "config.json").read_text())
    text = Path(config["data"]["corpus"][0]).read_text(encoding="utf-8")
    return text[: config["corpus"]["parts"]["train"]["characters"]]


def share(texts: list[list[str]] | list[str], n: int, known: str | list[str], join: str = "") -> float:
    grams = [join.join(text[i : i + n]) for text in texts for i in range(len(text) - n + 1)]
    stands = [f"{join}{gram}{join}" in f"{join}{join.join(known)}{join}" for gram in grams]
    return sum(stands) / len(grams)


def test_shares_are_those_of_a_naive_count(cli: Cli, trained: Path) -> None:
    known, found = training_text(trained), novelty(cli, trained)
    prompts = [""] * 16
    samples = rnngen.load(trained).generate_batch(prompts, seed=0, length=38)  # 600 / 16, rounded up
    texts = [sample.text for sample in samples]
    texts[-1] = texts[-1][: 600 - sum(map(len, texts[:-1]))]
    assert (found["samples"]["texts"], found["samples"]["size"]) == (16, 600)
    for n in (4, 8, 20):
        assert found["samples"]["shares"][str(n)] == pytest.approx(share(texts, n, known))
    longest = found["samples"]["longest"]
    begin = longest["character"] - 1
    assert known[begin:].startswith(longest["text"])
    assert longest["line"] == known[:begin].count("\n") + 1
    assert longest["file"].endswith("corpus.txt")
    assert (
        max(len(text[i:j]) for text in texts for i in range(38) for j in range(i, 39) if text[i:j] in known)
        == (longest["length"])
    )


def test_words_are_counted_on_request_and_parts_of_words_are_not(cli: Cli, trained: Path) -> None:
    found = novelty(cli, trained, "--novelty-by", "words", "--part", "train")
    longest, known = found["human"]["longest"], training_text(trained)
    assert found["unit"] == "words"
    assert " ".join(known[longest["character"] - 1 :].split()[: longest["length"]]) == longest["text"]
    samples = rnngen.load(trained).generate_batch([""] * 16, seed=0, length=38)
    texts = [sample.text for sample in samples]
    texts[-1] = texts[-1][: 600 - sum(map(len, texts[:-1]))]
    words = [text.split() if text[-1].isspace() else text.split()[:-1] for text in texts]
    assert found["samples"]["size"] == sum(map(len, words))
    assert found["samples"]["shares"]["2"] == pytest.approx(share(words, 2, known.split(), " "))
    assert set(found["human"]["shares"].values()) == {1}  # it is the training text
    with pytest.raises(rnngen.RnngenError, match="there are no whole words in the samples, so nothing can be compared"):
        rnngen.novelty(trained, unit="words", size=16)


def test_the_training_text_itself_is_a_copy(cli: Cli, trained: Path) -> None:
    outcome = cli("eval", trained, "--part", "train", "--novelty", "--novelty-size", 600, "--fast")
    assert "  n = 20" in outcome.out
    assert "100.0%" in outcome.out
    assert "The samples copy less than a human text from the same source does" in outcome.out
    assert all(len(line) <= 80 for line in outcome.out.splitlines() if "/" not in line)


@pytest.mark.parametrize(
    ("text", "cut_before", "cut_after", "words"),
    [
        ("ne two thr", True, True, ["two"]),
        (" one two\n", True, True, ["one", "two"]),
        ("one two thr", False, True, ["one", "two"]),
        ("ne two", True, False, ["two"]),
        ("one two", False, False, ["one", "two"]),
        ("n", True, True, []),
        ("", True, True, []),
    ],
)
def test_a_word_in_which_a_text_was_cut_is_none(text: str, cut_before: bool, cut_after: bool, words: list[str]) -> None:
    assert Excerpt(text, cut_before, cut_after).words() == words


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    rng = random.Random(0)
    names = ["".join(rng.choices("abcde", k=rng.randint(3, 5))) for _ in range(150)]
    (tmp_path / "names.txt").write_text("\n".join(names) + "\n")
    rnngen.train(tmp_path / "names.txt", out=tmp_path / "named", steps=5, documents="lines", **FAST)
    return tmp_path / "named"


def test_ngrams_do_not_cross_borders_of_documents(cli: Cli, listed: Path) -> None:
    found = novelty(cli, listed, "--part", "train")
    assert found["human"]["shares"]["4"] == 1
    assert found["human"]["whole"] == found["human"]["texts"] > 1
    assert found["human"]["longest"]["length"] <= 5
    assert found["samples"]["longest"]["length"] <= 5
    run = open_run(listed)
    names = (listed.parent / "names.txt").read_text().split()
    for each in (found["samples"]["longest"], found["human"]["longest"]):
        name = names[each["document"] - 1]  # of the file, not of its training part
        assert name[each["character"] - 1 :].startswith(each["text"])
        assert (each["document_begins"], each["file"]) == (name, str(listed.parent / "names.txt"))
    pieces = human_texts(run, own_corpus(run).train, 4, [10] * 16)
    assert {piece.cut_after for piece in pieces[:-1]} == {True, False}  # the last is cut to the size
    for piece in pieces[:-1]:
        assert any(name[:4] == piece.text and (len(name) > 4) == piece.cut_after for name in names)
        assert not piece.cut_before


@pytest.mark.parametrize("held_out", [[], ["--valid", "other.jsonl"]])
def test_the_document_that_has_the_longest_run_is_named_as_its_row(cli: Cli, held_out: list[str]) -> None:
    rng = random.Random(1)
    texts = [f"{number} {''.join(rng.choices('abcde', k=40))}\nend" for number in range(60)]
    rows = "".join(json.dumps({"text": text, "who": "ab"[len(text) % 2]}) + "\n" for text in texts)
    Path("rows.jsonl").write_text(rows)
    Path("other.jsonl").write_text(rows[: rows.index("\n", 900) + 1])
    options = [word for name, value in FAST.items() for word in (f"--{name.replace('_', '-')}", value)]
    made = cli("train", "rows.jsonl", *held_out, "--label-field", "who", "--steps", 3, "--out", "run", *options)
    assert made.code == 0, made.err
    longest = novelty(cli, "run", "--part", "train")["human"]["longest"]
    assert texts[longest["document"] - 1].startswith(longest["text"])
    shown = " ".join(cli("eval", "run", "--part", "train", "--novelty", "--novelty-size", 600, "--fast").out.split())
    begins = texts[longest["document"] - 1].split("\n")[0][:30]
    assert (
        f"rows.jsonl, document {longest['document']}, line 1, character 1 (the document begins with “{begins}" in shown
    )


def test_a_training_text_that_is_gone_is_told_before_anything_is_read(cli: Cli, corpus: Path, tmp_path: Path) -> None:
    rnngen.train(corpus, out=tmp_path / "run", steps=2, **FAST)
    corpus.rename(tmp_path / "other.txt")
    shutil.rmtree(tmp_path / "cache")
    outcome = cli("eval", tmp_path / "run", tmp_path / "other.txt", "--part", "all", "--novelty")
    assert (outcome.code, outcome.out) == (1, "")
    assert "leave out --novelty" in outcome.err


def test_a_bidirectional_run_writes_no_samples(cli: Cli, corpus: Path, tmp_path: Path) -> None:
    rnngen.train(corpus, out=tmp_path / "run", steps=2, bidirectional=True, **FAST)
    outcome = cli("eval", tmp_path / "run", "--novelty")
    assert outcome.code == 2
    assert "--novelty needs a run that writes; expected a left-to-right model" in outcome.err


def test_its_options_need_it(cli: Cli, trained: Path) -> None:
    outcome = cli("eval", trained, "--novelty-by", "words")
    assert (outcome.code, outcome.out) == (2, "")
    assert "--novelty-by needs --novelty" in outcome.err
    outcome = cli("eval", trained, "--novelty", "--spot", 3)
    assert "--spot and --novelty cannot both be given" in outcome.err
