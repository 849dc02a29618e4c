"""The first sentence of a text, against its definition, in many languages, whatever the pieces."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rnngen.sampling.sentences import SentenceMatcher
from tests.corpus.tokenizer.examples import cuts


def first_sentence(text: str, prompt: str = "", places: list[int] | None = None) -> tuple[str, str | None]:
    """What is shown, in pieces cut at these places (by default character by character), and what ended it."""
    matcher, shown = SentenceMatcher(prompt), ""
    for piece in cuts(text, list(range(len(text))) if places is None else places):
        shown += matcher.push(piece)
        if matcher.found is not None:
            return shown, matcher.found
    return shown + matcher.finish(), None


@pytest.mark.parametrize(
    ("sentence", "rest"),
    [
        ("The cat sat.", " It slept."),
        ("Was it a cat?!", " Yes."),
        ("So!", " and then"),
        ("No … yes.", " It"),
        ("He has 3.14 pies, e.g. two of J. S. Bach's, i.e. many.", " Then"),
        ("Mr. Darcy saw Mrs. Hill.", " She"),
        ("Dr. Watson came.", "\n\nthen"),
        ("It was in the U.S. Army.", " The"),
        ("“Go,” he said.", " “Why?”"),
        ("“Stop!” he said.", " She"),
        ("“Stop!”", " He"),
        ('"Why?"', " She"),
        ("He left (in May).", " She"),
        ("Wait... what is it?", " I"),
        ("It was 1990.", " Two men came."),
        ("The U.S.S. no. 5 sank.", " Then"),
        ("1. The first.", " 2. The"),
        ("He ended.", "\nThe next line"),
        ("one line\nand its rest.", " The"),
        ("A heading", "\n\nThe text."),
        (" And then.", " So"),
        ("Er kam „heim“.", " Sie"),
        ("Он пришёл.", " Она"),
        ("Это А. С. Пушкин, т. е. поэт.", " Он"),
        ("Ήρθε.", " Τότε"),
        ("Τι είναι\u037e", " Ναι"),
        ("我来了。", "他走了。"),
        ("你好！", "我"),
        ("「行く。」", "彼は"),
        ("本当？！", "はい"),
        ("他说：“好。”", "我"),
        ("हम आए।", " वह"),
        ("هل جئت؟", " نعم"),
        ("وہ آیا۔", " پھر"),
        ("Եկավ։", " Նա"),
        ("መጣ።", " እሱ"),
        ("ខ្ញុំមក។", " គាត់"),
        ("ကျွန်တော်လာသည်။", " သူ"),
        ("나는 왔다.", " 그는"),
    ],
)
def test_the_first_sentence_is_what_a_reader_takes_for_it(sentence: str, rest: str) -> None:
    assert first_sentence(sentence + rest)[0] == sentence
    assert first_sentence(sentence + rest)[1] is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no end",
        "The cat sat.",
        "The cat sat. ",
        "The cat sat. it",
        "at 3.",
        "3.14",
        "1. ",
        "... ",
        "Mr. Smith",
        "a.b.c",
        "ผมมาแล้ว เขาไป",
        "“Go!” he",
        "A. B. C. D. ",
        "--- ... ---",
        "我来了",
    ],
)
def test_what_has_no_end_is_shown_to_the_last_character(text: str) -> None:
    assert first_sentence(text) == (text, None)


@pytest.mark.parametrize(
    ("prompt", "text", "sentence"),
    [
        ("He met J", ". Smith. Then", ". Smith."),
        ("He met Mr", ". Smith. Then", ". Smith."),
        ("He left", ". She", "."),
        ("The answer is", " 42. Then", " 42."),
        ("Chapter 1", "\n\nIt was dark. We", "\n\nIt was dark."),
        ("Text.\n\n", "1. The first. 2. The", "1. The first."),
        ("It rained.", " The sun. It", " The sun."),
    ],
)
def test_the_prompt_may_have_begun_the_sentence(prompt: str, text: str, sentence: str) -> None:
    assert first_sentence(text, prompt)[0] == sentence


CHARACTERS = 'aAé.!?…。」”" \n1é'


def naive(text: str) -> tuple[str, str | None]:
    """The definition, for texts of these characters that are short: by regular expressions, with all there is known."""
    letters = re.search(r"[aAé]", text)
    if letters is None:
        return text, None
    for found in re.finditer(r"\n\n|([.!?…。]+)([」”\"]*)", text):
        if found.start() < letters.start():
            continue
        rest = text[found.end() :]
        if found[0] == "\n\n":
            return text[: found.start()], "\n\n"
        if not rest:
            return text, None
        if found[1].endswith("。"):
            return text[: found.end()], found[0]
        if not rest[0].isspace() or (found[1] == "." and re.search(r"(?<![aAé])[aAé]\Z", text[: found.start()])):
            continue
        if found[1][-1] in "!?" and not found[2]:
            return text[: found.end()], found[0]
        follows = re.match(r"(?:(?!\n\n)[^aAé.!?…。])*(\n\n|[aAé.!?…。])", rest)
        if follows is None:
            return text, None
        if follows[1] not in "aé":
            return text[: found.end()], found[0]
    return text, None


@given(st.text(CHARACTERS, max_size=14), st.lists(st.integers(0, 14)))
@example('aa. "\n\n', [3, 4])
@example("aa.\n\n", [4])
@example("aaa\n\n", [4])
@example("aa。.” a", [3])
def test_what_is_found_is_the_definition_whatever_the_pieces(text: str, places: list[int]) -> None:
    assert first_sentence(text, places=places) == naive(text)
    assert first_sentence(text) == naive(text)


@given(st.text("aA. \n1”", max_size=40), st.lists(st.integers(0, 5000)), st.sampled_from([" ", ".", "1", "”", "\n"]))
def test_long_texts_do_not_depend_on_the_pieces_either(text: str, places: list[int], padding: str) -> None:
    text = ("aa. " + text).replace("1", padding * 99).replace("”", "”1" * 49)
    assert first_sentence(text, places=places) == first_sentence(text) == first_sentence(text, places=[])


def test_no_more_than_white_space_is_held_back() -> None:
    matcher, shown = SentenceMatcher(), ""
    for end, character in enumerate(text := "aa b.c aa... a “aa.” a aa.\na aa. 1 a", start=1):
        shown += matcher.push(character)
        held = text[len(shown) : end]
        assert not held.strip(" 1“\n"), held
    assert shown == text


def test_a_sentence_of_a_megabyte_takes_no_memory_to_speak_of() -> None:
    matcher = SentenceMatcher()
    shown = sum(len(matcher.push("aa bb, 3.1 …")) for _ in range(90_000))
    assert shown + len(matcher.finish()) == 12 * 90_000
    assert len(matcher._text) < 1000
