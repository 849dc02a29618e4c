"""Texts that are none: each a documented rule or a clear error, and nothing left behind."""

from __future__ import annotations

import codecs
import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rnngen.corpus.files.kinds import START_BYTES
from rnngen.corpus.sources import TextSource
from rnngen.corpus.tokens import prepare
from rnngen.options.training import DataConfig
from tests.conftest import FAST, Outcome, make_text

pytestmark = pytest.mark.fault(15)

Cli = Callable[..., Outcome]

OPTIONS = [part for name, value in {**FAST, "steps": 3}.items() for part in (f"--{name.replace('_', '-')}", str(value))]
TEXT = make_text(3_000).encode()


def refused(outcome: Outcome, *said: str) -> None:
    """One line that says what is wrong, after what a slow machine says meanwhile, and no folder of a run."""
    assert (outcome.code, outcome.out) == (1, ""), outcome
    *notes, error = outcome.err.splitlines()
    assert error.startswith("rnngen: error: ")
    assert all(note.startswith(("reading", "learning", "encoding", "measuring")) for note in notes), notes
    for words in said:
        assert words in outcome.err
    assert not list(Path().glob("checkpoints/*"))


BAD = {
    "empty": (b"", ["bad.txt: is empty"]),
    "only a byte order mark": (codecs.BOM_UTF8, ["bad.txt: is empty"]),
    "one character": (b"a", ["one token"]),
    "shorter than one window": (b"abcdefghijklmnopq" * 1, ["expected at least"]),
    "long enough to validate but not to train": (b"abcdefghij" * 1 + b"k" * 6, ["expected at least"]),
    "NUL": (b"text\0text" * 100, ["bad.txt: is not text", "a NUL byte at offset 4"]),
    "NUL far in": (TEXT * 500 + b"\0", [f"a NUL byte at offset {len(TEXT) * 500}"]),
    "invalid UTF-8": (TEXT + b"\xff" + TEXT, ["bad.txt: is not UTF-8", f"byte 0xff at offset {len(TEXT)}", "--errors"]),
    "invalid UTF-8 far in": (TEXT * 500 + b"\xe9", [f"byte 0xe9 at offset {len(TEXT) * 500}"]),
    "character cut at the end": (TEXT + "漢".encode()[:2], ["bad.txt: is not UTF-8", f"offset {len(TEXT)}"]),
    "encoded surrogate": (TEXT + b"\xed\xa0\x80", ["bad.txt: is not UTF-8", f"offset {len(TEXT)}"]),
    "invalid after a byte order mark": (codecs.BOM_UTF8 + b"abc\xff", ["offset 6"]),
    "Latin-1": ("café\n".encode("latin-1") * 500, ["byte 0xe9 at offset 3"]),
    "gzip in gzip": (
        gzip.compress(gzip.compress(TEXT)),
        ["bad.txt: cannot be read as text", "found a gzip archive in a gzip archive", "gzip -dc bad.txt | gzip -dc"],
    ),
    "PDF": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + bytes(99), ["found a PDF document", "pdftotext bad.txt -"]),
    "image": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", ["found a PNG image. Give a file of plain text."]),
    "UTF-16": (TEXT.decode().encode("utf-16"), ["UTF-16 text", "--encoding utf-16"]),
    "UTF-16 big endian": (
        codecs.BOM_UTF16_BE + TEXT.decode().encode("utf-16-be"),
        ["UTF-16 text", "--encoding utf-16"],
    ),
    "UTF-16 without a mark": (TEXT.decode().encode("utf-16-le"), ["UTF-16 text", "--encoding utf-16-le"]),
}


@pytest.mark.parametrize(("content", "said"), BAD.values(), ids=BAD)
def test_a_file_that_cannot_be_trained_on_is_one_line(cli: Cli, content: bytes, said: list[str]) -> None:
    Path("bad.txt").write_bytes(content)
    refused(cli("train", "bad.txt", *OPTIONS), *said)


@pytest.mark.parametrize("name", ["gzip in gzip", "PDF", "image", "UTF-16", "UTF-16 without a mark"])
def test_another_kind_of_file_is_refused_with_errors_replaced_too(cli: Cli, name: str) -> None:
    content, said = BAD[name]
    Path("bad.txt").write_bytes(content)
    refused(cli("train", "bad.txt", "--errors", "replace", *OPTIONS), *said)


