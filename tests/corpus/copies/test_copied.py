"""What stands in a long text: compared with Python's ``in``, for random texts in random blocks."""

from __future__ import annotations

import random
import re
import tracemalloc

import numpy as np
import pytest

from rnngen.corpus.copies import occurrences
from rnngen.corpus.copies.copied import copied
from rnngen.corpus.copies.decoded import code_points, numbered_words, whole_words, words_of
from rnngen.corpus.copies.occurrences import Strings, first_occurrences
from rnngen.corpus.copies.place import Place, beginning_of_document, character_of_word, place_of

LENGTHS = (1, 2, 4, 8, 16)


def blocks(text: str, size: int) -> list[np.ndarray]:
    codes = code_points(text)
    return [codes[begin : begin + size] for begin in range(0, len(codes), size)]


@pytest.mark.parametrize("seed", range(21))
def test_ngrams_and_longest_runs_are_those_of_a_naive_search(seed: int) -> None:
    rng = random.Random(seed)
    alphabet = ("ab\0", "abcdefgh", "aé漢𝄞")[seed % 3]
    text = "".join(rng.choices(alphabet, k=rng.randint(1, 300)))
    groups = [["".join(rng.choices(alphabet[:2], k=rng.randint(0, 50))) for _ in range(3)] for _ in range(2)]
    groups[0].append(text[10 : rng.randint(11, 200)])
    size = rng.randint(1, 90)
    found = copied([[code_points(each) for each in group] for group in groups], LENGTHS, lambda: blocks(text, size))
    for group, result in zip(groups, found, strict=True):
        for n in LENGTHS:
            grams = [each[i : i + n] for each in group for i in range(len(each) - n + 1)]
            assert result.ngrams[n] == len(grams)
            assert result.known[n] == sum(gram in text for gram in grams)
        runs = [each[i:j] for each in group for i in range(len(each)) for j in range(i + 1, len(each) + 1)]
        assert result.longest == max((len(run) for run in runs if run in text), default=0)
        if result.longest:
            run = group[result.text][result.begin : result.begin + result.longest]
            assert text.find(run) == result.place


def test_strings_of_many_lengths_are_found_at_their_first_place() -> None:
    rng = random.Random(1)
    text = "".join(rng.choices("abc", k=2000))
    wanted = [text[i : i + rng.randint(1, 60)] for i in range(0, 1900, 30)] + ["abcabcabcabca", "cccccccccccc", "b"]
    symbols, lengths = code_points("".join(wanted)), np.array([len(each) for each in wanted])
    strings = Strings(symbols, np.cumsum(lengths) - lengths, lengths)
    assert first_occurrences(strings, blocks(text, 100)).tolist() == [text.find(each) for each in wanted]


def test_a_text_full_of_rules_takes_no_memory_per_place_and_string() -> None:
    text = "".join(f"{number:09}{'-' * 79}\n" for number in range(250))
    wanted = [rule for n in range(17, 70) for rule in ("-" * n, f"{'-' * n}x", "-" * n)]  # 10,000 places of each
    symbols, lengths = code_points("".join(wanted)), np.array([len(each) for each in wanted])
    strings = Strings(symbols, np.cumsum(lengths) - lengths, lengths)
    first_occurrences(strings, [])  # what is computed once
    tracemalloc.start()
    try:
        assert first_occurrences(strings, blocks(text, len(text))).tolist() == [text.find(each) for each in wanted]
        assert tracemalloc.get_traced_memory()[1] < 200 * len(text)  # all pairs would take 2000 each
    finally:
        tracemalloc.stop()


def test_equal_hashes_are_not_taken_for_equal_strings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(occurrences, "_BASE", 1)  # anagrams have one hash
    occurrences._powers_up_to.cache_clear()
    try:
        strings = Strings(code_points("abcbca"), np.array([0, 3]), np.array([3, 3]))
        assert first_occurrences(strings, blocks("cabacbbca", 4)).tolist() == [-1, 6]
    finally:
        occurrences._powers_up_to.cache_clear()


def test_words_are_those_between_white_space_whatever_the_blocks() -> None:
    text = "To be,\tor  not\n\nto be\0that\0\u3000is the\0question "
    words = re.findall(r"\0|[^\s\0]+", text)
    numbers = {"be,": 0, "to": 1, "question": 2}
    for size in range(1, len(text) + 1):
        assert "".join(whole_words(blocks(text, size))) == text
        assert [word for piece in whole_words(blocks(text, size)) for word in words_of(piece)] == words
        found = np.concatenate(list(numbered_words(blocks(text, size), numbers)))
        assert found.tolist() == [numbers.get(word, -1) for word in words]
        assert character_of_word(5, blocks(text, size)) == text.index("be\0")


def test_a_place_has_the_numbers_of_document_line_and_character() -> None:
    text = "a\nb\0c\n\nd\0e"
    for size in range(1, len(text) + 1):
        assert place_of(text.index("d"), blocks(text, size), documents=True) == Place(2, 3, 4)
        assert place_of(text.index("e"), blocks(text, size), documents=True) == Place(3, 1, 1)
        assert beginning_of_document(text.index("c"), 3, blocks(text, size)) == "c\n\n"
        assert beginning_of_document(text.index("c"), 9, blocks(text, size)) == "c\n\nd"
        assert place_of(text.index("b"), blocks(text, size), documents=False) == Place(None, 2, 3)
