"""Names as they are typed, the odd ones included."""

from __future__ import annotations

from pathlib import Path

import pytest

from rnngen.arguments import exists, is_file
from rnngen.errors import shortened


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
