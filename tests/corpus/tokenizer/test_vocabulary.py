"""What is learned from a text at each level."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnngen.corpus.tokenizer import CharTokenizer, Level, train_tokenizer
from rnngen.corpus.tokenizer.char import FirstOccurrences
from rnngen.corpus.tokenizer.load import load_tokenizer
from rnngen.errors import TokenizerError
from rnngen.options.training import MAX_VOCAB_SIZE
from tests.corpus.tokenizer.examples import LEVELS, TEXT, TOKENIZERS, any_text, cuts, ids_of, quick


@pytest.mark.parametrize("level", ["char", "word", "bpe"])
def test_lone_surrogate_in_a_training_text_is_refused(level: Level) -> None:
    with pytest.raises(TokenizerError, match=r"U\+D800"):
        train_tokenizer(level, ["the cat ", "\ud800 sat"])


@pytest.mark.parametrize(("level", "size"), [("char", 2), ("char", 9), ("word", 257), ("word", 270), ("bpe", 300)])
def test_vocabulary_has_the_size_that_was_asked_for(level: Level, size: int) -> None:
    assert train_tokenizer(level, [TEXT], size).vocab_size == size


def test_char_vocabulary_of_a_given_size_holds_the_most_frequent_characters() -> None:
    tokenizer = train_tokenizer("char", ["ddddcccbbba"], 4)
    assert tokenizer.token_bytes() == [b"<unk>", b"b", b"c", b"d"]
    assert ids_of(tokenizer, "abcd") == [0, 1, 2, 3]


@quick
@given(pieces=st.lists(any_text.filter(lambda piece: "\0" not in piece), max_size=5), stop=st.integers(0, 200))
def test_first_occurrences_name_the_characters_of_every_beginning_of_a_text(pieces: list[str], stop: int) -> None:
    first = FirstOccurrences()
    for piece in pieces:
        first.add(piece)
    characters = first.before(stop)
    assert sorted(characters) == sorted(set("".join(pieces)[:stop]))
    assert CharTokenizer(characters).to_json() == train_tokenizer("char", ["".join(pieces)[:stop]]).to_json()


def test_word_vocabulary_holds_the_most_frequent_words_with_the_space_before() -> None:
    text = "x" + " cat" * 5 + " dog" * 4 + " ant" * 3 + " once"
    tokenizer = train_tokenizer("word", [text], 258)
    assert tokenizer.token_bytes()[256:] == [b" cat", b" dog"]
    assert ids_of(tokenizer, " cat dog ant") == [256, 257, *b" ant"]


@pytest.mark.slow
def test_the_largest_vocabulary_can_be_read_again_and_a_larger_one_is_refused(tmp_path: Path) -> None:
    text = "".join(chr(code) for code in range(0x10000, 0x10000 + MAX_VOCAB_SIZE))  # one more with <unk>
    with pytest.raises(TokenizerError, match=r"at most 200,000 tokens; found 200,001\. Give"):
        train_tokenizer("char", [text])
    largest = train_tokenizer("char", [text], MAX_VOCAB_SIZE)
    (tmp_path / "tokenizer.json").write_text(largest.to_json(), encoding="utf-8")
    assert load_tokenizer(tmp_path / "tokenizer.json").vocab_size == MAX_VOCAB_SIZE


@pytest.mark.parametrize("level", ["word", "bpe"])
@pytest.mark.parametrize("size", [2, 255, 256])
def test_vocabulary_without_room_beside_the_bytes_is_refused(level: Level, size: int) -> None:
    with pytest.raises(
        TokenizerError, match=f"`vocab_size` is too small for `tokenizer={level}`; expected more than 256.*found {size}"
    ):
        train_tokenizer(level, [TEXT], size)


@pytest.mark.parametrize("level", LEVELS)
def test_the_same_text_gives_the_same_vocabulary_however_it_is_cut(level: Level) -> None:
    size = 400 if level in ("word", "bpe") else None
    pieces = cuts(TEXT, list(range(37, len(TEXT), 501)))
    assert train_tokenizer(level, pieces, size).to_json() == TOKENIZERS[level].to_json()


@pytest.mark.parametrize("least", [1, 2, 3, 4])
def test_characters_that_are_rarer_than_asked_for_are_unknown(least: int) -> None:
    tokenizer = train_tokenizer("char", ["ddddccc", "bba"], min_count=least)
    assert tokenizer.decode(range(1, tokenizer.vocab_size)) == "abcd"[least - 1 :]
    assert train_tokenizer("char", ["ddddcccbba"], 3, min_count=least).vocab_size == min(3, 6 - least)


def test_words_that_are_rarer_than_asked_for_are_spelled_in_bytes() -> None:
    text = "x" + " cat" * 5 + " dog" * 4 + " ant" * 3 + " bee" * 2 + " once"
    words = {n: train_tokenizer("word", [text], min_count=n).token_bytes()[256:] for n in (1, 2, 4, 6)}
    assert words[1] == words[2] == [b" cat", b" dog", b" ant", b" bee"]  # a word that occurs once is no use
    assert (words[4], words[6]) == ([b" cat", b" dog"], [])
    assert train_tokenizer("word", [text], 257, min_count=4).token_bytes()[256:] == [b" cat"]


def test_pairs_that_are_rarer_than_asked_for_are_not_merged() -> None:
    text = "ab " * 9 + "cd " * 4
    tokens = {n: train_tokenizer("bpe", [text], min_count=n).token_bytes()[256:] for n in (1, 5, 10)}
    assert b"cd" in tokens[1]
    assert (tokens[5], tokens[10]) == ([b"ab", b" ab"], [])
