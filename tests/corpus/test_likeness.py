"""Parts that are unlike the training part are found, and ordinary texts are left alone, at every level and size."""

from __future__ import annotations

import random
import sysconfig
from pathlib import Path

import numpy as np
import pytest

from rnngen.corpus import likeness
from rnngen.corpus.likeness import compare, too_short, unlike_parts
from rnngen.corpus.named.built import build
from rnngen.corpus.tokens import EncodedCorpus, prepare
from rnngen.options.training import DataConfig
from tests.conftest import make_text

LEVELS = ["char", "byte", "word", "bpe"]
SOME_LEVELS = ["char", *(pytest.param(level, marks=pytest.mark.slow) for level in LEVELS[1:])]
SYLLABLES = {
    "one": ["ka", "to", "mi", "re", "lon", "da", "sut", "pe", "vi", "bran"],
    "two": ["sch", "öu", "gne", "ixt", "zw", "eux", "kj", "yrr", "ång", "ww"],
    "another script": ["ко", "та", "ми", "ре", "лон", "да", "сут", "пе", "ви", "бран"],
}


def language(name: str, characters: int, seed: int = 0) -> str:
    """Sentences of words of a language that there is not."""
    rng = random.Random(seed)
    words = ["".join(rng.choices(SYLLABLES[name], k=rng.randint(1, 4))) for _ in range(400)]
    text = ""
    while len(text) < characters:
        text += " ".join(rng.choices(words, weights=range(400, 0, -1), k=rng.randint(4, 12))).capitalize() + ".\n"
    return text[:characters]


