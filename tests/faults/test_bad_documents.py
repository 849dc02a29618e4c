"""Texts and options that make odd documents, or none: each follows a stated rule or is a clear error."""

from __future__ import annotations

import contextlib
import io
import json
import random
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from rnngen.corpus import documents
from rnngen.corpus.documents import BOUNDARY, Documents
from rnngen.corpus.known_documents import KnownDocuments
from rnngen.corpus.normalization import Normalization, normalized
from rnngen.corpus.parts import choose_documents, shares_of
from rnngen.corpus.sources import TextSource
from rnngen.corpus.tokens import prepare
from rnngen.options.training import DataConfig
from tests.conftest import FAST, Outcome, make_text

pytestmark = pytest.mark.fault(32)

Cli = Callable[..., Outcome]
OPTIONS = [f"--{name.replace('_', '-')}={value}" for name, value in {**FAST, "steps": 2, "valid_every": 2}.items()]
NAMES = "".join(f"{first}{second}\n" for first in "ABCDEFGH" for second in ("ton", "ham", "bury", "field", "wick"))
CSV = "text\n" + "".join(f"message {number}\n" for number in range(40))


def train(cli: Cli, *arguments: object) -> Outcome:
    return cli("train", *arguments, *OPTIONS, "--out", "run")


def parts_of(*sources: str, **options: object) -> dict[str, list[str]]:
    """The documents of each part of a prepared corpus."""
    corpus = prepare(DataConfig(corpus=sources, tokenizer="byte", **options))
    texts = {name: corpus.tokenizer.decode(part.tokens) for name, part in corpus.parts.items()}
    return {name: text.split(BOUNDARY)[:-1] for name, text in texts.items()}


@pytest.mark.parametrize(
    ("text", "rule", "message"),
    [
        ("one document\n" * 40, "%%", "does not contain the separator of --documents; expected '%%'"),
        ("one %% ", "%%", "the text is a single document, so there is none to validate on"),
        ("one line without an end", "lines", "the text is a single document"),
        ("\n \n\t\n" * 40, "lines", "is empty; expected text to learn from; found 120 empty lines"),
        ("\n \n\t\n" * 40, "files", "is empty; expected text to learn from; found 1 empty document"),
        ("%\n%\n \n%", "%", "is empty; expected text to learn from; found 2 empty documents"),
        ("a\0b\n" * 40, "lines", "found a NUL byte at offset 1"),
    ],
    ids=[
        "no separator",
        "one document",
        "one line",
        "empty lines",
        "an empty file",
        "empty documents",
        "a boundary in the text",
    ],
)
def test_a_text_without_two_documents_is_refused_with_the_reason(cli: Cli, text: str, rule: str, message: str) -> None:
    Path("text.txt").write_text(text)
    outcome = train(cli, "text.txt", "--documents", rule)
    assert outcome.code == 1
    assert message in outcome.err
    assert not Path("run").exists()


@pytest.mark.parametrize(("value", "found"), [("", "''"), (" ", "' '"), ("\n", r"'\n'"), ("x" * 101, f"'{'x' * 100}'")])
def test_a_separator_that_is_none_is_a_usage_error(cli: Cli, value: str, found: str) -> None:
    Path("text.txt").write_text(NAMES)
    outcome = train(cli, "text.txt", "--documents", value)
    assert outcome.code == 2
    expected = (
        "expected none, files, lines, paragraphs, or a separator of at most 100 characters, not of white space only"
    )
    assert f"invalid value for --documents; {expected}; found {found}" in outcome.err


def test_a_negative_seed_of_the_split_is_a_usage_error(cli: Cli) -> None:
    Path("text.txt").write_text(NAMES)
    outcome = train(cli, "text.txt", "--split-seed", "-1")
    assert outcome.code == 2
    assert "invalid value for --split-seed; expected an integer ≥ 0; found -1" in outcome.err


def test_one_document_can_be_trained_on_where_the_validation_text_is_given(cli: Cli) -> None:
    Path("one.txt").write_text(make_text(2_000))
    Path("other.txt").write_text(make_text(500, seed=1))
    outcome = train(cli, "one.txt", "--documents", "files", "--valid", "other.txt")
    assert outcome.code == 0, outcome.err
    assert "2 documents, one per file: 1 train, 1 valid, 0 test" in outcome.err


def test_of_two_documents_one_is_for_training_and_one_for_validation() -> None:
    Path("two.txt").write_text("the first of the two\n\nand the second one\n")
    found = parts_of("two.txt", documents="paragraphs")
    assert sorted(found["train"] + found["valid"]) == ["and the second one", "the first of the two"]
    assert [len(found[part]) for part in ("train", "valid", "test")] == [1, 1, 0]


