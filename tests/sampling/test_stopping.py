"""Where a text begins and ends, whatever the pieces that it comes in."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rnngen.sampling.options import Sampling
from rnngen.sampling.sentences import SentenceMatcher
from rnngen.sampling.stopping import Ending, StopMatcher
from tests.corpus.tokenizer.examples import cuts

texts = st.text("ab\n", max_size=14)
strings = st.lists(st.text("ab\n", min_size=1, max_size=4), max_size=3)


def naive(text: str, stops: list[str]) -> tuple[str, str | None]:
    """The text before the string that is complete first; of those complete at the same place, the longest."""
    for end in range(1, len(text) + 1):
        for stop in sorted(stops, key=len, reverse=True):
            if text[:end].endswith(stop):
                return text[: end - len(stop)], stop
    return text, None


@given(texts, strings, st.lists(st.integers(0, 14)))
@example("aab", ["ab"], [1, 2])
@example("abab\n", ["abab\n", "b\n"], [])
@example("ab", ["ab", "b"], [])
def test_what_is_found_is_the_definition_whatever_the_pieces(text: str, stops: list[str], places: list[int]) -> None:
    matcher = StopMatcher(stops)
    shown = "".join(matcher.push(piece) for piece in cuts(text, places))
    if matcher.found is None:
        shown += matcher.finish()
    assert (shown, matcher.found) == naive(text, stops)


@given(texts, strings)
def test_no_more_is_held_back_than_may_become_a_stop_string(text: str, stops: list[str]) -> None:
    matcher = StopMatcher(stops)
    shown = ""
    for end, character in enumerate(text, start=1):
        shown += matcher.push(character)
        if matcher.found is not None:
            break
        held = text[len(shown) : end]
        assert held == max((h for s in stops for h in _beginnings(s) if text[:end].endswith(h)), key=len, default="")


def _beginnings(string: str) -> list[str]:
    return [string[:n] for n in range(1, len(string))]


def test_after_the_end_nothing_is_shown() -> None:
    matcher = StopMatcher(["b"])
    assert [matcher.push(piece) for piece in ("a", "bc", "d")] == ["a", "", ""]


def test_an_ending_says_why() -> None:
    def reason(text: str, **options: object) -> tuple[str, str, str | None]:
        ending = Ending(Sampling(**options))  # type: ignore[arg-type]
        shown = ending.push(text)
        return shown + ("" if ending.stop else ending.finish("")), ending.reason, ending.stop

    assert reason("a\nb") == ("a\nb", "length", None)
    assert reason("a\nb", until="line") == ("a", "line", "\n")
    assert reason("a\nb\n\nc", until="paragraph") == ("a\nb", "paragraph", "\n\n")
    assert reason("a\nb", until="paragraph", stop=["b"]) == ("a\n", "stop", "b")
    assert reason("a\n", until="paragraph") == ("a\n", "length", None)


def ended(text: str, prompt: str = "", **options: object) -> tuple[str, str, str | None]:
    """What is shown of a text that comes character by character, and why no more."""
    ending = Ending(Sampling(**options), prompt)  # type: ignore[arg-type]
    shown = ""
    for character in text:
        shown += ending.push(character)
        if ending.stop is not None:
            return shown, ending.reason, ending.stop
    return shown + ending.finish(""), ending.reason, ending.stop


@pytest.mark.parametrize(
    ("prompt", "text", "line", "paragraph"),
    [
        ("", "\n\nab\nc\n\nd", "ab", "ab\nc"),  # without a prompt a text begins a line, and a paragraph
        ("\n\n", "\nab\nc\n\nd", "ab", "ab\nc"),
        ("x\n\n", "\nab\nc\n\nd", "ab", "ab\nc"),
        ("x\n", "\n\nab\nc", "ab", ""),  # after one line end, another ends the paragraph
        ("x\n", "ab\nc\n\nd", "ab", "ab\nc"),
        ("x", "\nab\n\nc", "", "\nab"),  # the prompt's own line, which is over
        ("x", "ab\nc\n\nd", "ab", "ab\nc"),
    ],
)
def test_line_ends_before_a_line_or_a_paragraph_are_skipped(prompt: str, text: str, line: str, paragraph: str) -> None:
    assert ended(text, prompt, until="line") == (line, "line", "\n")
    assert ended(text, prompt, until="paragraph")[0] == paragraph
    assert ended(text, prompt) == (text, "length", None)


def test_what_is_nothing_but_line_ends_is_empty() -> None:
    assert ended("\n" * 9, until="line") == ("", "length", None)


@given(texts, strings, st.lists(st.integers(0, 14)), st.sampled_from(["", "\n", "a\n\n", "a"]))
def test_skipped_line_ends_do_not_depend_on_the_pieces(
    text: str, stops: list[str], places: list[int], prompt: str
) -> None:
    sampling = Sampling(until="line", stop=stops, length=99)
    ending, shown = Ending(sampling, prompt), ""
    for piece in cuts(text, places):
        shown += ending.push(piece)
        if ending.stop is not None:
            break
    else:
        shown += ending.finish("")
    assert (shown, ending.reason, ending.stop) == ended(text, prompt, until="line", stop=stops)
    if prompt != "a":
        assert (shown, ending.stop) == naive(text.lstrip("\n"), [*stops, "\n"])


@given(texts, strings, st.lists(st.integers(0, 14)))
@example("a.b", ["."], [])
def test_a_stop_string_that_is_kept_is_the_end_of_the_text(text: str, stops: list[str], places: list[int]) -> None:
    matcher = StopMatcher(stops, kept=stops)
    shown = "".join(matcher.push(piece) for piece in cuts(text, places))
    if matcher.found is None:
        shown += matcher.finish()
    before, stop = naive(text, stops)
    assert (shown, matcher.found) == (before + (stop or ""), stop)


def test_to_keep_a_stop_string_is_to_keep_no_line_end_of_until() -> None:
    assert ended("One. Two.", stop=["."], keep_stop=True) == ("One.", "stop", ".")
    assert ended("ab\nc", until="line", stop=["b", "\n"], keep_stop=True) == ("ab", "stop", "b")
    assert ended("ac\nb", until="line", stop=["b", "\n"], keep_stop=True) == ("ac", "line", "\n")


def test_a_sentence_and_a_stop_string_end_a_text_where_the_first_of_them_does() -> None:
    assert ended("One two. Three", until="sentence", stop=["two"]) == ("One ", "stop", "two")
    assert ended("One two. Three", until="sentence", stop=["Three"]) == ("One two. ", "stop", "Three")
    assert ended("One two. Three", until="sentence", stop=["hree"]) == ("One two.", "sentence", ".")
    assert ended("\n\nOne two! Three", until="sentence", stop=["Three"]) == ("One two!", "sentence", "!")
    assert ended("One two", until="sentence") == ("One two", "length", None)
    assert ended("One two. ", until="sentence") == ("One two. ", "length", None)


@given(st.text("aA.!\n ", max_size=14), st.lists(st.text("aA.", min_size=1, max_size=3), max_size=2), st.booleans())
@example("a! A", ["A"], True)
def test_of_a_sentence_and_stop_strings_the_same_ends_a_text_whatever_the_pieces(
    text: str, stops: list[str], keep: bool
) -> None:
    options = {"until": "sentence", "stop": stops, "keep_stop": keep}
    ending = Ending(Sampling(**options))  # type: ignore[arg-type]
    shown = ending.push(text)
    if ending.stop is None:
        shown += ending.finish("")
    assert (shown, ending.reason, ending.stop) == ended(text, **options)
    if not stops:
        matcher = SentenceMatcher()
        assert shown == matcher.push(text.lstrip("\n")) + matcher.finish()
