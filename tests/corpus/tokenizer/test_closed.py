"""A closed vocabulary of words reads a text as word-level benchmarks do: white space, ``<eos>`` per line, ``<unk>``."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnngen.corpus.encoded import encode_text
from rnngen.corpus.pieces import TextCounter
from rnngen.corpus.tokenizer import ClosedTokenizer, load_tokenizer, train_tokenizer
from rnngen.corpus.tokenizer.closed import LONGEST
from rnngen.errors import TokenizerError
from tests.corpus.tokenizer.examples import TOKENIZERS, cuts, ids_of, quick, texty

PENN = " aer banknote <unk> \n pierre <unk> N years old \n\n mr. <unk> is n't old \n"


def as_benchmarks_read(text: str) -> list[str]:
    """The tokens of a file as the data loaders of PyTorch's word_language_model and of awd-lstm-lm make them."""
    return [token for line in io.StringIO(text, newline="\n") for token in [*line.split(), "<eos>"]]


def learn(text: str, size: int | None = None, **how: object) -> ClosedTokenizer:
    tokenizer = train_tokenizer("words-closed", [text], size, **how)  # type: ignore[arg-type]
    assert isinstance(tokenizer, ClosedTokenizer)
    return tokenizer


@quick
@given(text=texty.map(lambda text: text.replace("\0", "")), places=st.lists(st.integers(1, 60), max_size=8))
def test_a_file_has_the_tokens_that_benchmarks_count(
    tmp_path_factory: pytest.TempPathFactory, text: str, places: list[int]
) -> None:
    expected = as_benchmarks_read(text)
    tokenizer = learn(text)
    file = tmp_path_factory.mktemp("encoded") / "text.bin"
    encoded = encode_text(tokenizer, cuts(text, places), file)
    names = ["<unk>", "<eos>", *tokenizer.words]
    assert [names[token] for token in encoded.tokens] == expected
    assert len(encoded.tokens) == encoded.counts.words + encoded.counts.lines
    assert set(names) == {*expected, "<unk>", "<eos>"}  # so the Penn Treebank has 10,000


@pytest.mark.parametrize(
    ("words", "lines", "tokens"),
    [
        (887_521, 42_068, 929_589),
        (70_390, 3_370, 73_760),
        (78_669, 3_761, 82_430),
        (2_051_910, 36_718, 2_088_628),
        (213_886, 3_760, 217_646),
        (241_211, 4_358, 245_569),
    ],
    ids=["ptb train", "ptb valid", "ptb test", "wikitext-2 train", "wikitext-2 valid", "wikitext-2 test"],
)
def test_published_numbers_of_tokens_are_words_and_lines_empty_ones_too(words: int, lines: int, tokens: int) -> None:
    counter = TextCounter()
    counter.add(" \n" * (lines - 1) + "w " * words + "\n")  # as many words and lines as the published file has
    counts = counter.counts
    assert (counts.words, counts.lines, counts.words + counts.lines) == (words, lines, tokens)


def test_unk_is_one_token_whether_it_stands_in_the_text_or_is_out_of_the_vocabulary() -> None:
    tokenizer = learn(PENN)
    assert ids_of(tokenizer, "<unk> zebra") == [0, 0]
    assert tokenizer.decode(tokenizer.encode(PENN)) == (
        "aer banknote <unk>\npierre <unk> N years old\n\nmr. <unk> is n't old\n"
    )
    assert "<eos>" not in tokenizer.words
    assert ids_of(learn("<eos> a\n"), "<eos>\n") not in ([0, 1], [1, 1])  # it is a word where it stands in a text


def test_the_vocabulary_is_that_of_the_training_text_the_most_frequent_words_first() -> None:
    text = "b b b a a c c d <unk> <unk> <unk> <unk>\n"
    assert learn(text).words == ("b", "a", "c", "d")
    assert learn(text, 4).words == ("b", "a")  # with <unk> and <eos>
    assert learn(text, min_count=2).words == ("b", "a", "c")
    assert learn(text, min_count=2).vocab_size == 5
    with pytest.raises(TokenizerError, match="no word occurs 4 times in the training text; found 3 at most"):
        learn(text, min_count=4)
    with pytest.raises(TokenizerError, match="`vocab_size` leaves no word; expected 3 or more"):
        learn(text, 2)
    assert learn("").words == learn(" \n").words == learn("<unk>").words == ()


