"""A run that begins with another one's weights has tokens for the characters and words of its own text."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnngen
from rnngen.corpus.ngram_rows import ngram_rows
from rnngen.corpus.tokenizer import CharTokenizer, Level, train_tokenizer
from rnngen.errors import UsageError
from rnngen.options.network import ModelConfig
from rnngen.runs.finding import open_run
from rnngen.training.growth import grown, new_tokens, note_on_growth
from tests.conftest import FAST, Outcome, make_text

Cli = Callable[..., Outcome]
STEPS = {"steps": 4, "valid_every": 2, "save_every": 2}
NETWORK = {name: FAST[name] for name in ("batch_size", "bptt", "precision", "device", "sample_every")}


def new_text(characters: int = 6_000) -> str:
    """The same sentences with other letters in them."""
    return make_text(characters, seed=1).replace("sl", "ß").replace("ou", "ü").replace("A", "Ä")


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("tied", [False, True])
def test_rows_follow_their_tokens_and_new_ones_are_the_mean_of_the_known(bidirectional: bool, tied: bool) -> None:
    config = ModelConfig(hidden_size=6, embedding_size=6, bidirectional=bidirectional, tied=tied)
    before, after = CharTokenizer("bdz"), CharTokenizer("abcdzé")
    rng = np.random.default_rng(0)
    weights = {name: rng.random(shape, np.float32) for name, shape in config.shapes(before.vocab_size).items()}
    found = grown(weights, config, before, after, np.zeros(0, np.int64))
    assert {name: w.shape for name, w in found.items()} == dict(config.shapes(after.vocab_size))
    per_token = [name for name in weights if found[name].shape != weights[name].shape]
    assert len(per_token) == (2 if tied else 3) * (1 + bidirectional)
    for name in weights:
        if name not in per_token:
            assert np.array_equal(found[name], weights[name])
            continue
        for character in "bdz":
            ids = after.encode(character).item(), before.encode(character).item()
            assert np.array_equal(found[name][ids[0]], weights[name][ids[1]])
        assert np.array_equal(found[name][0], weights[name][0])  # the unknown symbol
        for character in "acé":
            row = found[name][after.encode(character).item()]
            assert row == pytest.approx(sum(weights[name][i].astype(float) for i in (1, 2, 3)) / 3, rel=1e-6)


@pytest.mark.parametrize("direction", ["", "right_to_left."])
def test_n_grams_of_the_text_keep_their_embeddings_when_ids_change(direction: str) -> None:
    config = ModelConfig(hidden_size=6, embedding_size=6, bidirectional=bool(direction), history=2, history_rows=5000)
    before, after = CharTokenizer("bdz"), CharTokenizer("abcdzé")
    rng = np.random.default_rng(0)
    weights = {name: rng.random(shape, np.float32) for name, shape in config.shapes(before.vocab_size).items()}
    text = "bdzzbaébzd"
    table = grown(weights, config, before, after, after.encode(text))[f"{direction}history.weight"]
    grams = {text[i : i + n] for n in (2, 3) for i in range(len(text) - n + 1)}
    kept = [gram for gram in grams if set(gram) <= set("bdz")]
    for gram in kept:
        if direction:
            gram = gram[::-1]
        rows = [
            ngram_rows(tokenizer.encode(gram).astype(np.int64) + 1, len(gram) - 1, 5000, None)[-1].item()
            for tokenizer in (before, after)
        ]
        assert np.array_equal(table[rows[1]], weights[f"{direction}history.weight"][rows[0]])
    assert len(np.flatnonzero(table.any(axis=1))) == len(kept)
    same = grown(weights, config, before, before, before.encode("bdz"))
    assert np.array_equal(same[f"{direction}history.weight"], weights[f"{direction}history.weight"])


@pytest.mark.parametrize("level", ["char", "word", "byte", "bpe"])
def test_a_tokenizer_grows_by_what_it_lacks(level: Level) -> None:
    text, other = "x" + " cat" * 5 + " dog" * 4, "x" + " cat" * 5 + " Hündin" * 3 + " Tür" * 2 + " einmal"
    size = 400 if level in ("word", "bpe") else None
    before = train_tokenizer(level, [text], size)
    after = before.grown(lambda most: train_tokenizer(level, [other], most))
    table = before.token_bytes()
    assert set(table) <= set(after.token_bytes())
    new = [after.token_bytes()[token].decode() for token in new_tokens(before, after)]
    assert new == {"char": sorted(set(other) - set(text)), "word": [" Hündin", " Tür"]}.get(level, [])
    if level in ("byte", "bpe"):
        assert after is before
    if level == "word":
        assert after.token_bytes()[: len(table)] == table  # old ids stay
        assert after.decode(after.encode(other)) == other
    assert before.grown(lambda most: train_tokenizer(level, [text], most)) is before
    assert note_on_growth(before, before) == ()


def test_new_tokens_that_nobody_would_see_are_named() -> None:
    before, after = CharTokenizer("a"), CharTokenizer("a \t\n\0\u200b\u3000\x07é")
    assert note_on_growth(before, after) == (
        "8 new characters in this text: (end of a document) (U+0007) (tab) (line end) (space) é (zero width space) "
        "(ideographic space)",
    )
    assert note_on_growth(before.with_labels(["x"]), before.with_labels(["x", "my own", "z"])) == (
        "2 new labels in this text: my own, z",
    )


def test_a_run_learns_to_write_characters_that_the_one_before_it_had_never_seen(trained: Path, cli: Cli) -> None:
    Path("new.txt").write_text(new_text(), encoding="utf-8")
    outcome = cli("train", "new.txt", "--init-from", trained, "--out", "tuned", *options(STEPS))
    assert outcome.code == 0, outcome.err
    assert "3 new characters in this text: Ä ß ü" in outcome.err
    run, first = open_run(Path("tuned")), open_run(trained)
    assert run.tokenizer().vocab_size == first.tokenizer().vocab_size + 3
    score = rnngen.evaluate("tuned", "new.txt", part="all")
    assert score.unknown == 0
    assert math.isfinite(score.as_dict()["nats"])
    assert "never seen" not in cli("sample", "tuned", "--prompt", "Äß", "--length", "5").err
    assert cli("train", "--resume", "tuned", "--steps", "2").code == 0
    assert cli("verify", "tuned").code == 0


def test_a_run_on_known_characters_keeps_its_vocabulary(trained: Path, cli: Cli) -> None:
    Path("new.txt").write_text(make_text(6_000, seed=2), encoding="utf-8")
    outcome = cli("train", "new.txt", "--init-from", trained, "--out", "tuned", *options(STEPS))
    assert outcome.code == 0, outcome.err
    assert "new character" not in outcome.err
    assert open_run(Path("tuned")).tokenizer().to_json() == open_run(trained).tokenizer().to_json()


def test_the_first_loss_is_that_of_the_weights_it_begins_with(trained: Path) -> None:
    """Known characters are not mixed up: with other rows, the text would be as improbable as any other."""
    text = make_text(6_000, seed=2)
    Path("new.txt").write_text(text, encoding="utf-8")
    Path("grown.txt").write_text(text[:-400].replace("T", "Ü", 1) + text[-400:], encoding="utf-8")
    nats = {}
    for name in ("new", "grown"):
        split = {"split": (0.9, 0.1), "learning_rate": 1e-9, "muon_learning_rate": 1e-9, "steps": 1, "valid_every": 1}
        rnngen.train(f"{name}.txt", out=name, init_from=trained, **split, **NETWORK)
        nats[name] = rnngen.evaluate(name, part="valid").as_dict()["nats_per_token"]
    vocab_size = open_run(Path("grown")).tokenizer().vocab_size
    # the new character takes at most its share of a softmax in which it is as likely as the others on average
    assert nats["new"] - 0.01 <= nats["grown"] < nats["new"] + 0.3 < 0.8 * math.log(vocab_size)


def test_rare_new_characters_stay_unknown_if_asked(trained: Path, cli: Cli) -> None:
    Path("new.txt").write_text("Ω" + new_text(), encoding="utf-8")
    outcome = cli("train", "new.txt", "--init-from", trained, "--out", "tuned", "--min-count", 3, *options(STEPS))
    assert outcome.code == 0, outcome.err
    assert "3 new characters in this text: Ä ß ü" in outcome.err


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"normalize": "nfc"}, "`normalize` cannot change with `init_from`; expected none; found nfc"),
        ({"tokenizer": "word"}, "`tokenizer` cannot change with `init_from`; expected char; found word"),
        ({"vocab_size": 300}, "`vocab_size` cannot be given with `init_from`"),
    ],
)
def test_what_the_weights_depend_on_cannot_change(trained: Path, option: dict[str, Any], message: str) -> None:
    Path("new.txt").write_text(new_text(), encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        rnngen.train("new.txt", out="tuned", init_from=trained, **option, **STEPS)
    assert message in str(caught.value)
    assert not Path("tuned").exists()


def options(values: dict[str, Any]) -> list[str]:
    return [f"--{name.replace('_', '-')}={value}" for name, value in {**NETWORK, **values}.items()]
