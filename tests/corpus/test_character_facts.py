"""The facts about characters and their scripts, compared with Python's own counting and Unicode's own ranges."""

from __future__ import annotations

import random
import unicodedata
from collections import Counter

import pytest

from rnngen.corpus.character_facts import CharacterFacts
from rnngen.corpus.scripts import script_of

TEXT = "Le café, le cafe\u0301: ἀρχή, Привет!\u0007 漢字かなカナ 한글 \u1112\u1161\u11ab नमस्ते 👍🏽 \ue000 "
TEXT += "a\u0323\u0302 \U0001f600\n"


def facts(text: str, pieces: int = 1) -> CharacterFacts:
    found = CharacterFacts()
    step = -(-len(text) // pieces)
    for start in range(0, len(text), step):
        found.add(text[start : start + step])
    return found


@pytest.mark.parametrize("pieces", [1, 2, 7, len(TEXT)])
def test_the_facts_do_not_depend_on_where_pieces_end(pieces: int) -> None:
    found, whole = facts(TEXT, pieces), facts(TEXT)
    assert found.counts() == dict(sorted(Counter(TEXT).items()))
    assert found.decomposed == whole.decomposed
    assert found.composed == whole.composed
    assert found.scripts() == whole.scripts()


def test_a_text_that_mixes_both_forms_has_both_counts() -> None:
    composed = "é ḿ Å 각"
    assert (facts(composed).composed, facts(composed).decomposed) == (4, 0)
    decomposed = unicodedata.normalize("NFD", composed)
    assert facts(decomposed).composed == 0
    assert facts(decomposed).decomposed >= 4
    assert facts("x\u0301 \u0301 ñ").decomposed == 0  # no single character is made of these
    assert facts("abc, 漢字").composed == 0


def test_decomposed_forms_are_found_wherever_nfc_changes_a_text_of_single_marks() -> None:
    generator = random.Random(3)
    for _ in range(300):
        text = "".join(generator.choice(["a", "e", "x", "é", "가", "e\u0301", "o\u0308", "x\u0301"]) for _ in range(8))
        assert (facts(text).decomposed > 0) == (unicodedata.normalize("NFC", text) != text), ascii(text)


def test_control_and_private_use_characters_are_counted_without_line_ends_and_tabs() -> None:
    found = facts("a\n\t\r\f\x00\x1b[0m\x85\ue000\U000f0000\U0010fffd")
    assert (found.control, found.private) == (3, 3)


def test_the_rarest_characters_come_first_with_code_point_and_name() -> None:
    rare = facts("aaabb\u00e9\ue000\x07").rare()
    assert [(each.character, each.count) for each in rare] == [("\x07", 1), ("é", 1), ("\ue000", 1), ("b", 2)]
    assert [each.code_point for each in rare] == ["U+0007", "U+00E9", "U+E000", "U+0062"]
    assert [each.name for each in rare][:3] == ["control character", "LATIN SMALL LETTER E WITH ACUTE", "private use"]


RANGES = {
    "Latin": ["AZ", "az", "ÀÖ", "Āſ", "ＡＺ", "ªª", "ºº"],
    "Greek": ["αω", "ἀἕ", "µµ"],
    "Cyrillic": ["Ѐѿ"],
    "Armenian": ["ԱՖ"],
    "Hebrew": ["את"],
    "Arabic": ["ؠؿ", "ﺀﻴ"],
    "Devanagari": ["अह"],
    "Thai": ["กะ"],
    "Hangul": ["가힣", "ᄀᄒ", "ﾡﾾ"],
    "Hiragana": ["ぁゖ"],
    "Katakana": ["ァヺ", "ｦｯ"],
    "Han": ["一龥", "㐀㐂", "豈金", "\U00020000\U00020005"],
    "Ethiopic": ["ሀቈ"],
    "Georgian": ["აჰ"],
    "Old Italic": ["\U00010300\U0001030f"],
    "Linear B": ["\U00010000\U0001000b"],
    "Tai Le": ["ᥐᥭ"],
    "New Tai Lue": ["ᦀᦫ"],
    "Canadian Syllabics": ["ᐁᐉ"],
}
"""First and last letters of ranges of Scripts.txt in the Unicode Character Database."""


@pytest.mark.parametrize("script", RANGES)
def test_letters_are_of_the_script_that_unicode_says(script: str) -> None:
    for first, last in RANGES[script]:
        letters = [chr(code) for code in range(ord(first), ord(last) + 1)]
        assert {script_of(letter) for letter in letters if unicodedata.category(letter) != "Cn"} == {script}


def test_what_is_no_letter_has_no_script() -> None:
    assert {script_of(character) for character in "1 .,!\n€👍\u0301\ue000"} == {None}
    assert script_of("𝐱") == script_of("ℝ") == "Other"


def test_the_memory_of_the_facts_does_not_grow_with_the_text() -> None:
    found = CharacterFacts()
    for _ in range(200):
        found.add(TEXT)
    assert len(found._pairs) == len(facts(TEXT)._pairs)
