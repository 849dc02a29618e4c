"""``rnngen eval``: numbers that agree with each other and with the model read one token at a time."""

from __future__ import annotations

import io
import json
import math
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import rnngen
from rnngen.cli.eval.progress import Progress
from rnngen.cli.eval.tables import note_on_unknown
from rnngen.corpus.encoded import encode_text, spelled_text
from rnngen.corpus.pieces import TextCounts
from rnngen.corpus.tokenizer import CharTokenizer
from rnngen.evaluation import reading
from rnngen.evaluation.blocks import BLOCK, SMALLEST_BLOCK, ScoredBlock
from rnngen.evaluation.reading import first_block_of
from rnngen.evaluation.scores import Score
from rnngen.evaluation.scoring import ScoringInterrupted
from rnngen.model.language_model import RecurrentLM
from rnngen.ngram.mixture import Mixture
from rnngen.options.network import ModelConfig
from rnngen.runs.finding import open_run
from tests.conftest import FAST, Outcome, make_text
from tests.rounding import run_nats_bound

Cli = Callable[..., Outcome]

METRICS = {
    "nats_per_token",
    "token_perplexity",
    "word_perplexity",
    "byte_perplexity",
    "bits_per_byte",
    "bits_per_character",
    "tokens",
    "words",
    "characters",
    "bytes",
}


def strict_json(text: str) -> dict[str, Any]:
    """Parse as every other language does: without Python's Infinity and NaN."""
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def refused(outcome: Outcome, code: int, *said: str) -> None:
    assert (outcome.code, outcome.out) == (code, ""), outcome
    assert outcome.err.startswith("rnngen: error: ")
    assert outcome.err.count("\n") == 1
    for words in said:
        assert words in outcome.err


def own_corpus(run: Path) -> str:
    return Path(json.loads((run / "config.json").read_text())["data"]["corpus"][0]).read_text(encoding="utf-8")


def nats_token_by_token(run: Path, text: str) -> float:
    """The same sum from the NumPy engine, one step at a time."""
    generator = rnngen.load(run)
    total = 0.0
    for token in generator.tokenizer.encode(text).tolist():
        z = generator.model.logits[0].astype(np.float64)
        total += np.logaddexp.reduce(z) - z[token]
        generator.model.step([token])
    return float(total)


def test_json_has_exactly_the_documented_keys(cli: Cli, trained: Path) -> None:
    outcome = cli("eval", trained, "--json")
    assert strict_json(outcome.out).keys() == METRICS | {
        *("run", "text", "unknown", "nats", "lines", "closed_vocabulary", "interval", "provenance")
    }
    assert (outcome.out.count("\n"), outcome.err) == (1, "")


@pytest.mark.parametrize(
    ("part", "start", "stop"),
    [pytest.param("train", 0, 18_000, marks=pytest.mark.slow), ("valid", 18_000, 19_000), ("test", 19_000, 20_000)],
)
def test_each_part_is_the_share_of_the_text_it_is_said_to_be(
    cli: Cli, trained: Path, part: str, start: int, stop: int
) -> None:
    text = own_corpus(trained)[start:stop]
    score = strict_json(cli("eval", trained, "--part", part, "--json").out)
    assert (score["characters"], score["tokens"]) == (len(text), len(text))
    assert score["bytes"] == len(text.encode())
    assert score["words"] == len(text.split())
    bound = run_nats_bound(trained, text)
    assert score["nats"] == pytest.approx(nats_token_by_token(trained, text), rel=0, abs=bound)


def test_test_is_the_part_by_default(cli: Cli, trained: Path) -> None:
    assert cli("eval", trained, "--json").out == cli("eval", trained, "--part", "test", "--json").out


