"""A bidirectional run at the command line: train, fill, eval, and what it is refused."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

import rnngen
from rnngen.infilling.gapped_text import parse_gaps
from rnngen.infilling.loading import load_filler
from tests.conftest import FAST, Outcome

Cli = Callable[..., Outcome]


@pytest.fixture
def both_ways(cli: Cli, corpus: Path, tmp_path: Path) -> Path:
    out = tmp_path / "both-ways"
    options = {**FAST, "steps": 30, "valid_every": 10, "sample_every": 15}
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    outcome = cli("train", str(corpus), "--bidirectional", *flags, "--out", str(out))
    assert outcome.code == 0, outcome.err
    assert "pseudo-nats" in outcome.err
    assert "⟦" in (out / "samples.txt").read_text(encoding="utf-8")
    return out


@pytest.mark.slow
def test_fills_are_the_librarys_and_the_best_text_comes_last(cli: Cli, both_ways: Path) -> None:
    expected = load_filler(both_ways).best("the ___ of", num_fills=3)
    found = cli("fill", str(both_ways), "the ___ of", "-n", "3")
    assert found.code == 0, found.err
    assert found.out.endswith(f"\n{expected[0].text}\n")
    objects = [
        json.loads(line) for line in cli("fill", str(both_ways), "the ___ of", "-n", "3", "--json").out.splitlines()
    ]
    assert [o["text"] for o in objects] == [f.text for f in expected]
    drawn = [cli("fill", str(both_ways), "a[4]b", "--gibbs", "3", "--seed", "1", "-n", "1").out for _ in range(2)]
    assert drawn[0] == drawn[1]


@pytest.mark.slow
def test_eval_gives_pseudo_perplexity_under_its_own_name_and_sample_says_what_to_use(
    cli: Cli, both_ways: Path, corpus: Path
) -> None:
    found = json.loads(cli("eval", str(both_ways), "--gaps", "3", "--json").out)
    assert found["fill"]["words"] == 3
    assert "pseudo_perplexity" in found
    assert "token_perplexity" not in found
    one_way = rnngen.train(corpus, out=both_ways.with_name("one-way"), steps=10, valid_every=10, **FAST).path
    beside = cli("eval", str(both_ways), "--gaps", "2", "--against", str(one_way))
    assert beside.code == 0, beside.err
    assert one_way.name in beside.out
    spots = json.loads(cli("eval", str(both_ways), "--spot", "4", "--json").out)["spots"]
    assert len(spots) == 4
    refused = cli("sample", str(both_ways))
    assert refused.code == 2
    assert "rnngen fill" in refused.err
    card = cli("inspect", str(both_ways))
    assert "bidirectional" in card.out
    assert "pseudo-nats" in card.out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["no gap"], "no gap"),
        (["a", "b", "c___"], "too many"),
        (["gone.txt", "file.txt"], "not a file"),
        (["a___", "--gibbs", "2", "--beam", "3"], "--gibbs and --beam"),
        (["a___", "--temperature", "0.5"], "--gibbs"),
        (["a___", "-n", "0"], "--num-fills"),
    ],
)
def test_fills_that_cannot_be_are_refused(cli: Cli, options: list[str], said: str) -> None:
    Path("file.txt").write_text("some text")
    outcome = cli("fill", *options)
    assert outcome.code == 2
    assert said in outcome.err


def test_eval_scores_standard_input_and_texts_without_a_word(
    cli: Cli, both_ways: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"the cat sat on the mat and the cat ran")))
    piped = json.loads(cli("eval", both_ways, "-", "--gaps", "2", "--json").out)
    assert (piped["characters"], piped["fill"]["words"]) == (38, 2)
    digits = tmp_path / "digits.txt"
    digits.write_text("123\n")
    outcome = cli("eval", both_ways, digits)
    assert outcome.code == 0
    assert "pseudo-perplexity" in outcome.out
    assert "no word" in outcome.err
    assert cli("eval", both_ways, digits, "--gaps", "2").code == 1


def test_a_proof_readers_columns_count_unknown_characters_as_one(cli: Cli, both_ways: Path, tmp_path: Path) -> None:
    text = tmp_path / "draft.txt"
    text.write_text("the cat\n\u6f22\u5b57 and qqq\n", encoding="utf-8")
    spots = json.loads(cli("eval", both_ways, text, "--spot", "30", "--json").out)["spots"]
    lines = text.read_text(encoding="utf-8").split("\n")
    for spot in spots:
        rest = lines[spot["line"] - 1][spot["column"] - 1 :]
        assert spot["token"] in ("\n", rest[:1])
        assert "unk" not in spot["left"] + spot["token"] + spot["right"]


def test_a_run_in_the_place_of_a_text_is_an_error_that_says_where_it_goes(
    cli: Cli, both_ways: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.txt").write_text("the cat", encoding="utf-8")
    missing = cli("fill", str(both_ways))
    assert missing.code == 2
    assert "the text is missing" in missing.err
    swapped = cli("eval", "text.txt", str(both_ways))
    assert swapped.code == 2
    assert f"The run comes first: rnngen eval {both_ways} text.txt" in swapped.err


def test_drawn_fills_are_counted_and_gaps_of_both_kinds_are_named(cli: Cli, both_ways: Path) -> None:
    outcome = cli("fill", str(both_ways), "a[1] ___ b", "--gibbs", "2", "-n", "30", "--longest", "2", "--seed", "1")
    assert outcome.code == 0, outcome.err
    assert "2 gaps: [1], ___" in outcome.err
    counts = [int(line.split(" of 30 ")[0]) for line in outcome.out.splitlines() if " of 30 " in line]
    assert sum(counts) == 30
    assert counts == sorted(counts, reverse=True)


@pytest.mark.parametrize("text", ["the ca[1] and", "the [1] and", "the cat___ and", "the ___ca[2] and"])
def test_a_gap_of_a_word_model_may_stand_anywhere(cli: Cli, corpus: Path, tmp_path: Path, text: str) -> None:
    run = rnngen.train(
        corpus, out=tmp_path / "words", steps=10, tokenizer="word", vocab_size=300, bidirectional=True, **FAST
    ).path
    for how in ([], ["--gibbs", "2", "--seed", "1"]):
        outcome = cli("fill", str(run), text, "-n", "5", "--json", *how)
        assert outcome.code == 0, outcome.err
        for line in outcome.out.splitlines():
            found = json.loads(line)
            fills = iter(found["fills"])
            assert found["text"] == "".join(p if isinstance(p, str) else next(fills) for p in parse_gaps(text))


@pytest.mark.parametrize("options", [[], ["--dynamic"], ["--dynamic", "--prompt", "The "]])
def test_sampling_leads_to_filling_gaps(cli: Cli, both_ways: Path, options: list[str]) -> None:
    outcome = cli("sample", both_ways, *options)
    assert (outcome.code, outcome.out) == (2, "")
    assert f'Fill gaps with it: rnngen fill {both_ways} "To be, or ___ to be"' in outcome.err


def test_no_ngram_model_is_mixed_into_a_bidirectional_run(cli: Cli, both_ways: Path) -> None:
    outcome = cli("eval", both_ways, "--ngram")
    assert (outcome.code, outcome.out) == (2, "")
    assert "--ngram needs a left-to-right model to mix it into; found a bidirectional one" in outcome.err
