"""A run with ``--tokenizer words-closed``: scored, sampled, filled in and trained further."""

from __future__ import annotations

import json
import math
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import rnngen
from rnngen.python.evaluation import evaluate
from rnngen.runs.finding import open_run
from tests.conftest import FAST, Outcome

Cli = Callable[..., Outcome]
RUN = "checkpoints/closed"
WORDS = ["the", "a", "cat", "dog", "mat", "sat", "ran", "on", "under", "big", "small", "<unk>", "N", "said", "n't", "."]


def lines(number: int, seed: int) -> str:
    """Lines as the Penn Treebank's and WikiText's are: with a space at both ends, and some empty."""
    draw = random.Random(seed)
    made = (" ".join(draw.choices(WORDS, k=draw.randint(3, 9))) if draw.random() < 0.9 else "" for _ in range(number))
    return "".join(f" {line} \n" for line in made)


@pytest.fixture(scope="module")
def _closed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("closed")
    for name, number in (("train", 700), ("valid", 100), ("test", 100)):
        more = " the zebra sat \n last  line" if name == "test" else ""
        (folder / f"{name}.txt").write_text(lines(number, number) + more, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RNNGEN_CACHE", str(folder / "cache"))
        rnngen.train(
            folder / "train.txt",
            valid=[str(folder / "valid.txt")],
            test=[str(folder / "test.txt")],
            tokenizer="words-closed",
            out=folder / "run",
            steps=40,
            ngram=2,
            **FAST,
        )
    return folder


@pytest.fixture
def closed(_closed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run with a closed vocabulary, in a copy; its text is where it was."""
    shutil.copytree(_closed / "run", tmp_path / RUN)
    monkeypatch.setenv("RNNGEN_CACHE", str(_closed / "cache"))
    return _closed


def test_after_a_whole_word_comes_the_next_one_or_a_line_end(closed: Path) -> None:
    word = (closed / "test.txt").read_text(encoding="utf-8").split()[0]
    generator = rnngen.load(RUN)
    found = rnngen.next_tokens(word, k=1000, run=generator)
    assert found == rnngen.next_tokens(f"{word} ", k=1000, run=generator)
    assert "\n" in [each.text for each in found]
    assert len(found) > 5


def test_perplexity_is_per_token_as_published_numbers_are(closed: Path, cli: Cli) -> None:
    text = (closed / "test.txt").read_text(encoding="utf-8")
    expected = [token for line in text.splitlines() for token in [*line.split(), "\n"]]
    generator = rnngen.load(RUN)
    names = ["<unk>", "\n", *generator.tokenizer.words]  # type: ignore[attr-defined]
    nats = 0.0
    for name in expected:
        token = names.index(name) if name in names else 0
        z = generator.model.logits[0].astype(np.float64)
        nats += float(np.logaddexp.reduce(z) - z[token])
        generator.model.step([token])
    scored = json.loads(cli("eval", RUN, "--json").out)
    assert scored["tokens"] == len(expected)
    assert scored["token_perplexity"] == pytest.approx(math.exp(nats / len(expected)), rel=1e-5)
    read = " ".join(name if name in names else "<unk>" for name in expected).replace(" \n", "\n").replace("\n ", "\n")
    assert scored["characters"] == len(read)
    assert scored["bits_per_character"] == pytest.approx(nats / len(read) / math.log(2), rel=1e-5)
    assert (scored["words"], scored["lines"]) == (len(text.split()), text.count("\n") + 1)
    assert scored["unknown"] == expected.count("<unk>") + 3  # zebra, last, line
    assert scored["closed_vocabulary"] is True


def test_nats_per_character_are_of_the_text_as_it_is_read(closed: Path, cli: Cli) -> None:
    run = open_run(RUN)
    parts = run.config["corpus"]["parts"]
    for name, (counts, unknown) in {
        part: (evaluate(run, part=part).as_dict(), parts[part]["unknown"]) for part in ("valid", "test")
    }.items():
        assert (parts[name]["characters_as_read"], unknown) == (counts["characters"], counts["unknown"])
        assert parts[name]["characters"] == len((closed / f"{name}.txt").read_text(encoding="utf-8"))
        assert parts[name]["characters_as_read"] != parts[name]["characters"]
    shown = json.loads(cli("inspect", RUN, "--json").out)
    for part in ("train", "valid"):
        length = parts[part]["characters_as_read"] / parts[part]["tokens"]
        assert shown[f"{part}_characters_per_token"] == length


@pytest.mark.usefixtures("closed")
def test_scores_of_a_closed_vocabulary_stand_beside_no_others(cli: Cli, trained: Path) -> None:
    listed = {each["path"]: each for each in map(json.loads, cli("runs", "--json").out.splitlines())}
    assert listed[RUN]["best_nats_per_character"] is None
    assert listed["checkpoints/tiny"]["best_nats_per_character"] is not None
    row = next(line for line in cli("runs").out.splitlines() if line.startswith(RUN))
    assert row.endswith(f"  {listed[RUN]['best_nats']:.4f} per token words-closed")
    shown = cli("inspect", "--compare", trained, RUN, "--test").out
    rows = [re.split(r" {2,}", line.strip()) for line in shown.splitlines() if line.startswith("  test, ")]
    units, others = ["nats per token"], ["bits per character", "word perplexity"]
    kinds = ("", ", closed vocabulary")
    of = [f"test, {what}{kind}" for whats in (units, others) for kind in kinds for what in whats]
    assert [label for label, _, _ in rows] == of
    for label, of_open, of_closed in rows:
        assert [of_open == "-", of_closed == "-"] == ([True, False] if "closed" in label else [False, True])


def test_eval_says_what_the_numbers_are_of(closed: Path, cli: Cli) -> None:
    shown = cli("eval", RUN, "--ngram")
    assert "closed vocabulary: <unk> and <eos> are tokens like others" in shown.out
    assert "tokens are <unk>" in shown.err
    assert "\n  lines " in shown.out


def test_written_text_is_words_with_spaces_and_ends_no_line_with_one(closed: Path, cli: Cli) -> None:
    for arguments in ([], ["-N", 3], ["--json"], ["--beam", 2], ["--ngram"]):
        seed = [] if "--beam" in arguments else ["--seed", 1]
        written = cli("sample", RUN, "-n", 60, *seed, *arguments)
        assert written.code == 0, written.err
        text = json.loads(written.out)["text"] if "--json" in arguments else written.out
        assert " \n" not in text
        assert "  " not in text
        assert set(text.split()) <= {*WORDS} - {"<unk>"}
        assert "the" in text.split() or "--beam" in arguments


def test_streamed_text_and_text_in_batches_are_the_same(closed: Path, cli: Cli) -> None:
    streamed = cli("sample", RUN, "-n", 60, "--seed", 1, "-p", "the big")
    alone = json.loads(cli("sample", RUN, "-n", 60, "--seed", 1, "-p", "the big", "--json").out)
    assert streamed.out == f"the big{alone['text']}\n"
    stopped = json.loads(cli("sample", RUN, "-n", 60, "--seed", 1, "-p", "the big", "--json", "--stop", "cat\n").out)
    assert alone["text"].startswith(stopped["text"])


@pytest.mark.parametrize(
    ("prompt", "begins"), [("the", {"", "\n"}), ("the ", set()), ("the sm", {"all"}), ("the zebra", {"", "\n"})]
)
def test_a_prompt_is_continued_with_a_space_or_its_last_word_is_completed(
    closed: Path, prompt: str, begins: set[str]
) -> None:
    generator = rnngen.load(RUN)
    for seed in range(8):
        text = "".join(generator.generate(prompt, seed=seed, length=3))
        if prompt.endswith(" "):
            assert text[:1] == "\n" or text.split()[0] in WORDS
        else:
            first = text.partition(" ")[0].partition("\n")[0]
            assert first in {*begins, "n"} - {"\n"} | {""} or prompt == "the"
            assert text[len(first)] in " \n"


def test_unknown_words_of_a_prompt_are_read_as_unk_and_said(closed: Path, cli: Cli) -> None:
    assert "never seen 'zebra': read as <unk>" in cli("sample", RUN, "-p", "zebra sat ", "-n", 2).err
    assert "never seen" not in cli("sample", RUN, "-p", "<unk> sm", "-n", 2).err
    read = rnngen.load(RUN).reader.prompt_ids("zebra sat")
    assert read == rnngen.load(RUN).reader.prompt_ids("<unk> sat")
    refused = cli("sample", RUN, "--force", "zebra sat")
    assert refused.code == 2
    assert "--force has words that the model has never seen: 'zebra'" in refused.err


def test_a_stop_that_ends_a_line_can_be_written(closed: Path, cli: Cli) -> None:
    assert "ends nothing" not in cli("sample", RUN, "--stop", "cat\n", "-n", 5).err
    assert "ends nothing" in cli("sample", RUN, "--stop", "cat \n", "-n", 5).err
    nothing = cli("sample", RUN, "-p", "sm", "--ban", "all ", "-n", 5)
    assert nothing.code == 2
    assert "--ban leaves nothing to write" in nothing.err


def test_gaps_are_filled_with_whole_words(closed: Path, cli: Cli) -> None:
    filled = json.loads(cli("fill", RUN, "the cat___sat zebra", "--json", "--longest", 1).out.splitlines()[0])
    (fill,) = filled["fills"]
    between = "\n" if fill == "\n" else f" {fill} "
    assert filled["text"] == f"the cat{between}sat zebra"
    Path("few.txt").write_text("the cat sat .\nthe big dog ran\n", encoding="utf-8")
    assert cli("eval", RUN, "few.txt", "--gaps", 2, "--json").code == 0
    spots = json.loads(cli("eval", RUN, "few.txt", "--spot", 3, "--json").out)["spots"]
    assert all(" " not in spot["token"] for spot in spots)
    assert all(spot["left"][-1:] in (" ", "\n", "") or spot["token"] == "\n" for spot in spots)


def test_another_text_adds_its_words(closed: Path, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text((" a zebra sat on the mat \n" * 60), encoding="utf-8")
    small = ["--batch-size", 2, "--bptt", 8, "--steps", 2]
    trained = cli("train", tmp_path / "more.txt", "--init-from", RUN, "--out", "grown", *small)
    assert trained.code == 0, trained.err
    assert "1 new word in this text: zebra" in trained.err + trained.out
    words = rnngen.load("grown").tokenizer.words  # type: ignore[attr-defined]
    assert words == (*rnngen.load(RUN).tokenizer.words, "zebra")  # type: ignore[attr-defined]


def test_documents_and_both_directions_work_with_it(closed: Path, cli: Cli, tmp_path: Path) -> None:
    names = "".join(f"{first} {last}\n" for first in ("ann", "bob", "cy", "di") for last in WORDS[:10] * 2)
    (tmp_path / "names.txt").write_text(names, encoding="utf-8")
    options = ["--tokenizer", "words-closed", "--documents", "lines", "--steps", 3, "--batch-size", 2, "--bptt", 8]
    options += ["--hidden-size", 8, "--precision", "float32"]
    assert cli("train", tmp_path / "names.txt", "--out", "left", *options).code == 0
    scored = json.loads(cli("eval", "left", "--json").out)
    assert scored["documents"] == scored["lines"] == 4
    assert scored["tokens"] == 4 * 3  # a name of two words, and its end
    drawn = cli("sample", "left", "-N", 5, "--unique", "--seed", 1, "--json").out.splitlines()
    drawn = [json.loads(line) for line in drawn]
    assert len({each["text"] for each in drawn}) == 5
    assert all(each["text"] == " ".join(each["text"].split()) != "" for each in drawn)
    assert cli("train", tmp_path / "names.txt", "--out", "both", "--bidirectional", *options).code == 0
    assert cli("fill", "both", "ann ___ .", "--gibbs", 2, "--seed", 1).code == 0
    assert json.loads(cli("eval", "both", "--json", "--gaps", 0).out)["tokens"] == 12


def test_benchmark_texts_propose_it(cli: Cli) -> None:
    listed = {each["name"]: each for each in json.loads(cli("corpus", "list", "--json").out)["texts"]}
    for name in ("ptb", "wikitext-2", "wikitext-103"):
        assert listed[name]["options"] == "--tokenizer words-closed"  # all words are the published vocabulary


def test_corpus_info_counts_its_tokens_and_the_spaces_that_are_lost(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text(" the cat \n\n a  b\tc\n" * 30, encoding="utf-8")
    assert json.loads(cli("corpus", "info", "t.txt", "--json").out)["tokens"]["words-closed"] == 30 * (5 + 3)
    # of each three lines: the space at the beginning of two and at the end of one, and one of two between words
    assert f"{30 * 8} with words-closed: words and line ends; {30 * 4} more spaces are not kept" in " ".join(
        cli("corpus", "info", "t.txt").out.split()
    )