@pytest.mark.parametrize("text", ["The cat sat.\n", "T", "naïve Ωmega 漢字 cat\n" * 20, "   \n"])
@pytest.mark.parametrize("tokenizer", ["char", "byte"])
def test_the_numbers_agree_with_each_other(cli: Cli, trained: Path, corpus: Path, tokenizer: str, text: str) -> None:
    run = trained
    if tokenizer == "byte":
        run = rnngen.train(corpus, out="byte", steps=5, tokenizer="byte", **FAST).path
    Path("new.txt").write_text(text, encoding="utf-8")
    score = strict_json(cli("eval", run, "new.txt", "--json", "--quiet").out)
    nats = score["nats"]
    assert score["characters"] == len(text)
    assert score["bytes"] == len(text.encode())
    assert score["words"] == len(text.split())
    assert score["tokens"] == len(text if tokenizer == "char" else text.encode())
    assert score["nats_per_token"] == pytest.approx(nats / score["tokens"])
    assert score["token_perplexity"] == pytest.approx(math.exp(nats / score["tokens"]))
    assert score["byte_perplexity"] == pytest.approx(math.exp(nats / score["bytes"]))
    assert score["word_perplexity"] == (pytest.approx(math.exp(nats / score["words"])) if score["words"] else None)
    assert score["bits_per_byte"] == pytest.approx(nats / score["bytes"] / math.log(2))
    assert score["bits_per_character"] == pytest.approx(nats / score["characters"] / math.log(2))
    assert nats == pytest.approx(nats_token_by_token(run, text), rel=0, abs=run_nats_bound(run, text))


@pytest.mark.usefixtures("trained")
def test_json_stays_json_where_a_perplexity_is_beyond_every_number(cli: Cli) -> None:
    Path("one-word.txt").write_text("thecat" * 500)  # text without spaces, as in Chinese or DNA
    outcome = cli("eval", "checkpoints/tiny", "one-word.txt", "--json")
    assert strict_json(outcome.out)["words"] == 1
    assert strict_json(outcome.out)["word_perplexity"] is None


VERSE = "白日依山尽，\n黄河入海流。\n欲穷千里目，\n更上一层楼。\n"


def test_a_text_without_spaces_between_words_has_no_word_perplexity_and_is_told_why(cli: Cli) -> None:
    Path("verse.txt").write_text(VERSE * 30, encoding="utf-8")
    rnngen.train("verse.txt", out="checkpoints/verse", steps=2, ngram=3, **FAST)
    verse = ("eval", "checkpoints/verse", "verse.txt", "--part", "all")
    why = "white space separates no words in this text (7 characters to a space): it has no word perplexity"
    shown = cli(*verse, "--ngram", "--quiet")
    assert "word perplexity  " not in shown.out
    assert " ".join(shown.out.split()).endswith(f" ({why})")
    assert shown.out.count("bits per character") == 2
    outcome = cli(*verse, "--ngram", "--json")
    score = strict_json(outcome.out)
    assert [part["word_perplexity"] for part in (score, score["ngram"], score["mixture"])] == [None] * 3
    assert score["words"] == 120
    assert f"note: {why}\n" in outcome.err
    assert cli(*verse, "--json", "--quiet").err == ""
    gaps = cli(*verse, "--gaps", 2)
    assert "2 runs of letters taken out" in gaps.out
    assert "and has runs of letters taken out, not words)" in gaps.out


@pytest.mark.usefixtures("trained")
def test_each_file_is_a_text_of_its_own_and_the_total_is_their_sum(cli: Cli) -> None:
    Path("a.txt").write_text(make_text(800, seed=1).rstrip() + "\n")
    Path("b.txt").write_text(make_text(700, seed=2))
    both = strict_json(cli("eval", "checkpoints/tiny", "b.txt", "a.txt", "--json").out)
    alone = [strict_json(cli("eval", "checkpoints/tiny", name, "--json").out) for name in ("b.txt", "a.txt")]
    assert both["text"] == "b.txt, a.txt"
    for each in alone:
        del each["run"], each["provenance"]
    assert both["texts"] == alone
    for count in ("nats", "tokens", "words", "characters", "bytes", "lines"):
        assert both[count] == sum(each[count] for each in alone)
    assert both["nats_per_token"] == both["nats"] / both["tokens"]
    expected = rnngen.evaluate("checkpoints/tiny", ["a.txt", "b.txt"]).as_dict()
    assert {key: both[key] for key in METRICS} == pytest.approx({key: expected[key] for key in METRICS})


