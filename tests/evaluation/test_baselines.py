"""What a model is compared with, each against its definition."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnngen
from rnngen.corpus.encoded import spelled_text
from rnngen.corpus.tokenizer import train_tokenizer
from rnngen.evaluation.baselines import compare as comparing
from rnngen.evaluation.baselines import compressors
from rnngen.evaluation.baselines import token_models as counted
from rnngen.evaluation.baselines.token_models import ORDERS, CountedModels, token_models
from rnngen.evaluation.blocks import ScoredBlock, TokenScores
from rnngen.evaluation.provenance import TextFingerprint
from rnngen.evaluation.ranking import MODEL, Baseline, Baselines, ranked
from rnngen.evaluation.scores import PseudoScore
from rnngen.ngram.counts import Counted, count_orders
from tests.conftest import FAST, Outcome, make_text
from tests.ngram.naive import text_of

Cli = Callable[..., Outcome]
NAMES = ["uniform", "unigram", *(f"Kneser-Ney, order {n}" for n in range(2, ORDERS + 1)), "gzip", "bz2", "xz", "zstd"]


def test_compressors_read_an_unknown_character_as_one_character_and_a_label_as_its_name() -> None:
    tokenizer = train_tokenizer("char", ["abc"]).with_labels(["sea"])
    ids = np.append(tokenizer.label_ids(), tokenizer.encode("aéb"))
    spelled = "\0sea\0a\ufffdb".encode()
    assert b"".join(comparing._spelled(tokenizer, ids)) == spelled
    text = TextFingerprint(tokenizer)
    text.add(ScoredBlock(0, ids, TokenScores(np.zeros(len(ids), np.float32))))
    assert text.sha256 == hashlib.sha256(spelled).hexdigest()
    assert spelled_text(tokenizer, ids).counts.characters == 3


def test_uniform_and_unigram_are_those_of_their_formulas() -> None:
    train, text, V = text_of(400, 6), text_of(50, 6, seed=1), 6
    found = dict(token_models(CountedModels(train, train[:0], vocab_size=V, boundary=None), text))
    assert list(found) == [name for name in NAMES if name in found]
    assert found["uniform"] == pytest.approx(50 * math.log(6), rel=1e-12)
    counts = np.bincount(train, minlength=V)
    assert counts[:-1].min() > 2  # so that each is discounted by the third discount, here of 3 - 4Y·1/1 = ...
    n1, n2, n3, n4 = (max(1, int((counts == c).sum())) for c in (1, 2, 3, 4))
    D = min(3, max(0.01, 3 - 4 * n1 / (n1 + 2 * n2) * n4 / n3))
    p = (np.maximum(counts - D, 0) + D * (counts > 0).sum() / V) / len(train)
    assert found["unigram"] == pytest.approx(-np.log(p[text]).sum(), rel=1e-12)


def test_discounts_fitted_on_the_validation_part_beat_those_of_the_counts_there() -> None:
    train, valid = text_of(400, 6), text_of(200, 6, seed=1)
    fitted, suggested = (
        dict(token_models(CountedModels(train, part, vocab_size=6, boundary=None), valid))
        for part in (valid, valid[:0])
    )
    assert all(fitted[name] <= suggested[name] + 1e-6 for name in fitted)


def test_n_grams_are_counted_once_whoever_asks_and_the_models_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    train, valid, counts = text_of(400, 6), text_of(200, 6, seed=1), []

    def counting(*args: Any, **how: Any) -> Counted:
        counts.append(len(args[0]))
        return count_orders(*args, **how)

    monkeypatch.setattr(counted, "count_orders", counting)
    models = CountedModels(train, valid, vocab_size=6, boundary=None)
    first = next(models.each())  # ended early, as by Ctrl-C
    found = [list(token_models(models, valid)) for _ in range(2)]
    assert found[0] == found[1] == list(token_models(CountedModels(train, valid, vocab_size=6, boundary=None), valid))
    assert counts == [400, 400]
    assert -np.log(first.probabilities(valid)[0]).sum() == found[0][1][1]


def shown(cli: Cli, *arguments: object) -> dict[str, object]:
    outcome = cli("eval", *arguments, "--json", compared=True)
    assert outcome.code == 0, outcome.err
    return json.loads(outcome.out)


def test_eval_ranks_the_model_among_its_baselines(cli: Cli, trained: Path) -> None:
    result = shown(cli, trained)
    rows = {row["name"]: row for row in result["baselines"]["rows"]}
    assert set(rows) - {"PPMd"} == {MODEL, *NAMES} - {"bz2"}  # which 1,000 bytes are too few for
    assert (result["baselines"]["left_out"], result["baselines"]["fitted_discounts"]) == (["bz2"], True)
    bits = [row["bits_per_byte"] for row in result["baselines"]["rows"]]
    assert bits == sorted(bits)
    for key in ("bits_per_byte", "nats_per_token", "token_perplexity"):
        assert rows[MODEL][key] == pytest.approx(result[key], rel=1e-9)
    uniform = rows["uniform"]
    assert uniform["token_perplexity"] == pytest.approx(len(rnngen.load(trained).tokenizer.token_bytes()))
    assert uniform["bits_per_byte"] * result["bytes"] == pytest.approx(
        uniform["nats_per_token"] * result["tokens"] / math.log(2)
    )
    assert "nats_per_token" not in rows["gzip"]
    table = cli("eval", trained, compared=True).out.splitlines()
    [marked] = [line for line in table if line.startswith("> ")]
    assert f"{result['bits_per_byte']:.4f}" in marked
    assert max(map(len, table[1:])) <= 80
    assert "bz2: only for texts of 20,000 bytes or more" in " ".join(table)


def test_a_verdict_on_another_text_says_so_first(cli: Cli, trained: Path, corpus: Path) -> None:
    Path("other.txt").write_text("".join(reversed(make_text(6000, 5))))
    assert "Most likely the text is of another kind" in shown(cli, trained, "other.txt")["baselines"]["verdict"]
    rnngen.train(corpus, out="halves", steps=1, split=(0.4, 0.2, 0.4), **FAST)
    for files in ((), (corpus,)):
        assert "another kind" not in shown(cli, "halves", *files)["baselines"]["verdict"]


def test_the_comparison_is_left_out_if_asked(cli: Cli, trained: Path) -> None:
    assert "baselines" not in shown(cli, trained, "--fast")
    assert "Kneser-Ney" not in cli("eval", trained, "--fast", compared=True).out


def test_a_long_text_is_compared_on_its_beginning(cli: Cli, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "COMPARED_TOKENS", 100)
    result = shown(cli, trained)
    assert not {"gzip", "bz2", "xz", "zstd", "PPMd"} & {row["name"] for row in result["baselines"]["rows"]}  # 100 bytes
    assert result["baselines"]["primed_bytes"] == 0
    assert (result["baselines"]["tokens"], result["tokens"]) == (100, 1000)
    model = next(row for row in result["baselines"]["rows"] if row["name"] == MODEL)
    each = rnngen.score(make_text(20_000)[19_000:], run=trained)
    first = sum(token.nats for token in each.tokens[:100])
    assert model["nats_per_token"] == pytest.approx(first / 100, rel=1e-5)
    assert "first 100 tokens" in cli("eval", trained, compared=True).out.replace("\n", " ")


@pytest.mark.parametrize("text", ["train", "all", "page"])
def test_baselines_that_have_read_the_text_are_left_out_with_a_note(
    cli: Cli, trained: Path, tmp_path: Path, text: str
) -> None:
    own = Path(json.loads((trained / "config.json").read_text())["data"]["corpus"][0])
    page = tmp_path / "page.txt"
    page.write_text(make_text(20_000)[5_000:7_000] + make_text(9_000, seed=9))
    arguments = {"train": ["--part", "train"], "all": [own, "--part", "all"], "page": [page]}[text]
    outcome = cli("eval", trained, *arguments, compared=True)
    assert outcome.code == 0
    assert "nats per token" in outcome.out
    assert "Kneser-Ney" not in outcome.out
    assert "baselines have read this text, or parts of it, in the training part" in outcome.err.replace("\n", " ")


def test_python_warns_instead_of_comparing_with_baselines_that_have_read_the_text(trained: Path) -> None:
    with pytest.warns(rnngen.RnngenWarning, match="compared with nothing: the baselines have read this text"):
        assert rnngen.evaluate(trained, part="train", baselines=True).baselines is None


def test_discounts_are_not_fitted_on_the_text_that_is_scored(cli: Cli, trained: Path) -> None:
    found = shown(cli, trained, "--part", "valid")["baselines"]
    assert found["fitted_discounts"] is False
    tokenizer = rnngen.load(trained).tokenizer
    train, valid = (tokenizer.encode(make_text(20_000)[begin:stop]) for begin, stop in ((0, 18_000), (18_000, 19_000)))
    expected = dict(
        token_models(CountedModels(train, valid[:0], vocab_size=tokenizer.vocab_size, boundary=None), valid)
    )
    for row in found["rows"]:
        if row["name"] in expected:
            assert row["nats_per_token"] * len(valid) == pytest.approx(expected[row["name"]], rel=1e-9), row["name"]


def test_python_has_the_same_comparison(cli: Cli, trained: Path) -> None:
    score = rnngen.evaluate(trained, baselines=True)
    assert score.as_dict()["baselines"] == shown(cli, trained)["baselines"]
    assert rnngen.evaluate(trained).baselines is None


def test_without_its_training_part_a_run_is_scored_alone_with_a_note(cli: Cli, trained: Path, tmp_path: Path) -> None:
    config = json.loads((trained / "config.json").read_text())
    text = Path(config["data"]["corpus"][0])
    other = tmp_path / "other.txt"
    other.write_text(make_text(500, seed=9))
    hidden = text.rename(text.with_suffix(".hidden"))
    try:
        outcome = cli("eval", trained, other, compared=True)
    finally:
        hidden.rename(text)
    assert outcome.code == 0
    assert "nats per token" in outcome.out
    assert "Kneser-Ney" not in outcome.out
    assert "compared with nothing, because" in outcome.err


def test_ctrl_c_ends_with_the_score_and_the_rows_that_are_known(
    cli: Cli, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    everything = cli("eval", trained, "--json", compared=True)
    monkeypatch.setattr(compressors, "xz", interrupted)
    outcome = cli("eval", trained, compared=True)
    assert outcome.code == 130
    assert "nats per token" in outcome.out
    assert "gzip" in outcome.out
    assert "zstd" not in outcome.out
    assert outcome.err.count("interrupted") == 1
    found = cli("eval", trained, "--json", compared=True)
    assert found.code == 130
    result, whole = json.loads(found.out), json.loads(everything.out)
    assert result["nats"] == whole["nats"]
    assert "complete" not in result  # the score is
    assert not result["baselines"]["complete"]
    rows, all_rows = ([row["name"] for row in each["baselines"]["rows"]] for each in (result, whole))
    lacks = re.search(r"not computed \((.*)\)", outcome.err)
    assert lacks
    assert sorted([*rows, *re.split(r", (?!order)", lacks[1])]) == sorted(all_rows)
    monkeypatch.setattr(CountedModels, "each", interrupted)
    assert cli("eval", trained, compared=True).code == 130


def test_a_closed_vocabulary_is_compared_with_models_over_its_tokens_only(cli: Cli, corpus: Path) -> None:
    rnngen.train(corpus, out="closed", steps=2, tokenizer="words-closed", **FAST)
    names = {row["name"] for row in shown(cli, "closed")["baselines"]["rows"]}
    assert names == {MODEL, *NAMES[: ORDERS + 1]}


def test_pseudo_perplexity_compares_with_none_of_them(cli: Cli, corpus: Path) -> None:
    rnngen.train(corpus, out="both", steps=2, bidirectional=True, **FAST)
    assert "baselines" not in shown(cli, "both", "--gaps", 0)
    assert isinstance(rnngen.evaluate("both", baselines=True), PseudoScore)


def test_labels_and_documents_are_what_compressors_read_too(cli: Cli, tmp_path: Path) -> None:
    rows = [{"text": f"song {i} of the {kind}", "genre": kind} for i in range(60) for kind in ("sea", "hills")]
    (tmp_path / "songs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    rnngen.train(tmp_path / "songs.jsonl", out="songs", steps=2, label_field="genre", split=(0.8, 0.1, 0.1), **FAST)
    result = shown(cli, "songs")
    assert result["documents"] == 12
    by_name = {row["name"]: row["bits_per_byte"] for row in result["baselines"]["rows"]}
    assert by_name["Kneser-Ney, order 6"] < by_name["unigram"] < by_name["uniform"]


ROWS = Baselines(
    ranked([Baseline(MODEL, 2.0, 1.4), Baseline("uniform", 6.0, 4.2)]),
    tokens=100,
    is_whole=True,
    counted=1000,
    primed=1000,
    available=1000,
    epochs=20.0,
)


@pytest.mark.parametrize(
    ("better", "changes", "said"),
    [
        ([], {}, "The model is the best of them: 67% fewer bits than the next, the uniform distribution."),
        ([], {"is_complete": False}, "the comparison is incomplete"),
        (["unigram"], {}, "it has learned next to nothing"),
        (["xz"], {}, "copies long passages"),
        (["PPMd", "zstd", "xz"], {}, "copies long passages"),
        (["zstd", "Kneser-Ney, order 5"], {}, "training part is small"),
        (["bz2"], {}, "training part is small"),
        (["Kneser-Ney, order 5"], {"epochs": 0.5}, "it has read the training part 0.5 times"),
        (["Kneser-Ney, order 5"], {}, "training part is small"),
        (["PPMd"], {"available": 10**8}, "larger network or longer training"),
        (["PPMd"], {"is_own": False}, "Most likely the text is of another kind than the run's own. Otherwise, the tra"),
        (
            ["unigram"],
            {"is_own": False},
            "of another kind than the run's own. Otherwise, it has learned next to nothing",
        ),
        ([], {"is_own": False}, "The model is the best of them"),
    ],
)
def test_a_model_that_loses_is_told_to_what_and_why(better: list[str], changes: dict[str, float], said: str) -> None:
    rows = ranked([*ROWS.rows, *(Baseline(name, 1.0) for name in better)])
    found = replace(ROWS, rows=rows, **changes)
    verdict = found.verdict()
    assert verdict is not None
    assert replace(found, is_short=True).verdict() is None
    assert said.casefold() in verdict.casefold()
    assert [row.name for row in found.better] == better
    assert not better or "which needs 50% fewer bits" in verdict
