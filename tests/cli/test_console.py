"""What a terminal may be shown, what a pipe gets, and the shapes of numbers."""

from __future__ import annotations

import errno
import io
import json
import math

import pytest

from rnngen.cli.console import Console, LossyStream
from rnngen.formats import clock, count, duration, formatted, share, visible


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    "text",
    ["", "plain words\n\tand a tab", "naïve Ελληνικά 漢字 עברית العربية", "🙂 👩\u200d👩\u200d👧", "[bold red]x[/]"],
    ids=["empty", "plain", "scripts", "emoji", "markup"],
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert visible(text) == text


HARMFUL = {
    "escape": "\x1b",
    "carriage return": "\r",
    "bell": "\a",
    "backspace": "\b",
    "nul": "\0",
    "form feed": "\f",
    "vertical tab": "\v",
    "delete": "\x7f",
    "C1 control sequence introducer": "\x9b",
    "C1 next line": "\x85",
    "left-to-right mark": "\u200e",
    "right-to-left mark": "\u200f",
    "arabic letter mark": "\u061c",
    "right-to-left override": "\u202e",
    "left-to-right embedding": "\u202a",
    "pop": "\u202c",
    "isolate": "\u2066",
    "pop isolate": "\u2069",
}


@pytest.mark.parametrize("character", HARMFUL.values(), ids=HARMFUL)
def test_what_steers_a_terminal_becomes_one_visible_character(character: str) -> None:
    shown = visible(f"a{character}b")
    assert character not in shown
    assert len(shown) == 3
    assert shown[1].isprintable()
    assert (shown[0], shown[2]) == ("a", "b")


def test_no_control_character_but_tab_and_newline_passes() -> None:
    controls = "".join(map(chr, [*range(32), *range(127, 160)]))
    passed = [c for c in visible(controls) if not c.isprintable()]
    assert passed == ["\t", "\n"]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [(io.StringIO, "a\x1b[31mb\r\u202e\n"), (Terminal, "a␛[31mb␍\ufffd\n")],
    ids=["pipe", "terminal"],
)
def test_write_is_raw_into_a_pipe_and_visible_on_a_terminal(stream: type[io.StringIO], expected: str) -> None:
    out = stream()
    Console(out, None).write("a\x1b[31mb\r\u202e\n")
    assert out.getvalue() == expected


@pytest.mark.parametrize("stream", [io.StringIO, Terminal], ids=["pipe", "terminal"])
def test_json_is_one_line_without_control_characters(stream: type[io.StringIO]) -> None:
    out = stream()
    Console(out, None).write_json({"text": "a\x1b[31m\n漢"})
    assert out.getvalue() == '{"text": "a\\u001b[31m\\n漢"}\n'
    assert json.loads(out.getvalue()) == {"text": "a\x1b[31m\n漢"}


def test_notes_and_errors_go_to_standard_error_and_are_harmless() -> None:
    out, err = io.StringIO(), io.StringIO()
    console = Console(out, err)
    console.note("a\x1b[2Jb")
    console.error("bad\x1b[2J\nname")
    assert out.getvalue() == ""
    assert err.getvalue() == "a␛[2Jb\nrnngen: error: bad␛[2J name\n"


@pytest.mark.parametrize(("no_color", "coloured"), [(None, True), ("1", False)])
def test_colour_follows_no_color(monkeypatch: pytest.MonkeyPatch, no_color: str | None, coloured: bool) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color:
        monkeypatch.setenv("NO_COLOR", no_color)
    err = Terminal()
    Console(None, err).error("bad")
    assert ("\033[" in err.getvalue()) is coloured


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (999, "999"), (1000, "1k"), (1234, "1.23k"), (12_345_678, "12.3M"), (2e9, "2G"), (999_999, "1M")],
)
def test_counts_are_short(number: float, text: str) -> None:
    assert count(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (83.4, "1 min 23 s"), (3600, "1 h 0 min"), (7384, "2 h 3 min")],
)
def test_durations_read_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_json_has_null_for_every_number_that_is_none() -> None:
    out = io.StringIO()
    Console(out, None).write_json({"a": math.inf, "b": [1.5, math.nan, {"c": [-math.inf]}], "d": "NaN"})
    assert out.getvalue() == '{"a": null, "b": [1.5, null, {"c": [null]}], "d": "NaN"}\n'