@pytest.mark.parametrize("split", [(0.01, 0.99), (1e-9, 0.5, 0.5 - 1e-9)])
def test_however_small_its_share_the_training_part_keeps_a_document(split: tuple[float, ...]) -> None:
    Path("names.txt").write_text(NAMES)
    found = parts_of("names.txt", documents="lines", split=split)
    assert len(found["train"]) == 1
    assert sorted(name for part in found.values() for name in part) == sorted(NAMES.split())


@pytest.mark.parametrize("separator", [".*", "[a-z]", "(", "\\", "|", "$", "^", "+?", "a{1}", r"\d"])
def test_a_separator_is_a_text_and_no_pattern(separator: str) -> None:
    texts = ["one (1) of a{2}", "two [b-c] | $", "three ^ + ?"]
    texts = [text.replace(separator, "") for text in texts]
    assert "".join(Documents(separator).cut([separator.join(texts)])).split(BOUNDARY) == [*texts, ""]


@pytest.mark.parametrize(("form", "separator"), [("lower", "<END>"), ("nfc", "<Ee\u0301>"), ("nfkc", "\ufb01\u2460")])
def test_a_separator_has_the_form_of_the_text(cli: Cli, form: Normalization, separator: str) -> None:
    text = separator.join(NAMES.split())
    Path("text.txt").write_text(text)
    outcome = train(cli, "text.txt", "--documents", separator, "--normalize", form)
    assert outcome.code == 0, outcome.err
    assert "40 documents, separated by" in outcome.err
    other = text.replace(separator, normalized(separator, form))
    Path("other.txt").write_text(other + other)
    scored = cli("eval", "run", "other.txt", "--json")
    assert json.loads(scored.out)["documents"] == 79
    Path("none.txt").write_text(NAMES)
    outcome = cli("train", "none.txt", "--documents", separator, "--normalize", form)
    assert f"expected {separator!r} between documents" in outcome.err


@pytest.mark.parametrize("rule", ["lines", "files", "paragraphs", "%"])
def test_rows_are_documents_under_every_rule_and_empty_ones_are_counted(cli: Cli, rule: str) -> None:
    Path("rows.csv").write_text('text\n"one\n\nand its % second paragraph"\n\n"  "\n' + CSV.partition("\n")[2])
    outcome = train(cli, "rows.csv", "--documents", rule)
    assert outcome.code == 0, outcome.err
    assert "41 documents, one per row: 37 train, 2 valid, 2 test" in outcome.err
    assert "1 read; 1 empty document" in outcome.err
    found = parts_of("rows.csv", documents=rule)
    assert "one\n\nand its % second paragraph" in [row for part in found.values() for row in part]


def test_rows_are_lines_of_one_stream_where_no_documents_are_asked_for(cli: Cli) -> None:
    Path("rows.csv").write_text(CSV)
    outcome = train(cli, "rows.csv", "--documents", "none")
    assert outcome.code == 0, outcome.err
    assert "documents" not in outcome.err
    text = "".join(TextSource(["rows.csv"], documents="none"))
    assert text == CSV.partition("\n")[2].rstrip("\n")


PROSE = make_text(3_000)


@pytest.mark.parametrize(
    ("files", "rule"),
    [
        ({"a.txt": NAMES}, "lines"),
        ({"a.txt": NAMES, "b.txt": NAMES.lower()}, "lines"),
        ({"a.txt": NAMES, "b.txt": PROSE}, "none"),
        ({"a.txt": PROSE, "b.txt": NAMES}, "none"),
        ({"a.csv": CSV, "b.txt": PROSE}, "files"),
        ({"a.txt": PROSE, "b.csv": CSV}, "files"),
        ({"a.csv": CSV, "b.txt": NAMES}, "lines"),
        ({"a.txt": NAMES, "b.csv": CSV}, "lines"),
    ],
)
def test_the_rule_that_is_chosen_depends_on_all_files_and_not_on_their_order(files: dict[str, str], rule: str) -> None:
    Path("texts").mkdir()
    for name, text in files.items():
        Path("texts", name).write_text(text)
    assert TextSource(["texts"], documents=None).documents == rule
    in_turn = [f"texts/{name}" for name in files]
    assert TextSource(in_turn[::-1], documents=None).documents == rule


def test_only_the_first_files_are_looked_at_to_choose_a_rule() -> None:
    Path("texts").mkdir()
    for number in range(30):
        Path("texts", f"{number:02}.txt").write_text(PROSE if number == 25 else NAMES)
    assert TextSource(["texts"], documents=None).documents == "lines"
    Path("texts", "19.txt").write_text(PROSE)
    assert TextSource(["texts"], documents=None).documents == "none"