@pytest.mark.usefixtures("trained")
def test_unseen_characters_are_counted_and_noted(cli: Cli) -> None:
    Path("new.txt").write_text("The ΩΩ cat 漢", encoding="utf-8")
    outcome = cli("eval", "checkpoints/tiny", "new.txt", "--json")
    assert strict_json(outcome.out)["unknown"] == 3
    assert outcome.err.startswith("note: 3 of 12 characters are not in the model's vocabulary")
    assert outcome.err.count("\n") == 1
    assert cli("eval", "checkpoints/tiny", "new.txt", "--quiet").err == ""
    Path("one.txt").write_text("The cat 漢a", encoding="utf-8")
    one = cli("eval", "checkpoints/tiny", "one.txt", "--fast")
    assert one.err.startswith("note: 1 of 10 characters is not in the model's vocabulary")


def test_unknown_characters_are_counted_among_characters_not_among_labels_which_are_tokens_too() -> None:
    score = Score(9.0, 14, TextCounts(characters=12, words=2, bytes=12, documents=2), unknown=1)  # two labels
    assert note_on_unknown(score).startswith("1 of 12 characters is not in")


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "t.txt: the text is empty"),
        (b"\xef\xbb\xbf", "t.txt: the text is empty"),
        (b"a\xffb", "t.txt: is not UTF-8"),
        (b"a\0b", "t.txt: is not text"),
        ("a".encode("utf-16"), "found UTF-16"),
    ],
    ids=["empty", "only a byte order mark", "not UTF-8", "NUL", "UTF-16"],
)
def test_a_text_that_cannot_be_scored_is_a_clear_error(cli: Cli, content: bytes, said: str) -> None:
    Path("t.txt").write_bytes(content)
    refused(cli("eval", "checkpoints/tiny", "t.txt"), 1, said)


@pytest.mark.usefixtures("trained")
def test_errors_replace_scores_what_is_not_utf8(cli: Cli) -> None:
    Path("t.txt").write_bytes(b"The c\xfft")
    score = strict_json(cli("eval", "checkpoints/tiny", "t.txt", "--errors", "replace", "--json").out)
    assert (score["characters"], score["unknown"]) == (7, 1)


@pytest.mark.usefixtures("trained")
def test_a_missing_text_is_named(cli: Cli) -> None:
    refused(cli("eval", "checkpoints/tiny", "missing.txt"), 1, "missing.txt: no such file")


def test_without_a_run_the_way_to_one_is_told(cli: Cli) -> None:
    refused(cli("eval"), 1, "there is no trained model yet", "rnngen train FILE")


def test_the_table_shows_every_row_with_the_numbers_of_json(cli: Cli, trained: Path) -> None:
    table = cli("eval", trained).out
    score = strict_json(cli("eval", trained, "--json").out)
    rows = dict(line.strip().rsplit(None, 1) for line in table.splitlines()[2:12])
    assert "(too short for a confidence interval" in table
    assert table.splitlines()[0] == f"{trained} on the test part of its corpus"
    assert rows.keys() == {
        "lines",
        "nats per token",
        "token perplexity",
        "word perplexity",
        "bits per character",
        "bits per byte",
        "tokens",
        "words",
        "characters",
        "bytes",
    }
    assert float(rows["nats per token"]) == pytest.approx(score["nats_per_token"], abs=1e-4)
    assert float(rows["bits per byte"]) == pytest.approx(score["bits_per_byte"], abs=1e-4)
    assert rows["characters"] == "1,000"


