"""A length in words or sentences, and where a typed word is kept apart from the one before."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import rnngen
from rnngen.errors import UsageError
from rnngen.sampling.options import DEFAULT_LENGTH, LENGTH_UNTIL, Sampling
from rnngen.sampling.sentences import SentenceMatcher
from rnngen.sampling.stopping import Ending
from rnngen.sampling.word_ends import WordMatcher, begun_word, joint
from tests.conftest import FAST
from tests.corpus.tokenizer.examples import cuts
from tests.sampling.test_stopping import ended

counts = st.integers(1, 4)
places = st.lists(st.integers(0, 20))


def words(text: str) -> list[str]:
    return re.findall(r"\w+(?:['’]\w+)*", text)


def naive_words(text: str, count: int) -> tuple[str, bool]:
    """The text to the end of the word with this number, read character by character."""
    at = 0
    while at < len(text):
        while at < len(text) and text[at] not in "ab漢":
            at += 1
        if at == len(text):
            break
        begun = text[at]
        at += 1
        while begun != "漢" and at < len(text):
            following = text[at + 1 : at + 2]
            if text[at] in "ab\u0301" or (text[at] == "'" and following and following in "ab"):
                at += 1
            else:
                break
        while begun == "漢" and text[at : at + 1] == "\u0301":
            at += 1
        if at == len(text) or (text[at:] == "'" and begun != "漢"):  # it may go on
            break
        count -= 1
        if not count:
            return text[:at], True
    return text, False


@settings(deadline=None)  # the first call collects Unicode's marks
@given(st.text("ab'漢\u0301. ", max_size=20), counts, places)
@example("a'b'a b", 1, [])
@example("ab' a", 1, [2, 3])
@example("漢a漢", 3, [1])
@example("aaaaa'.", 2, [6])
@example("'a", 1, [])
@example("aaa'.", 2, [4])
def test_a_length_in_words_is_counted_whatever_the_pieces(text: str, count: int, at: list[int]) -> None:
    matcher = WordMatcher(count)
    shown = "".join(matcher.push(piece) for piece in cuts(text, at))
    is_found = matcher.found is not None
    assert (shown + matcher.finish(), is_found) == naive_words(text, count)


@given(st.text('aA.!\n "', max_size=30), counts, places, st.sampled_from(["", "A", "A. "]))
@example("One. Two! Three", 2, [], "")
@example("Heading\n\nOne. Two", 2, [3], "")
def test_sentences_are_counted_as_one_after_the_other(text: str, count: int, at: list[int], prompt: str) -> None:
    expected, prompt_left, rest = "", prompt, text
    for _ in range(count):
        one = SentenceMatcher(prompt_left)
        part = one.push(rest) + one.finish()
        expected, rest, prompt_left = expected + part, rest[len(part) :], ""
        if one.found is None:
            break
    matcher = SentenceMatcher(prompt, count)
    shown = "".join(matcher.push(piece) for piece in cuts(text, at)) + matcher.finish()
    assert (shown, matcher.found) == (expected, one.found)


def test_a_long_word_is_counted_in_a_time_that_grows_with_its_length() -> None:
    matcher = WordMatcher(2)
    assert "".join(map(matcher.push, "a" * 20_000 + " b'" + "c" * 20_000)) == "a" * 20_000 + " b'" + "c" * 20_000
    assert (matcher.push("' "), matcher.found is not None) == ("", True)


def test_why_and_where_a_text_ends_by_words_and_sentences() -> None:
    assert ended("One two. Three", length="2 words") == ("One two", "length", None)
    assert ended("One two. Three. Four", length="2 sentences") == ("One two. Three.", "length", None)
    assert ended("\n\nOne. Two", length="1 sentence") == (ended("\n\nOne. Two", until="sentence")[0], "length", None)
    assert ended("\n\nOne two", length="1 word") == ("\n\nOne", "length", None)
    assert ended("One two. Three", until="sentence", length="3 words") == ("One two.", "sentence", ".")
    assert ended("One two. Three", until="sentence", length="1 words") == ("One", "length", None)
    assert ended("One two. Three", stop=["Th"], length="3 words") == ("One two. ", "stop", "Th")
    assert ended("One two", length="9 words") == ("One two", "length", None)


@pytest.mark.slow
def test_a_long_length_in_words_is_not_cut_at_a_number_of_tokens(trained: Path) -> None:
    how: dict[str, Any] = {"length": "3000 words", "seed": 3}
    (sample,) = rnngen.load(trained).generate_batch(["The "], **how)
    assert sample.tokens > LENGTH_UNTIL
    assert len(words(sample.text)) == 3000


def test_a_length_is_of_tokens_unless_it_says_otherwise() -> None:
    assert [Sampling(length=n).max_tokens() for n in (7, "7 tokens", " 1  token ", None)] == [7, 7, 1, DEFAULT_LENGTH]
    assert [Sampling(length=n).max_tokens() for n in ("1 word", "7 sentences")] == [LENGTH_UNTIL] * 2
    assert [Sampling(length=n).max_tokens() for n in ("5000 words", "70 sentences")] == [250_000, 70_000]
    assert [Ending(Sampling(length=n)).stops for n in (7, "7 tokens", "7 words")] == [False, False, True]
    for wrong in ("", "7", "0 words", "7 lines", "words", "7words", 7.5, True, -1):
        with pytest.raises(UsageError, match="`length`"):
            Sampling(length=wrong)  # type: ignore[arg-type]


def test_all_ways_of_writing_keep_to_a_length_in_words(trained: Path) -> None:
    generator = rnngen.load(trained)
    how: dict[str, Any] = {"length": "5 words", "seed": 3}
    text = "".join(generator.generate("The ", **how))
    assert len(words(text)) == 5
    assert text[-1].isalpha()
    assert "".join(piece.text for piece in generator.pieces("The ", **how)) == text
    first, second = generator.generate_batch(["The "] * 2, **how)
    assert (first.text, first.finish_reason, first.stop) == (text, "length", None)
    assert len(words(second.text)) == 5


@pytest.mark.parametrize("arguments", [(), ("-N", 1, "--unique"), ("--show-probs",)])
def test_the_command_takes_a_length_in_sentences(cli: Any, trained: Path, arguments: tuple[Any, ...]) -> None:
    expected = "The " + "".join(rnngen.load(trained).generate("The ", seed=5, length="2 sentences")) + "\n"
    outcome = cli("sample", "-q", "--seed", 5, "-p", "The ", "--length", "2 sentences", *arguments)
    assert (outcome.code, outcome.out) == (0, expected)
    first, second = SentenceMatcher(), SentenceMatcher()
    rest = expected.removeprefix(first.push(expected)).strip("\n")
    assert second.push(rest + "\n\n") == rest


def test_a_length_without_its_quotes_is_answered_by_how_to_type_it(cli: Any) -> None:
    outcome = cli("sample", "--length", 2, "sentences")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.endswith('found 2 sentences. Type: --length "2 sentences"\n')


def test_a_length_that_the_model_cannot_count_is_noted(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("abc de " * 200)
    rnngen.train(tmp_path / "text.txt", out=tmp_path / "checkpoints" / "run", steps=3, **FAST)
    outcome = cli("sample", "--seed", 1, "--length", "1 sentence", "--stop", "b")
    assert "note: --length '1 sentence' ends nothing: the model has never seen its marks" in outcome.err
    assert "note" not in cli("sample", "--seed", 1, "--length", "1 word").err


def test_a_banned_text_is_refused_before_anything_is_shown(cli: Any, trained: Path) -> None:
    assert trained.exists()
    for option in ("--ban", "--force", "--label"):
        outcome = cli("sample", "-p", "The ", option, "zzz")
        assert (outcome.code, outcome.out) == (2, ""), outcome


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("che", "help", " "),
        ("19", "84", " "),
        ("e\u0301", "a", " "),
        ("שָׁ", "לום", " "),
        ("קרא", "ספר", " "),
        ("हिन्दी", "भाषा", " "),
        ("mat.", "The", " "),
        ('"No."', "The", " "),
        ("(no!)", "he", " "),
        ("mat.", "then", " "),
        ("3.", "14", ""),
        ("one,", "two", " "),
        ("(one)", "two", " "),
        ("one ", "two", ""),
        ("one\n", "two", ""),
        ("well-", "known", ""),
        ("don’", "t", ""),
        ("(", "one", ""),
        ("“", "One", ""),
        ('"', "one", ""),
        ("one", ", two", ""),
        ("one", " two", ""),
        ("one", "\ntwo", ""),
        ("", "one", ""),
        ("one", "", ""),
        ("我喜歡", "貓", ""),
        ("我喜歡", "Python", ""),
        ("Python", "好", ""),
        ("ネコ", "が", ""),
        ("สวัส", "ดี", ""),
        ("한국", "말", " "),
    ],
)
def test_a_word_is_not_glued_to_the_one_before(before: str, after: str, expected: str) -> None:
    assert joint(before, after) == expected


@pytest.mark.parametrize(
    ("text", "word"),
    [("a che", "che"), ("a ", ""), ("don't", "don't"), ("don'", ""), ("x\nשָׁלו", "שָׁלו"), ("漢", ""), ("", "")],
)
def test_the_word_that_a_text_has_begun(text: str, word: str) -> None:
    assert begun_word(text) == word