def table(characters: int) -> str:
    rng = random.Random(0)
    return "".join(f"{rng.random():.4f}\t{rng.randrange(1000)}\n" for _ in range(characters // 8))[:characters]


def library(characters: int) -> str:
    """The beginning of Python's own standard library."""
    folder = Path(sysconfig.get_paths()["stdlib"])
    files = (folder / f"{name}.py" for name in ("argparse", "ast", "calendar", "csv", "datetime", "decimal", "doctest"))
    text = "".join(file.read_text(encoding="utf-8") for file in files if file.is_file())
    return text[:characters]


def corpus_of(text: str, level: str = "char") -> EncodedCorpus:
    Path("text.txt").write_text(text, encoding="utf-8", newline="\n")
    return prepare(DataConfig(corpus=("text.txt",), tokenizer=level))  # type: ignore[arg-type]


def unlike(text: str, level: str = "char") -> list[str]:
    return [each.part for each in unlike_parts(corpus_of(text, level))]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("size", [12_000, 60_000])
@pytest.mark.parametrize("end", ["two", "another script", "table"])
def test_an_end_in_another_language_or_of_numbers_is_told(level: str, size: int, end: str) -> None:
    tail = table(size // 10) if end == "table" else language(end, size // 10)
    assert unlike(language("one", size - len(tail)) + tail, level) == ["valid", "test"]


@pytest.mark.parametrize("level", LEVELS)
def test_code_after_prose_is_told(level: str) -> None:
    assert unlike(language("one", 90_000) + library(10_000), level) == ["valid", "test"]


def test_only_the_part_that_is_unlike_is_told() -> None:
    assert unlike(language("one", 95_000) + language("two", 5_000)) == ["test"]
    assert unlike(language("one", 90_000) + language("two", 5_000) + language("one", 5_000)) == ["valid"]


def test_a_test_text_of_its_own_in_another_script_is_told_though_all_of_it_is_unknown() -> None:
    Path("test.txt").write_text(language("another script", 5_000), encoding="utf-8")
    Path("text.txt").write_text(language("one", 50_000), encoding="utf-8")
    corpus = prepare(DataConfig(corpus=("text.txt",), test=("test.txt",)))
    (found,) = unlike_parts(corpus)
    assert found.part == "test"
    assert found.unknown == corpus.test.unknown / len(corpus.test.tokens) > 0.7


def test_many_unknown_characters_are_told_though_the_rest_is_alike() -> None:
    text = language("one", 100_000)
    rng = random.Random(0)
    end = "".join(rng.choice("БДЖ") if rng.random() < 0.2 else c for c in text[-5_000:])
    (found,) = unlike_parts(corpus_of(text[:-5_000] + end))
    assert (found.part, round(found.unknown, 1)) == ("test", 0.2)


def test_unknown_characters_of_a_script_with_thousands_of_them_are_expected() -> None:
    rng = random.Random(0)
    weights = 1 / np.arange(1, 4001)
    text = "".join(chr(0x4E00 + i) for i in rng.choices(range(4000), weights, k=6_000))
    corpus = corpus_of(text)
    assert corpus.valid.unknown > 0.02 * len(corpus.valid.tokens)
    assert unlike_parts(corpus) == []


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("size", [3_000, 12_000, 100_000])
def test_an_ordinary_text_is_left_alone(level: str, size: int) -> None:
    assert unlike(language("one", size), level) == []
    assert unlike(make_text(size), level) == []


@pytest.mark.parametrize("level", SOME_LEVELS)
def test_code_and_documentation_are_left_alone(level: str) -> None:
    build("pydoc", Path("pydoc.txt"))
    assert unlike(Path("pydoc.txt").read_text(encoding="utf-8"), level) == []
    assert unlike(library(10**9), level) == []


@pytest.mark.parametrize("level", SOME_LEVELS)
def test_a_folder_of_mixed_texts_is_left_alone(level: str) -> None:
    kinds = [language("one", 90_000), language("two", 90_000), language("another script", 90_000), table(90_000)]
    rng = random.Random(0)
    pieces = []
    for _ in range(150):
        kind, at = rng.choice(kinds), rng.randrange(87_000)
        pieces.append(kind[at : at + 3_000])
    assert unlike("".join(pieces), level) == []


def test_divergence_is_that_of_the_naive_formula() -> None:
    corpus = corpus_of(language("one", 30_000) + language("two", 3_000), "byte")
    found = compare(corpus, "test")
    assert found is not None
    size = min(len(corpus.test.tokens), len(corpus.train.tokens) // 24, likeness.PIECE_BYTES)

    def shares(tokens: np.ndarray) -> dict[tuple[int, int], float]:
        pairs = list(zip(tokens[:-1].tolist(), tokens[1:].tolist(), strict=True))
        return {pair: pairs.count(pair) / len(pairs) for pair in set(pairs)}

    number = min(64, len(corpus.train.tokens) // size)
    starts = np.linspace(0, len(corpus.train.tokens) - size, number).astype(int)
    train = [shares(corpus.train.tokens[s : s + size]) for s in starts]
    test = shares(corpus.test.tokens[:size])
    naive = min(-2 * np.log2(sum((p * q.get(pair, 0)) ** 0.5 for pair, p in test.items()) or 1e-9) for q in train)
    assert found.divergence == pytest.approx(naive, rel=1e-4)


@pytest.mark.parametrize("text", ["a", "ab" * 20, "a\n" * 400, "x" * 5_000, "語" * 300])
def test_texts_without_much_in_them_are_no_crash(text: str) -> None:
    for level in LEVELS:
        assert unlike(text, level) == []


def test_a_part_that_is_empty_is_not_compared() -> None:
    Path("text.txt").write_text(language("one", 9_000))
    corpus = prepare(DataConfig(corpus=("text.txt",), split=(1.0, 0.0)))
    assert compare(corpus, "valid") is compare(corpus, "test") is None
    assert unlike_parts(corpus) == []


def test_short_texts_are_told_by_their_training_tokens() -> None:
    assert too_short(corpus_of(make_text(3_000)))
    assert too_short(corpus_of(make_text(likeness.MIN_TRAINING_TOKENS)))
    assert not too_short(corpus_of(make_text(likeness.MIN_TRAINING_TOKENS * 10 // 9 + 1)))
    assert too_short(corpus_of(make_text(120_000), "bpe"))
