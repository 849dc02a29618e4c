"""The end of a prompt that a continuation may change is held back, and tokens are found by their first bytes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnngen.corpus.tokenizer import Level, train_tokenizer
from tests.corpus.tokenizer.examples import LEVELS, TOKENIZERS, WHOLE, ids_of, texty


@pytest.mark.parametrize("level", LEVELS)
@settings(deadline=None, max_examples=150)
@given(text=texty, more=texty)
def test_what_is_not_held_back_begins_the_text_whatever_comes_after_it(level: Level, text: str, more: str) -> None:
    tokenizer = TOKENIZERS[level]
    ids, held = tokenizer.hold_back(text)
    assert [*ids, *tokenizer.encode(held)] == ids_of(tokenizer, text)
    assert ids_of(tokenizer, text + more)[: len(ids)] == ids.tolist()
    if level in ("char", "byte"):
        assert held == ""


@pytest.mark.parametrize("level", ["word", "bpe"])
@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("The ", " "),
        ("The cat", " cat"),
        ("The", "The"),
        ("", ""),
        ("cat  ", "  "),
        ("cat.\n\n", "\n\n"),
        ("don", "don"),
        ("don't", "'t"),
        ("don'", "'"),
        ("don'r", "'r"),
        ("don''r", "r"),
        ("a 12", " 12"),
        ("x =", " ="),
        ("日本語", "日本語"),
        ("a\u3000", "\u3000"),
    ],
)
def test_the_last_word_is_held_back_or_the_white_space_that_ends_the_text(level: Level, text: str, held: str) -> None:
    assert TOKENIZERS[level].hold_back(text)[1] == held


@pytest.mark.parametrize("level", ["word", "bpe"])
@pytest.mark.parametrize("word", ["catdog" * 50, "語" * 100, "é" * 999, " " * 300, "=" * 80])
def test_of_a_long_word_no_more_than_64_bytes_are_held_back(level: Level, word: str) -> None:
    tokenizer = TOKENIZERS[level]
    ids, held = tokenizer.hold_back(f"The {word}")
    assert 0 < len(held.encode()) <= 64
    assert tokenizer.decode([*ids, *tokenizer.encode(held)]) == f"The {word}"


def test_a_token_longer_than_64_bytes_stands() -> None:
    tokenizer = train_tokenizer("word", [f"a\n{'-' * 80}\n" * 3])
    assert tokenizer.hold_back("a\n" + "-" * 80) == (pytest.approx(tokenizer.encode("a\n" + "-" * 80)), "")


@pytest.mark.parametrize("level", WHOLE)
@given(content=st.binary(min_size=1, max_size=4) | texty.map(str.encode).filter(bool))
def test_tokens_are_found_by_the_bytes_that_they_begin_with_or_are(level: Level, content: bytes) -> None:
    tokenizer = TOKENIZERS[level]
    table = dict(enumerate(tokenizer.token_bytes()))
    assert set(tokenizer.tokens_beginning(content)) == {t for t, c in table.items() if c.startswith(content)}
    assert tokenizer.tokens_within(content) == sorted(
        (t for t, c in table.items() if content.startswith(c) and c != content), key=lambda t: len(table[t])
    )
