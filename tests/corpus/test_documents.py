"""Documents cut from a text in pieces, against the whole text split at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnngen.corpus import documents
from rnngen.corpus.documents import BOUNDARY, Documents, looks_like_a_list
from rnngen.corpus.sources import TextSource
from tests.conftest import make_text

RULES = {
    "files": r"(?!)",
    "lines": r"\n",
    "paragraphs": r"\n *\n(?: *\n)* *",
    "%%": "%%",
    "\n%\n": r"\n%(?=\n)",
    "aa": "aa",
}


def cut_at_once(text: str, rule: str) -> list[str]:
    within = f"\n{text}\n" if rule == "\n%\n" else text  # a file's beginning and end are line ends
    return [part.strip("\n") for part in re.split(RULES[rule], within) if part.strip()]


@pytest.mark.parametrize("rule", RULES)
@settings(deadline=None, max_examples=150)
@given(st.text("ab \n\n%", max_size=40), st.integers(1, 9))
def test_documents_do_not_depend_on_the_pieces_in_which_the_text_comes(rule: str, text: str, size: int) -> None:
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    found = "".join(Documents(rule).cut(pieces)).split(BOUNDARY)
    assert found == [*cut_at_once(text, rule), ""]


@pytest.mark.parametrize("rule", RULES)
@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.sampled_from(["ab" * 9, "b\nb", "%", "\n", "ab", " ", " " * 70, "\n" * 90]), max_size=30).map("".join),
    st.sampled_from([1, 2, 3, 8, 50, 200]),
)
def test_a_document_longer_than_what_is_held_back_is_the_same(rule: str, text: str, size: int) -> None:
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    longest, documents._PIECE = documents._PIECE, 64  # characters
    try:
        found = "".join(Documents(rule).cut(pieces)).split(BOUNDARY)
    finally:
        documents._PIECE = longest
    assert found == [*cut_at_once(text, rule), ""]


def test_rows_are_documents_whatever_they_contain() -> None:
    cutter = Documents("files")
    assert "".join(cutter.join(["one", "two\nlines", "", " \n", "three\n"])) == "one\0two\nlines\0three\0"
    assert cutter.empty == 2


def test_empty_lines_are_left_out_and_counted() -> None:
    cutter = Documents("lines")
    assert "".join(cutter.cut(["Ann\n\nBob", "\n  \nCyd\n"])) == "Ann\0Bob\0Cyd\0"
    assert cutter.empty == 2


@pytest.mark.parametrize("size", [1, 2, 100])
@pytest.mark.parametrize(
    ("text", "empty"),
    [
        ("%\none\n%\ntwo\n%\n", 0),
        ("\n%one%", 0),
        (" \n\t%one% ", 0),
        ("%\n%\none\n%\n\n%\ntwo", 2),  # the first % begins the file; between it and the second there is nothing
        ("one\n%\n%\n", 1),
    ],
)
def test_a_separator_at_the_beginning_or_end_of_a_file_makes_no_document(text: str, empty: int, size: int) -> None:
    cutter = Documents("%")
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert "".join(cutter.cut(pieces)) == ("one\0two\0" if "two" in text else "one\0")
    assert cutter.empty == empty


@pytest.mark.parametrize("size", [1, 2, 100])
@pytest.mark.parametrize(
    "text",
    ["one 5%\n%\ntwo\n", "%\none 5%\n%\ntwo\n%\n", "%\n%\none 5%\n%\n%\ntwo\n%", "\n%\none 5%\n%\n\ntwo\n\n%\n\n"],
)
def test_a_separator_with_line_ends_is_met_by_the_first_and_the_last_line_and_not_within_lines(
    text: str, size: int
) -> None:
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert "".join(Documents("\n%\n").cut(pieces)) == "one 5%\0two\0"


@pytest.mark.parametrize("size", [1, 2, 100])
@pytest.mark.parametrize(
    ("text", "total", "lines"),
    [
        ("a\n%\nb\n", 1, 1),
        ("%\na\n%", 2, 2),
        ("%\n%\n%\n", 3, 3),
        ("5% a\n%\n% b\na %\n", 4, 1),
        ("%%\n%", 3, 1),
        ("%", 1, 1),
        (" %\n% ", 2, 0),
    ],
)
def test_separators_are_counted_by_whether_they_are_lines(text: str, total: int, lines: int, size: int) -> None:
    cutter = Documents("%")
    list(cutter.cut([text[at : at + size] for at in range(0, len(text), size)]))
    assert cutter.places is not None
    assert (cutter.places.total, cutter.places.lines) == (total, lines)


def test_an_empty_line_at_the_beginning_of_a_list_is_counted() -> None:
    cutter = Documents("lines")
    assert "".join(cutter.cut(["\nAnn\n"])) == "Ann\0"
    assert cutter.empty == 1


def test_a_file_ends_a_document_under_every_rule(tmp_path: Path) -> None:
    (tmp_path / "1.txt").write_text("a\n\nb")
    (tmp_path / "2.txt").write_text("c\n")
    found = {
        rule: "".join(TextSource([str(tmp_path)], documents=rule)) for rule in ("files", "lines", "paragraphs", "%")
    }
    assert found == {"files": "a\n\nb\0c\0", "lines": "a\0b\0c\0", "paragraphs": "a\0b\0c\0", "%": "a\n\nb\0c\0"}


NAMES = "".join(f"Newton {number} under Hill\n" for number in range(60))
CODE = "".join(f"def f{n}(x):\n    return x + {n}\n\n" for n in range(60))
VERSE = "".join(f"Line {number} of a poem,\nand then another;\n" for number in range(60))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (NAMES, True),
        ("".join(f"東京{chr(0x4E00 + n)}\n" for n in range(60)), True),
        (NAMES[:200], False),  # too few lines to tell
        (make_text(5000), False),
        (CODE, False),
        (VERSE, False),
        ("the\ncat\nsat\n" * 40, False),  # a text with a word per line
        ("", False),
        ("one long line " * 1000, False),
    ],
    ids=["names", "names without spaces", "few lines", "prose", "code", "verse", "words", "nothing", "one line"],
)
def test_a_list_is_told_from_other_texts(text: str, expected: bool) -> None:
    assert looks_like_a_list(text) is expected