def test_a_corpus_that_is_gone_or_changed_is_read_from_the_cache_or_told_with_the_way_on(
    cli: Cli, corpus: Path, tmp_path: Path
) -> None:
    rnngen.train(corpus, out="run", steps=2, **FAST)
    score = strict_json(cli("eval", "run", "--json").out)
    corpus.write_text(make_text(20_000, seed=9))
    cached = cli("eval", "run", "--json")
    assert strict_json(cached.out) == score
    assert cached.err.startswith("note: ")
    assert cli("eval", "run", "--json", "--quiet").err == ""
    shutil.rmtree(tmp_path / "cache")
    refused(cli("eval", "run"), 1, "the text has changed since the run was trained on it", "rnngen eval run TEXT")
    corpus.unlink()
    refused(cli("eval", "run"), 1, "no such file", "rnngen eval run TEXT")


def test_a_part_that_is_not_there_is_told(cli: Cli, corpus: Path) -> None:
    rnngen.train(corpus, out="run", steps=2, split=(0.9, 0.1), **FAST)
    refused(
        cli("eval", "run"),
        1,
        "the run's corpus has no test part",
        "--part train or --part valid",
        "rnngen eval run TEXT",
    )
    assert cli("eval", "run", "--part", "valid").code == 0


def test_a_run_s_own_text_is_scored_by_the_part_that_was_held_out_with_a_note(cli: Cli, corpus: Path) -> None:
    rnngen.train(corpus, out="run", steps=2, **FAST)
    own, given = cli("eval", "run", "--json"), cli("eval", "run", corpus, "--json")
    assert "so only its test part is read; --part all is the whole of it" in given.err
    assert strict_json(given.out)["nats"] == strict_json(own.out)["nats"]
    assert strict_json(given.out)["text"] == f"the test part of {corpus}"
    whole = cli("eval", "run", corpus, "--part", "all", "--json")
    assert (strict_json(whole.out)["characters"], strict_json(whole.out)["text"]) == (20_000, str(corpus))
    assert whole.err == "note: the run was trained on this text, so the scores flatter it\n"
    for given in ((), (corpus,)):
        assert (
            cli("eval", "run", *given, "--part", "train").err.count("trained on this part, so the scores flatter it")
            == 1
        )
        assert "flatter" not in cli("eval", "run", *given, "--part", "valid").err
    spotted = cli("eval", "run", corpus, "--spot", 3)
    assert "--part all is the whole of it" in spotted.err
    assert "lines are counted from the beginning of the part" in spotted.out
    refused(cli("eval", "run", "--part", "all"), 2, "--part all needs the text", "rnngen eval run TEXT --part all")
    Path("other.txt").write_text("The cat sat.\n" * 20)
    for part in ("test", "train"):
        other = cli("eval", "run", "other.txt", "--part", part)
        refused(
            other, 2, f"other.txt: --part {part} is about the run's own text", "Leave --part out to score all of it"
        )
        with pytest.raises(rnngen.RnngenError, match="is about the run's own text"):
            rnngen.evaluate("run", "other.txt", part=part)
    assert rnngen.evaluate("run", "other.txt", part="all") == rnngen.evaluate("run", "other.txt")


def test_the_newest_run_is_used_by_default(cli: Cli, trained: Path, corpus: Path) -> None:
    rnngen.train(corpus, out="checkpoints/newer", steps=2, **FAST)
    assert strict_json(cli("eval", "--json").out)["run"] == "checkpoints/newer"
    shutil.rmtree("checkpoints/newer")
    assert strict_json(cli("eval", "--json").out)["run"] == "checkpoints/tiny"


def test_a_run_named_by_hand_that_is_damaged_is_a_clear_error(cli: Cli, trained: Path) -> None:
    weights = trained / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    refused(cli("eval", trained), 1, "model.safetensors: is damaged", "rnngen verify")