@pytest.mark.parametrize("option", ["--valid", "--test"])
@pytest.mark.parametrize(
    ("content", "said"), [(b"a\0b", "NUL byte at offset 1"), (b"a\xff", "is not UTF-8")], ids=["NUL", "not UTF-8"]
)
def test_a_bad_validation_or_test_text_is_one_line(
    cli: Cli, corpus: Path, option: str, content: bytes, said: str
) -> None:
    Path("bad.txt").write_bytes(content)
    refused(cli("train", corpus, option, "bad.txt", *OPTIONS), "bad.txt: is not", said)


def test_an_empty_validation_text_is_one_line(cli: Cli, corpus: Path) -> None:
    Path("bad.txt").write_bytes(b"")
    refused(cli("train", corpus, "--valid", "bad.txt", *OPTIONS), "no validation text")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("missing.txt", "missing.txt: no such file"),
        ("missing/", "missing/: no such file"),
        ("*.md", "*.md: no such file"),
        ("empty", "empty: the folder has no text files"),
        ("binaries", "binaries: the folder has no text files"),
        ("bad\x1b[2J\nname", "bad␛[2J name: no such file"),
    ],
    ids=["file", "folder", "glob", "empty folder", "folder of binaries", "hostile name"],
)
def test_a_source_that_stands_for_no_text_is_one_line(cli: Cli, source: str, said: str) -> None:
    Path("empty").mkdir()
    Path("binaries").mkdir()
    Path("binaries/a.bin").write_bytes(b"a\0b")
    Path("binaries/utf16.txt").write_bytes("a".encode("utf-16"))
    Path("binaries/.hidden").write_text("text")
    refused(cli("train", source, *OPTIONS), said)


def test_a_missing_file_beside_a_good_one_is_told(cli: Cli, corpus: Path) -> None:
    refused(cli("train", corpus, "missing.txt", *OPTIONS), "missing.txt: no such file")


def trained_on(cli: Cli, content: bytes, *more: str) -> tuple[int, set[str]]:
    """Characters of the corpus, and the vocabulary, of a run on these bytes."""
    Path("text.txt").write_bytes(content)
    outcome = cli("train", "text.txt", *OPTIONS, "--out", "run", *more)
    assert outcome.code == 0, outcome.err
    parts = json.loads(Path("run/config.json").read_text())["corpus"]["parts"]
    vocabulary = json.loads(Path("run/tokenizer.json").read_text())["model"]["vocab"].keys() - {"<unk>"}
    return sum(part["characters"] for part in parts.values()), set(vocabulary)


@pytest.mark.parametrize(
    "content",
    [codecs.BOM_UTF8 + TEXT, TEXT.replace(b"\n", b"\r\n"), TEXT.replace(b"\n", b"\r")],
    ids=["byte order mark", "CRLF", "CR"],
)
def test_marks_and_line_ends_of_other_systems_are_not_learned(cli: Cli, content: bytes) -> None:
    assert trained_on(cli, content) == (3_000, set(TEXT[:2700].decode()))


def test_replacing_what_is_not_text_is_opt_in(cli: Cli) -> None:
    characters, vocabulary = trained_on(cli, b"\xff\0" + TEXT, "--errors", "replace")
    assert characters == 3_002
    assert vocabulary == set(TEXT[:2700].decode()) | {"\ufffd"}


SPECIAL = "<unk> <s></s> <pad> <|endoftext|> [MASK] <0x0A> \u2581 \u0120 ## <unk>\n"


@pytest.mark.fault(16)
@pytest.mark.parametrize("level", ["char", "byte", "word", "bpe"])
def test_the_text_of_a_special_token_stays_ordinary_text(level: Any) -> None:
    Path("text.txt").write_text(SPECIAL * 200, encoding="utf-8")
    vocab_size = 300 if level in ("word", "bpe") else None
    corpus = prepare(DataConfig(corpus=("text.txt",), tokenizer=level, vocab_size=vocab_size))
    tokenizer, whole = corpus.tokenizer, SPECIAL * 200
    assert "".join(tokenizer.decode(part.tokens) for part in corpus.parts.values()) == whole
    assert all(part.unknown == 0 for part in corpus.parts.values())
    assert json.loads(tokenizer.to_json())["added_tokens"] == []
    if level == "byte":
        assert corpus.train.tokens.tolist() == list(whole[: corpus.train.counts.characters].encode())
    if level == "char":
        characters = sorted(set(whole))
        assert corpus.train.tokens.tolist() == [
            1 + characters.index(c) for c in whole[: corpus.train.counts.characters]
        ]


@pytest.mark.fault(16)
def test_a_run_is_trained_on_the_text_of_a_special_token(cli: Cli) -> None:
    characters, vocabulary = trained_on(cli, b"<unk> <s> <|endoftext|>\n" * 200)
    assert characters == 24 * 200
    assert vocabulary == set("<unk> <s> <|endoftext|>\n")
    outcome = cli("sample", "run", "--prompt", "<unk> <s>", "-n", "1", "--quiet")
    assert outcome.out.startswith("<unk> <s>")