class Failing(io.StringIO):
    """A stream that is gone."""

    def write(self, _text: str) -> int:
        raise OSError(errno.EIO, "Input/output error")

    def flush(self) -> None:
        raise ValueError("I/O operation on closed file")


@pytest.mark.parametrize("stream", [Failing(), None])
def test_notes_that_cannot_be_written_are_lost_and_fail_nothing(stream: io.StringIO | None) -> None:
    console = Console(None, stream)
    console.note("a note")
    console.error("an error")
    console.rich_err().print("a line")


def test_notes_that_can_be_written_are() -> None:
    stream = io.StringIO()
    lossy = LossyStream(stream)
    assert lossy.write("text") == 4
    lossy.flush()
    assert stream.getvalue() == "text"
    assert lossy.isatty() is False


def encoded(encoding: str, errors: str = "replace") -> tuple[Console, io.BytesIO, io.StringIO]:
    """A console whose output is a pipe of this encoding, what comes out of it, and its standard error."""
    out, err = io.BytesIO(), io.StringIO()
    return Console(io.TextIOWrapper(out, encoding=encoding, errors=errors, newline="\n"), err), out, err


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1251", "utf-8"])
def test_json_loses_nothing_whatever_the_encoding(encoding: str) -> None:
    value = {"text": "naïve Пётр 漢 🙂 \udcff", "nats": 1.5}
    console, out, err = encoded(encoding)
    console.write_json(value)
    assert json.loads(out.getvalue().decode(encoding)) == value
    assert err.getvalue() == ""


@pytest.mark.parametrize(("encoding", "text"), [("utf-8", "Пётр 漢"), ("cp1251", "Пётр"), ("latin-1", "naïve")])
def test_json_escapes_only_where_that_is_needed(encoding: str, text: str) -> None:
    console, out, _ = encoded(encoding)
    console.write_json({"text": text})
    assert out.getvalue().decode(encoding) == f'{{"text": "{text}"}}\n'


@pytest.mark.parametrize(("encoding", "named"), [("ascii", "ascii"), ("latin-1", "latin-1"), ("utf-8", "surrogates")])
def test_text_that_the_encoding_lacks_is_lost_with_one_warning(encoding: str, named: str) -> None:
    console, out, err = encoded(encoding)
    console.write("plain")
    assert err.getvalue() == ""
    for _ in range(2):
        console.write("Пётр" if encoding != "utf-8" else "\udcff")
    warning = err.getvalue()
    assert out.getvalue().rstrip(b"?") == b"plain"
    assert warning.startswith("warning: ")
    assert warning.count("\n") == 1
    assert named in warning
    assert "PYTHONIOENCODING=utf-8" in warning


def test_text_that_is_escaped_as_the_user_asked_is_not_lost() -> None:
    console, out, err = encoded("ascii", "backslashreplace")
    console.write("é")
    assert out.getvalue() == b"\\xe9"
    assert err.getvalue() == ""


def test_bytes_of_names_are_shown_on_a_terminal_as_no_characters() -> None:
    assert visible("a\udcffb") == "a\ufffdb"


@pytest.mark.parametrize(
    ("part", "total", "text"),
    [
        (0, 10, "0%"),
        (10, 10, "100%"),
        (0, 0, "0%"),
        (3, 1000, "0.3%"),
        (3, 1_200_000, "3 of 1,200,000"),
        (1_199_999, 1_200_000, "1,199,999 of 1,200,000"),
        (1, 3000, "1 of 3,000"),
        (1, 3, "33.3%"),
        (1, 1500, "0.1%"),
    ],
)
def test_a_share_is_not_rounded_to_nothing_or_to_all(part: int, total: int, text: str) -> None:
    assert share(part, total) == text


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0:00:00"), (83.4, "0:01:23"), (36_061, "10:01:01")])
def test_times_are_written_as_on_a_clock(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown


def test_perplexities_have_four_significant_digits_also_where_they_are_zeros() -> None:
    values = (5.06, 5.059, 5.0, 53.0, 150.04, 1234.4, 9999.9, 123456.0, float("inf"))
    shown = ["5.060", "5.059", "5.000", "53.00", "150.0", "1234", "1.000e+04", "1.235e+05", "inf"]
    assert [formatted(value, "#.4g") for value in values] == shown
    assert [formatted(value, form) for value, form in ((5, ",d"), (0.25, ".4f"), (0.5, ".1%"))] == [
        "5",
        "0.2500",
        "50.0%",
    ]