@pytest.mark.parametrize(
    ("arguments", "command", "words"),
    [
        (["The cat sat."], "echo 'The cat sat.' | rnngen eval -", ["-"]),
        (
            ["checkpoints/tiny", "the cat " * 100],
            f"echo '{'the cat ' * 100}' | rnngen eval checkpoints/tiny -",
            ["checkpoints/tiny", "-"],
        ),
        (["text.txt", "checkpoints/tiny"], "rnngen eval checkpoints/tiny text.txt", ["checkpoints/tiny", "text.txt"]),
    ],
)
@pytest.mark.usefixtures("trained")
def test_a_misplaced_text_or_run_is_told_with_the_command_that_works(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, arguments: list[str], command: str, words: list[str]
) -> None:
    """A shell reads the command as words and standard input; ``rnngen`` is then run in this process."""
    Path("text.txt").write_text("The cat sat.")
    refused(cli("eval", *arguments), 2, command)
    if shutil.which("bash") is None:
        pytest.skip("no bash here")
    shell = f"rnngen() {{ printf '%s\\n' \"$@\"; cat; }}; {command}"
    done = subprocess.run(["bash", "-c", shell], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=True)
    *read, content = done.stdout.split(b"\n", 1 + len(words))
    assert [word.decode() for word in read] == ["eval", *words]
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content), closed=False, isatty=lambda: False))
    assert cli("eval", *words).code == 0


@pytest.mark.usefixtures("trained")
def test_quiet_says_nothing_of_words_that_could_not_be_taken_out(cli: Cli, corpus: Path) -> None:
    rnngen.train(corpus, out="both", steps=2, bidirectional=True, **FAST)
    Path("digits.txt").write_text("12 34 56\n")
    assert "none was put back" in cli("eval", "both", "digits.txt").err
    assert "put back" not in cli("eval", "both", "digits.txt", "--quiet").err


@pytest.mark.parametrize("between_blocks", [True, False])
def test_an_interrupted_evaluation_shows_what_is_known(
    cli: Cli, trained: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, between_blocks: bool
) -> None:
    """SIGINT comes in the second block of two: while it is read, or while the analyses are given it."""
    text = own_corpus(trained)[-7000:-1000] + "猫" * 1000
    (tmp_path / "whole.txt").write_text(text, encoding="utf-8")
    (tmp_path / "first.txt").write_text(text[:6145], encoding="utf-8")
    monkeypatch.setattr(reading, "BLOCK", 6144)
    expected = json.loads(cli("eval", trained, tmp_path / "first.txt", "--fast", "--json").out)
    assert {"interval", "without_unknown"} < expected.keys()
    add, read = Progress.add, Progress.read
    known = 0

    def interrupted_add(self: Progress, block: ScoredBlock) -> None:
        nonlocal known
        if block.start and not between_blocks:
            raise KeyboardInterrupt
        known = block.stop
        add(self, block)

    def interrupted_read(self: Progress, tokens: int) -> None:
        if known and between_blocks:
            raise KeyboardInterrupt
        read(self, tokens)

    monkeypatch.setattr(Progress, "add", interrupted_add)
    monkeypatch.setattr(Progress, "read", interrupted_read)
    outcome = cli("eval", trained, tmp_path / "whole.txt", "--json")
    assert outcome.code == 130
    assert "interrupted: the numbers are of the first 6,145 of 7,000 tokens" in outcome.err
    found = json.loads(outcome.out)
    assert found.pop("complete") is False
    if between_blocks:
        for each in (found, expected):
            del each["provenance"]["text"]["files"]
    else:  # the sums may be of more than the score
        del expected["interval"], expected["provenance"], expected["without_unknown"]
    counts = {"bytes", "byte_perplexity", "bits_per_byte"}  # of what the tokens spell
    assert without(found, counts, "text") == without(expected, counts, "text")
    known = 0
    shown = cli("eval", trained, tmp_path / "whole.txt")
    assert shown.out.splitlines()[0].endswith("on the first 6,145 of 7,000 tokens of " + str(tmp_path / "whole.txt"))


