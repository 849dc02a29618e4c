"""The plan tells what is conspicuous about a text's characters, and what to do about it."""

from __future__ import annotations

import random
import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from rnngen.corpus import character_facts
from rnngen.corpus.formats import decoding
from rnngen.corpus.tokens import prepare
from rnngen.options.training import DataConfig
from rnngen.training.planning.notes import notes_on_text
from tests.conftest import make_text

PLAIN = "Ääé" * 30 + make_text(20_000)  # every character occurs often
TRAINING = {"split": (0.99, 0.01)}


def notes(text: str, **options: Any) -> list[str]:
    Path("text.txt").write_text(text, encoding="utf-8")
    data = DataConfig(corpus=("text.txt",), **{**TRAINING, **options})
    found = notes_on_text(prepare(data), data)
    return [note for note in found if "character" in note]


def test_an_ordinary_text_has_none() -> None:
    assert notes(PLAIN) == []
    assert notes(unicodedata.normalize("NFD", PLAIN)) == []  # all in one form


def test_a_text_in_two_forms_is_told_and_normalising_mends_it() -> None:
    mixed = unicodedata.normalize("NFD", "é" * 40) + PLAIN
    (note,) = notes(mixed)
    assert note.startswith("90 characters are composed and 40 decomposed")
    assert "`normalize=nfc`" in note
    assert notes(mixed, normalize="nfc") == []
    assert notes("\ud55c\uae00" * 50 + unicodedata.normalize("NFD", "\ud55c\uae00" * 50) + PLAIN)  # Korean


@pytest.mark.parametrize(("what", "characters"), [("control", "\x1b"), ("private-use", "\ue000")])
def test_many_characters_that_mean_nothing_are_told(what: str, characters: str) -> None:
    (note,) = notes(PLAIN + characters * 400)
    assert re.match(rf"[12]\.\d% of the characters are {what} characters", note)
    assert notes(PLAIN + characters * 10 + "\t\n" * 400) == []


@pytest.mark.parametrize("level", ["char", "bpe"])
def test_characters_that_are_too_rare_are_counted_where_they_are_tokens(level: str) -> None:
    text = "ΩΩψωχχχ" + PLAIN
    known = len(set(text[: int(len(text) * 0.99)]))
    rare = f"3 of {known} characters occur fewer than 3 times in the training part, too few to learn them"
    told = [note.partition(";")[0] for note in notes(text, tokenizer=level)]
    assert told == ([rare] if level == "char" else [])
    assert notes(text, tokenizer=level, min_count=3) == []


def test_rare_characters_are_counted_as_in_the_training_part() -> None:
    text = "abcabcab" * 50 + "xyx"
    Path("text.txt").write_text(text, encoding="utf-8")
    corpus = prepare(DataConfig(corpus=("text.txt",), split=(0.5, 0.5)))
    training = text[: len(text) // 2]
    for below in (1, 60, 80, 1000):
        assert corpus.rare_characters(below) == sum(training.count(c) < below for c in set(training))


def test_of_a_long_text_the_beginning_and_a_few_characters_from_everywhere_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, characters in (("ALL_OF", 400), ("FEW", 10), ("FEW_OF", 200)):
        monkeypatch.setattr(character_facts, name, characters)
    monkeypatch.setattr(decoding, "CHUNK_BYTES", 100)
    Path("text.txt").write_text("a" * 10_000, encoding="utf-8")
    corpus = prepare(DataConfig(corpus=("text.txt",)))
    assert corpus.characters is not None
    assert corpus.characters.count("a") == 400 + 48 * 10


def test_words_without_spaces_between_them_are_told_to_be_bytes() -> None:
    rng = random.Random(0)
    chinese = "".join("".join(rng.choices("我你他们是在有个来到说国", k=rng.randint(8, 20))) + "。" for _ in range(400))
    (note,) = notes(chinese, tokenizer="word")
    assert re.match(r"\d\d% of the tokens are bytes of characters", note)
    assert "`tokenizer=bpe`" in note
    assert notes(chinese, tokenizer="bpe") == []
    assert notes(PLAIN + "naïve café Москва " * 300, tokenizer="word") == []


@pytest.mark.parametrize("tokenizer", ["char", "word"])
def test_a_short_text_is_told_how_long_it_should_be_in_its_own_tokens(tokenizer: str) -> None:
    text = make_text(20_000)
    Path("text.txt").write_text(text, encoding="utf-8")
    data = DataConfig(corpus=("text.txt",), tokenizer=tokenizer, **TRAINING)  # type: ignore[arg-type]
    corpus = prepare(data)
    (note,) = [note for note in notes_on_text(corpus, data) if "training tokens are few" in note]
    size = int(re.findall(r"Give it more text, (\d+) KB", note)[0])
    tokens = size * 1000 / corpus.train.counts.bytes * len(corpus.train.tokens)
    assert tokens >= 100_000  # so much text has enough of them, and 50 KB less or the least amount do not
    assert tokens * (size - 50) / size < 100_000