def test_documents_have_a_token_for_their_end_and_line_ends_stay_line_ends() -> None:
    tokenizer = learn("a b\nc\0a\0")
    assert tokenizer.boundary_id == 2
    a, b, c = (tokenizer.words.index(word) + 3 for word in "abc")
    assert ids_of(tokenizer, "a b\nc\0a\0") == [a, b, 1, c, 2, a, 2]
    assert tokenizer.decode([a, b, 1, c, 2, a]) == "a b\nc\0a"


def test_a_word_that_is_too_long_is_unknown_however_the_text_is_cut() -> None:
    fits, longer = "x" * LONGEST, "x" * (LONGEST + 1)
    text = f"a {fits} {longer} b\n"
    tokenizer = learn(text)
    assert set(tokenizer.words) == {"a", "b", fits}
    pieces = cuts(text, list(range(7, len(text), 333)))
    ids = np.concatenate(list(tokenizer.encode_pieces(pieces))).tolist()
    assert ids == ids_of(tokenizer, text)
    assert ids[2] == 0
    assert learn("".join(pieces)).words == tokenizer.words


@quick
@given(text=texty)
def test_counts_as_it_is_read_are_those_of_the_decoded_text(text: str) -> None:
    tokenizer = learn("the cat . 12\0" if "\0" in text else "the cat . 12\n")
    ids = tokenizer.encode(text if text[-1:] in ("\n", "\0") else f"{text}\n")
    counter = TextCounter()
    counter.add(tokenizer.decode(ids))
    found = tokenizer.counts_of(ids, counter.counts)
    assert found == counter.counts


@pytest.mark.parametrize(
    ("text", "held"),
    [("the ca", "ca"), ("the cat", "cat"), ("the cat ", ""), ("the zebra", "<unk>"), ("the\n", ""), ("", "")],
)
def test_the_last_word_is_held_back_if_a_known_word_begins_with_it(text: str, held: str) -> None:
    ids, found = learn("the cat sat\n").hold_back(text)
    assert found == held
    assert len(ids) + len(held.split()) == len(text.split()) + text.count("\n")


def test_growing_appends_the_words_that_are_new_and_keeps_the_others_where_they_are() -> None:
    before = learn("b b a\n")
    after = before.grown(lambda size: learn("c c a d\n", size))
    assert isinstance(after, ClosedTokenizer)
    assert after.words == ("b", "a", "c", "d")
    assert before.grown(lambda size: learn("a a\n", size)) is before
    with_documents = before.grown(lambda size: learn("a\0", size))
    assert (with_documents.boundary_id, with_documents.vocab_size) == (2, 5)


@pytest.mark.parametrize(
    ("text", "spelled"), [("the cat\n", "the cat \n"), ("a\n\nb", "a \n\nb"), ("\na", "\na"), ("a b", "a b")]
)
def test_a_text_is_spelled_as_the_bytes_of_tokens_spell_it(text: str, spelled: str) -> None:
    assert TOKENIZERS["words-closed"].spelling(text) == spelled


@pytest.mark.parametrize("word", ["a b", "", "a\n", "\0a", "x" * (LONGEST + 1)])
def test_a_file_with_a_token_that_is_no_word_is_refused(word: str, tmp_path: Path) -> None:
    content = learn("a b c\n").to_json().replace('"c"', f'"{word}"'.replace("\n", "\\n").replace("\0", "\\u0000"))
    (tmp_path / "tokenizer.json").write_text(content, encoding="utf-8")
    with pytest.raises(TokenizerError, match="cannot be loaded"):
        load_tokenizer(tmp_path / "tokenizer.json")


def test_the_frequencies_agree_with_a_naive_count() -> None:
    expected = Counter(PENN.split())
    del expected["<unk>"]
    assert learn(PENN).words == tuple(sorted(expected, key=lambda word: (-expected[word], word)))
