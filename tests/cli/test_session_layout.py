"""How texts stand on the lines of a session: measured in cells, cut between clusters, kept in their direction."""

from __future__ import annotations

import io

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from wcwidth import iter_graphemes, wcswidth

from rnngen.cli.console import Console
from rnngen.cli.session_editor import prompt_after
from rnngen.cli.session_layout import isolated, one_line, side_by_side, tail
from rnngen.plaintext.widths import filled, first_cells, last_cells, wrapped

CLUSTERS = ["a", "b", " ", "漢", "，", "（", "e\u0301", "שָׁ", "ל", "🇩🇪", "👍🏽", "."]
texts = st.lists(st.sampled_from(CLUSTERS), max_size=40).map("".join)


def is_whole(part: str, text: str) -> bool:
    """Whether a part at the start or end of a text has whole clusters only."""
    clusters = list(iter_graphemes(text))
    return part in {"".join(clusters[:n]) for n in range(len(clusters) + 1)} | {
        "".join(clusters[n:]) for n in range(len(clusters) + 1)
    }


@settings(max_examples=50)
@given(texts, st.integers(2, 20))
def test_the_beginning_and_the_end_of_a_line_fit_and_cut_no_cluster(text: str, cells: int) -> None:
    for part in (first_cells(text, cells), last_cells(text, cells)):
        assert wcswidth(part) <= cells
        assert is_whole(part, text)
        assert part == text or wcswidth(part) >= cells - 1  # as much as fits


@settings(max_examples=50)
@given(texts, st.integers(4, 20))
@example("a（a，", 4)
def test_wrapped_lines_fit_and_hold_the_whole_text(text: str, cells: int) -> None:
    lines = wrapped(text, cells)
    assert all(wcswidth(line.rstrip(" ")) <= cells for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    at = 0
    for line in lines:  # no cluster is cut
        at = text.index(line, at) + len(line)
        assert is_whole(text[:at], text)


def test_sentences_are_broken_by_cells_and_keep_paths_whole() -> None:
    assert filled("the run checkpoints/a-long-name-1 is lost", 14, "- ", "  ") == (
        "- the run\n  checkpoints/a-long-name-1\n  is lost"
    )
    lines = filled("語" * 30, 20, "  ", "  ").split("\n")
    assert [wcswidth(line) for line in lines] == [20, 20, 20, 8]
    piped = io.StringIO()
    assert Console(piped, None).filled("字" * 50, "- ") == f"- {'字' * 39}\n  {'字' * 11}\n"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("one two three", ["one two", "three"]),
        ("onetwothree", ["onetwoth", "ree"]),
        ("漢字漢字漢字", ["漢字漢字", "漢字"]),
        ("漢字漢字。漢", ["漢字漢", "字。漢"]),  # no line begins with a full stop
        ("漢字漢（漢", ["漢字漢", "（漢"]),
        ("ab 漢字漢字", ["ab 漢字", "漢字"]),
        ("", [""]),
    ],
)
def test_where_a_line_is_broken(text: str, lines: list[str]) -> None:
    assert wrapped(text, 8) == lines


def test_the_tail_is_the_end_of_the_last_line() -> None:
    assert tail("one\ntwo", 12) == "two"
    assert tail("one\n", 12) == ""
    assert tail("x" * 40, 12) == "…" + "x" * 11
    assert tail("漢" * 40, 12) == "…" + "漢" * 5
    assert tail("e\u0301" * 40, 5) == "…" + "e\u0301" * 4
    assert tail("a\tb\x1b[2J\u202e", 12) == "a→b␛[2J\ufffd"


def test_text_from_right_to_left_is_isolated_and_other_text_is_not() -> None:
    assert isolated("abc 漢") == "abc 漢"
    assert tail("אבג", 12) == "\u2068אבג\u2069"
    assert tail("א" * 40, 12) == "…\u2068" + "א" * 11 + "\u2069"  # the mark stands before it
    assert one_line("قط") == "\u2068قط\u2069"
    assert one_line("\u05b8א") == "\u2068◌\u05b8א\u2069"  # a mark has something to stand on
    shown = one_line("א" * 100)
    assert shown == f"\u2068{'א' * 28}\u2069 … \u2068{'א' * 28}\u2069"
    assert wcswidth(one_line("漢" * 100)) == 59
    for columns in (80, 120):
        for line in side_by_side(["אבג " * 20, "abc", "12 דה"], columns).splitlines():
            assert line.count("\u2068") == line.count("\u2069")
            outside = "".join(part.rpartition("\u2069")[2] for part in line.split("\u2068"))
            assert not set(outside) & set("אבגדה")


def test_alternatives_stand_side_by_side_where_there_is_room() -> None:
    texts = ["one " * 12, "漢" * 20, "ש" * 20]
    wide = side_by_side(texts, 120).splitlines()
    assert wide[0].split() == ["/1", "/2", "/3"]
    assert len(wide) == 3
    starts = [wcswidth(wide[0][: wide[0].index(number)]) for number in ("/1", "/2", "/3")]
    assert starts == [wcswidth(wide[1][: wide[1].index(first)]) for first in ("one", "漢", "\u2068")]
    assert all(wcswidth(line) < 120 for line in wide)
    narrow = side_by_side(texts, 80)
    assert [line[:6] for line in narrow.splitlines() if line.startswith("  /")] == ["  /1  ", "  /2  ", "  /3  "]
    assert all(wcswidth(line) < 80 for line in narrow.splitlines())
    assert side_by_side(["a", "b"] * 4, 120) == side_by_side(["a", "b"] * 4, 80)  # too many columns


def test_line_ends_and_empty_texts_are_marked() -> None:
    assert side_by_side(["\n\nOne\ntwo", "", "\n"], 80) == "  /1  ↵↵ One↵\n      two\n\n  /2  (nothing)\n\n  /3  ↵\n"


def test_the_prompt_shows_the_tail_dim_and_nothing_at_the_beginning_of_a_line() -> None:
    assert prompt_after("one\n", 80).value == "> "
    assert prompt_after("one two", 80).value == "\033[2mone two\033[0m> "
    assert prompt_after("אב", 80).value == "\033[2m\001\u2068\002אב\001\u2069\002\033[0m> "
    assert len(prompt_after("x" * 300, 80).value) == len("\033[2m" + "x" * 26 + "\033[0m> ")
