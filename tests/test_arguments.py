"""Names as they are typed, the odd ones included."""

from __future__ import annotations

from pathlib import Path

import pytest

from rnngen.arguments import exists, in_words, is_file
from rnngen.errors import LONGEST_PART, shortened


@pytest.mark.parametrize(
    "name", ["", "a\0b", "x" * 5000, "x/" * 5000, "missing", "file.txt/below", "\udc80"], ids=ascii
)
@pytest.mark.parametrize("kind", [str, Path])
def test_a_name_that_no_file_has_or_can_have_is_not_a_file(name: str, kind: type) -> None:
    Path("file.txt").write_text("text")
    if kind is str or name:  # Path("") is the current folder
        assert not exists(kind(name))
    assert not is_file(kind(name))


def test_a_folder_exists_and_is_not_a_file() -> None:
    Path("folder").mkdir()
    Path("file.txt").write_text("text")
    assert exists("folder")
    assert not is_file("folder")
    assert exists(Path("file.txt"))
    assert is_file("file.txt")


@pytest.mark.parametrize(("text", "short"), [("", ""), ("12345", "12345"), ("123456", "1234…")])
def test_a_long_text_is_shortened_to_the_limit(text: str, short: str) -> None:
    assert shortened(text, 5) == short


def test_of_many_sources_the_first_are_named_and_the_others_counted() -> None:
    assert in_words(["a.txt", "-"]) == "a.txt, standard input"
    assert in_words("abcde") == "a, b, c, d, e"
    assert in_words(map(str, range(1, 2001))) == "1, 2, 3, 4, 5 and 1,995 more"
    assert len(in_words(["x" * 10**6] * 9)) < LONGEST_PART + 20