def test_standard_input_is_looked_at_like_a_file(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(NAMES.encode())))
    outcome = train(cli, "-")
    assert outcome.code == 0, outcome.err
    assert "40 documents, one per line: 36 train, 2 valid, 2 test" in outcome.err


@contextlib.contextmanager
def at_most(size: int) -> Iterator[None]:
    """Fail if more memory than this is allocated at any moment, in bytes."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < size
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("rule", ["lines", "paragraphs", "%%"])
def test_a_document_longer_than_what_is_held_back_takes_no_more_memory(rule: str) -> None:
    piece = make_text(100_000).replace("\n", " ") + " %"

    def text() -> Iterator[str]:
        for _ in range(300):
            yield piece

    with at_most(8 * documents._PIECE):
        characters = sum(len(given) - given.count(BOUNDARY) for given in Documents(rule).cut(text()))
    assert characters == 300 * len(piece)


@pytest.mark.parametrize(("rule", "empty"), [("files", 1), ("lines", 1), ("paragraphs", 0), ("%", 2)])
@pytest.mark.parametrize("size", [3, 2_500])
def test_a_document_of_white_space_is_left_out_however_long_it_is(
    rule: str, empty: int, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "_PIECE", 1_000)  # characters
    white = " \t" * size
    text = {"files": white, "lines": f"a\n{white}\nb", "paragraphs": f"a\n\n{white}\n\nb", "%": f"a%{white}%%b"}[rule]
    cutter = Documents(rule)
    found = "".join(cutter.cut(text[at : at + 300] for at in range(0, len(text), 300)))
    assert found == ("" if rule == "files" else "a\0b\0")
    assert cutter.empty == empty


@pytest.mark.parametrize("rule", ["files", "lines", "paragraphs", "%%"])
@pytest.mark.parametrize("piece", [7, 400, 999, 1_000, 1_001, 9_000])
def test_white_space_in_a_document_is_kept_however_long_it_is_and_whatever_the_pieces(
    rule: str, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "_PIECE", 1_000)  # characters
    white = " \t" * 1_501
    text = f"{white}one{white}two{white}"
    pieces = (text[at : at + piece] for at in range(0, len(text), piece))
    assert "".join(Documents(rule).cut(pieces)) == f"{text}\0"


@pytest.mark.parametrize("rule", ["files", "lines", "paragraphs", "%%"])
def test_a_long_run_of_white_space_takes_linear_time(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "_PIECE", 1_000)  # characters
    started = time.perf_counter()
    assert len("".join(Documents(rule).cut([*[" " * 1_000] * 2_000, "x"]))) == 2_000_002
    assert time.perf_counter() - started < 2  # seconds


def letters(number: int) -> Iterable[str]:
    """Documents of one character each, with their boundaries, in pieces."""
    rng = random.Random(0)
    for start in range(0, number, 100_000):
        yield "".join(rng.choice("abcdefgh") + BOUNDARY for _ in range(min(100_000, number - start)))


@pytest.mark.slow
def test_choosing_among_many_documents_takes_no_memory_for_each() -> None:
    number = 200_000
    shares, kept = shares_of((0.9, 0.05, 0.05), ()), 0
    with at_most(1 << 25):
        for part, text in choose_documents(letters(number), number, shares, 0):
            kept += len(text) // 2 if part == "train" else 0
    assert kept == 0.9 * number


def test_many_equal_documents_are_known_and_told_from_others() -> None:
    tokens = np.tile(np.array([3, 0], np.uint16), 100_000)
    tokens[-2] = 4
    known = KnownDocuments([tokens], 0)
    assert np.array([3]) in known
    assert np.array([4]) in known
    assert np.array([5]) not in known
    assert np.array([3, 3]) not in known
    assert np.array([], np.int64) not in known


@pytest.mark.slow
def test_ten_million_documents_of_one_character_take_bounded_memory_and_about_the_time_of_a_plain_text() -> None:
    number = 10_000_000
    with Path("letters.txt").open("w") as file:
        file.writelines(piece.replace(BOUNDARY, "\n") for piece in letters(number))
    seconds = {}
    for rule in ("none", "lines"):
        started = time.perf_counter()
        prepare(DataConfig(corpus=("letters.txt",), documents=rule))
        seconds[rule] = time.perf_counter() - started
    assert seconds["lines"] < 20 * seconds["none"]
    with at_most(1 << 28):  # whatever their number
        corpus = prepare(DataConfig(corpus=("letters.txt",), documents="lines"), cache=Path("other"))
    assert sum(part.counts.documents for part in corpus.parts.values()) == number
    with at_most(64 * number + (1 << 28)):
        known = KnownDocuments([part.tokens for part in corpus.parts.values()], 1)
    assert corpus.tokenizer.encode("a") in known
    assert corpus.tokenizer.encode("ab") not in known
