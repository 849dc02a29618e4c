"""Texts in any encoding, against a decoding of the whole file, and the choice of an encoding."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnngen.corpus.formats import decoding
from rnngen.corpus.sources import ErrorRule, TextSource
from rnngen.errors import CorpusError

quick = settings(deadline=None, max_examples=60)
CODECS = [
    "utf-8",
    "cp1252",
    "latin-1",
    "gb18030",
    "shift_jis",
    "euc_kr",
    "big5",
    "koi8-r",
    "utf-16",
    "utf-16-be",
    "utf-32",
]
LETTERS = "aé語Ж한的\n\r \u3000😀"

FRENCH = "Les élèves étaient là où l'été s'achève, à côté des forêts.\n" * 20
CHINESE = "学而时习之，不亦说乎？有朋自远方来，不亦乐乎？\n" * 20


def read(data: bytes, encoding: str, errors: ErrorRule = "strict", chunk: int = decoding.CHUNK_BYTES) -> str:
    Path("text.txt").write_bytes(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoding, "CHUNK_BYTES", chunk)
        source = TextSource(["text.txt"], errors, encoding=encoding)
        text = "".join(source)
        assert "".join(source) == text
    return text


def naive(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")


@quick
@given(st.text(LETTERS, max_size=40), st.sampled_from(CODECS), st.integers(8, 20))
def test_text_in_any_encoding_comes_back_in_chunks_of_any_size(text: str, codec: str, chunk: int) -> None:
    data = text.encode(codec, "ignore")
    assert read(data, codec, chunk=chunk) == naive(data.decode(codec))


@quick
@given(st.binary(max_size=60), st.sampled_from(CODECS), st.integers(8, 20))
def test_any_bytes_are_decoded_or_refused_by_the_offset_that_a_decoding_of_the_whole_names(
    data: bytes, codec: str, chunk: int
) -> None:
    data = b"some text " * 10 + data if not codec.startswith("utf-") else data
    try:
        expected = data.decode(codec)
    except UnicodeDecodeError as error:
        offset = error.start
        expected = None
    try:
        text = read(data, codec, chunk=chunk)
    except CorpusError as error:
        if "offset" in str(error) and "NUL" not in str(error):
            assert expected is None
            assert f"at offset {offset}." in str(error)
    else:
        assert expected is not None
        assert text == naive(expected.removeprefix("\ufeff") if codec not in ("utf-16", "utf-32") else expected)


@quick
@given(
    st.lists(st.sampled_from(["one\n", "two\r\n", "é\n", "\udcff\n", "x\udc81y\n", "a\0b\n", "\n", "end"]), max_size=9)
)
def test_skip_leaves_out_the_lines_with_invalid_bytes_and_counts_them(lines: list[str]) -> None:
    data = "".join(lines).encode("utf-8", "surrogateescape")
    whole = naive("".join(lines).replace("\0", "\udc00")).splitlines(keepends=True)
    kept = [line for line in whole if not any("\udc00" <= c <= "\udcff" for c in line)]
    Path("text.txt").write_bytes(data)
    source = TextSource(["text.txt"], "skip")
    assert "".join(source) == "".join(kept)
    assert source.summary.observed.lines.total() == len(whole) - len(kept)


def test_nul_in_wide_text_is_named_by_its_offset_in_the_file() -> None:
    for codec, offset in (("utf-16", 2 + 2 * 3), ("utf-16-be", 6), ("utf-32", 4 + 4 * 3), ("utf-32-le", 12)):
        with pytest.raises(CorpusError, match=rf"a NUL byte at offset {offset}\."):
            read("a漢b\0c".encode(codec), codec)
        assert read("a漢b\0c".encode(codec), codec, "replace") == "a漢b\ufffdc"


@pytest.mark.parametrize("codec", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-be", "gb18030"])
def test_a_byte_order_mark_is_dropped_in_every_encoding_that_has_one(codec: str) -> None:
    assert read("\ufeffa\r\nb\ufeff".encode(codec), codec) == "a\nb\ufeff"


def test_a_mark_of_another_encoding_and_a_missing_one_are_errors() -> None:
    with pytest.raises(CorpusError, match=r"a byte order mark of utf-8\. Read it with `encoding=utf-8`"):
        read("\ufefftext".encode(), "cp1252")
    with pytest.raises(CorpusError, match=r"is not utf-16; expected a byte order mark.*`encoding=utf-16-le`"):
        read(FRENCH.encode("utf-16-le"), "utf-16")
    with pytest.raises(CorpusError, match=r"cannot be read as text; expected CP1252 text; found UTF-16 text"):
        read(FRENCH.encode("utf-16"), "cp1252")


@pytest.mark.parametrize(
    ("text", "codec", "chosen"),
    [
        (FRENCH, "utf-8", "utf-8"),
        ("plain ASCII\n", "ascii", "utf-8"),
        (FRENCH, "utf-8-sig", "utf-8"),
        (FRENCH, "utf-16", "utf-16"),
        (FRENCH, "utf-16-be", "utf-16-be"),
        (FRENCH, "utf-32", "utf-32"),
        (FRENCH, "cp1252", "cp1252"),
        ("ascii first\n" * 200_000 + FRENCH, "cp1252", "cp1252"),  # beyond the first chunk
        (CHINESE, "gb18030", "gb18030"),
        ("Я пришёл к тебе с приветом, рассказать, что солнце встало.\n" * 20, "koi8-r", "koi8-r"),
    ],
)
def test_auto_chooses_the_encoding_and_tells_it(text: str, codec: str, chosen: str) -> None:
    assert read(text.encode(codec), "auto") == text
    source = TextSource(["text.txt"], encoding="auto")
    "".join(source)
    assert source.summary.line() == f"1 read as {chosen}"


def test_auto_chooses_for_each_file() -> None:
    Path("texts").mkdir()
    for name, codec in (("a", "utf-8"), ("b", "cp1252"), ("c", "utf-16"), ("d", "cp1252")):
        Path(f"texts/{name}.txt").write_bytes(FRENCH.encode(codec))
    source = TextSource(["texts"], encoding="auto")
    assert "".join(source) == FRENCH * 4
    assert source.summary.line() == "4 read as cp1252 (2), utf-8 (1), utf-16 (1)"


def test_auto_does_not_take_a_text_with_a_stray_byte_for_another_encoding() -> None:
    with pytest.raises(CorpusError, match="is not UTF-8"):
        read(FRENCH.encode() + b"\xff" + FRENCH.encode(), "auto")


def test_a_folder_of_wide_texts_is_read_with_their_encoding() -> None:
    Path("texts").mkdir()
    Path("texts/a.txt").write_bytes(CHINESE.encode("utf-16-le"))
    Path("texts/b.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    source = TextSource(["texts"], encoding="utf-16-le")
    assert "".join(source) == CHINESE
    assert source.summary.line() == "1 read; 1 skipped: b.png (PNG image)"