def without(result: dict[str, Any], keys: set[str], *more: str) -> dict[str, Any]:
    """A result without some keys, in its interval too."""
    inside = {key: value for key, value in result.get("interval", {}).items() if key not in keys}
    kept = {key: value for key, value in result.items() if key not in {*keys, *more, "interval"}}
    return {**kept, "interval": inside}


def test_the_beginning_of_a_text_is_labelled_as_all_of_it_is(corpus: Path) -> None:
    """So an interrupted score of a closed vocabulary or of a text without spaces says what it is."""
    run = rnngen.train(corpus, out="closed", steps=1, tokenizer="words-closed", **FAST)
    tokenizer = open_run(run.path).tokenizer()
    text = spelled_text(tokenizer, tokenizer.encode("The cat sat.\n" * 9))
    assert ScoringInterrupted(Score, 9.0, 12).score(tokenizer, text).is_closed
    verse = CharTokenizer("白日依山尽，\n")
    text = spelled_text(verse, verse.encode("白日依山尽，\n" * 30))
    assert not ScoringInterrupted(Score, 9.0, 100).score(verse, text).has_words


def test_an_interrupted_mixture_shows_the_network_s_own_score(
    cli: Cli, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = rnngen.train(corpus, out="mixed", steps=1, ngram=3, **FAST).path
    expected = strict_json(cli("eval", run, "--fast", "--json").out)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Mixture, "nats", interrupted)
    outcome = cli("eval", run, "--ngram", "--json")
    assert (outcome.code, strict_json(outcome.out)) == (130, expected)
    assert "interrupted: what was not finished is left out" in outcome.err


def test_a_text_of_another_kind_is_told_plainly(cli: Cli, trained: Path) -> None:
    Path("other.txt").write_text("我们在这里。\n" * 9, encoding="utf-8")
    outcome = cli("eval", trained, "other.txt", "--fast", "--quiet")
    assert outcome.code == 0
    assert "warning: 86% of the text are characters that" in outcome.err
    Path("other.txt").write_text("The cat 猫 sat.\n", encoding="utf-8")
    assert "warning" not in cli("eval", trained, "other.txt", "--fast").err


def test_an_interrupted_score_counts_an_unknown_character_as_one(trained: Path) -> None:
    tokenizer, text = open_run(trained).tokenizer(), "The 猫 sat.\n"
    assert spelled_text(tokenizer, tokenizer.encode(text)).counts.characters == len(text)
    for unknown in "#é猫🦊":
        whole = encode_text(tokenizer, [f"The {unknown} sat.\n" * 9], trained / f"{ord(unknown)}.bin")
        assert whole.unknown == 9
        score = ScoringInterrupted(Score, 9.0, 22).score(tokenizer, whole)  # two of nine lines
        assert score.counts.bytes == len(f"The {unknown} sat.\n".encode()) * 2


def test_blocks_are_smaller_for_larger_networks() -> None:
    sizes = [first_block_of(RecurrentLM(ModelConfig(hidden_size=H, embedding_size=8), 50)) for H in (16, 300, 1100)]
    assert sizes[0] == BLOCK > sizes[1] > sizes[2] == SMALLEST_BLOCK


@pytest.mark.parametrize(("both_ways", "seen"), [(False, [0, 60, 100, 100]), (True, [0, 20, 40, 60])])
def test_progress_is_never_beyond_the_text(both_ways: bool, seen: list[int]) -> None:
    shown: list[int] = []
    run = SimpleNamespace(model_config=lambda: SimpleNamespace(bidirectional=both_ways))
    progress = Progress(SimpleNamespace(advance_to=shown.append), run, 100)  # type: ignore[arg-type]
    for _ in range(4):
        progress.read(60)
    assert shown == seen