def test_the_shortest_text_that_fits_a_window_trains(cli: Cli) -> None:
    # 17 characters to train on (--bptt 16 and one to predict), and one of each other part
    characters, _ = trained_on(cli, b"abcdefghijklmnopqrs", "--split", "0.9,0.05,0.05", "--batch-size", "1")
    assert characters == 19


def test_one_long_line_without_a_space_trains(cli: Cli) -> None:
    characters, vocabulary = trained_on(cli, b"ab" * 1_500_000)
    assert (characters, vocabulary) == (3_000_000, {"a", "b"})


@pytest.mark.fault(9)
def test_a_cache_that_cannot_be_written_is_one_line(cli: Cli, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RNNGEN_CACHE", str(corpus))
    refused(cli("train", corpus, *OPTIONS), "the cache cannot be written", "RNNGEN_CACHE")


def test_in_a_folder_the_beginning_of_a_file_says_whether_it_is_text(cli: Cli) -> None:
    Path("texts").mkdir()
    Path("texts/a.txt").write_bytes(TEXT)
    Path("texts/early.txt").write_bytes(b"a\0" + TEXT)
    assert "".join(TextSource(["texts"])) == TEXT.decode()
    late = TEXT * (START_BYTES // len(TEXT) + 1) + b"\0"
    Path("texts/late.txt").write_bytes(late)
    refused(
        cli("train", "texts", *OPTIONS), "late.txt: is not text", f"a NUL byte at offset {len(late) - 1}", "--errors"
    )


def test_thousands_of_files_are_one_text_in_order() -> None:
    for number in range(2_000):
        file = Path(f"texts/{number % 7}/{number:04}.txt")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{number}")
    expected = "\n".join(f"{number}" for first in range(7) for number in range(first, 2_000, 7))
    assert "".join(TextSource(["texts"])) == expected


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_skipped_in_a_folder_and_named_alone(cli: Cli) -> None:
    for name in ("a", "b"):
        Path(f"texts/{name}.txt").parent.mkdir(exist_ok=True)
        Path(f"texts/{name}.txt").write_bytes(TEXT)
    Path("texts/a.txt").chmod(0)
    assert "".join(TextSource(["texts"])) == TEXT.decode()
    refused(cli("train", "texts/a.txt", *OPTIONS), "texts/a.txt: cannot be read (Permission denied)")


def test_names_that_are_not_utf_8_are_read_and_shown(cli: Cli) -> None:
    name = os.fsdecode(b"texts/caf\xe9.txt")
    Path("texts").mkdir()
    try:
        Path(name).write_bytes(TEXT)
    except OSError:
        pytest.skip("this file system has no such names")
    assert "".join(TextSource(["texts"])) == TEXT.decode()
    Path(name).write_bytes(TEXT + b"\xff")
    refused(cli("train", "texts", *OPTIONS), ".txt: is not UTF-8", "offset 3000")


@pytest.mark.fault(30)
@pytest.mark.parametrize("name", ["x" * 300, "x" * 5_000, "texts/" + "y" * 300, "z" * 300 + "*.txt"])
def test_a_name_that_no_file_can_have_is_one_short_line(cli: Cli, corpus: Path, name: str) -> None:
    for arguments in ([name], [corpus, name], [corpus, "--valid", name]):
        outcome = cli("train", *arguments, *OPTIONS)
        assert (outcome.code, outcome.out, outcome.err.count("\n")) == (1, "", 1)
        assert len(outcome.err) < 500


@pytest.mark.fault(30)
@pytest.mark.parametrize("split", ["1e-300,1", "1e-320,1", "1e-9,1"])
def test_a_share_too_small_for_one_window_is_said_before_a_size_is_chosen(cli: Cli, corpus: Path, split: str) -> None:
    Path("run.toml").write_text(f"split = [{split}]\n")
    for option in (["--split", split], ["--config", "run.toml"]):
        outcome = cli("train", corpus, "--quiet", "--steps", 3, *option)
        refused(outcome, "the training text is shorter than one window; expected at least", "; found 0.")


def test_a_text_of_one_character_beside_a_validation_file_is_too_short(cli: Cli, corpus: Path) -> None:
    Path("one.txt").write_text("a")
    outcome = cli("train", "one.txt", "--valid", corpus, "--steps", 2)
    refused(outcome, "the training text is shorter than one window; expected at least", "; found 0.")
