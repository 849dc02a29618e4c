"""The page on theory: every line that it quotes is code, and every picture is made by a command that it shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.pictures import FOLDER, commands, pictures
from tests.docs.pages import blocks_of, text_of


def quotes() -> list[tuple[str, str]]:
    """File and line, of every line that the page quotes."""
    found = [(block.quoted, line) for block in blocks_of("theory") for line in block.text.splitlines()]
    return [(str(file), line) for file, line in found if file]


def test_formulas_have_code_a_command_and_a_picture() -> None:
    sections = re.split(r"^## ", text_of("theory"), flags=re.MULTILINE)[1:-1]
    assert len(sections) >= 9
    for section in sections:
        assert "<!-- code: " in section, section[:40]
        assert "```sh\nrnngen " in section, section[:40]
    without = [section.partition("\n")[0] for section in sections if "](pictures/" not in section]
    assert without == ["GRU"]


@pytest.mark.parametrize(("file", "line"), quotes())
def test_quoted_lines_stand_in_the_code(file: str, line: str) -> None:
    lines = [each.strip() for each in Path(file).read_text(encoding="utf-8").splitlines()]
    assert any(each.removesuffix(line) in ("", "return ") or each.startswith(line) for each in lines), line


def test_every_picture_is_made_by_a_command_of_the_page() -> None:
    shown = re.findall(r"\]\(pictures/([^)]+)\)", text_of("theory"))
    assert sorted(shown) == sorted(pictures(commands(text_of("theory")))) == sorted(p.name for p in FOLDER.iterdir())


@pytest.mark.parametrize("picture", sorted(FOLDER.iterdir()), ids=lambda path: path.name)
def test_pictures_are_small_and_their_words_are_text(picture: object) -> None:
    content = picture.read_text(encoding="utf-8")  # type: ignore[attr-defined]
    assert content.startswith("<svg")
    assert "<text" in content
    assert len(content) < 400_000


@pytest.mark.parametrize(("english", "chinese"), [("theory", "theory.zh"), ("README", "README.zh")])
def test_the_translation_has_the_same_commands_and_code(english: str, chinese: str) -> None:
    original = [(block.remark, block.commands or block.text) for block in blocks_of(english)]
    translated = [(block.remark, block.commands or block.text) for block in blocks_of(chinese)]
    if english == "README":  # of which the first part is translated
        original = original[: len(translated)]
        assert len(translated) >= 4
    assert translated == original
