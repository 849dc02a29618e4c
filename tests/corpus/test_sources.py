"""Reading text: every rule at the top of ``rnngen/corpus/sources.py``, against a naive reading of the whole file."""

from __future__ import annotations

import codecs
import gc
import io
import tempfile
import warnings
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnngen.corpus import sources
from rnngen.corpus.formats import decoding
from rnngen.corpus.sources import TextSource, find_files
from rnngen.errors import CorpusError

CHUNK = decoding.CHUNK_BYTES
quick = settings(deadline=None, max_examples=60)


def read(data: bytes, errors: sources.ErrorRule = "strict", chunk: int = CHUNK) -> str:
    """What ``data`` is read as, when it comes in chunks of ``chunk`` bytes."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        file = Path(folder) / "text.txt"
        file.write_bytes(data)
        patch.setattr(decoding, "CHUNK_BYTES", chunk)
        return "".join(TextSource([str(file)], errors))


def naive(data: bytes, errors: str = "strict") -> str:
    """The rules, applied to the file as a whole."""
    text = data.removeprefix(codecs.BOM_UTF8).decode("utf-8", errors)
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")


# bytes that make borders interesting: newlines, multi-byte characters whole and cut, a mark in the middle
FRAGMENTS = [b"a", b" ", b"\r", b"\n", b"\r\n", "é".encode(), "語".encode(), "😀".encode(), codecs.BOM_UTF8]
texts = st.lists(st.sampled_from(FRAGMENTS), max_size=30).map(b"".join)
damaged = st.lists(st.sampled_from([*FRAGMENTS, b"\xff", b"\xc3", b"\xe8\xaa", b"\x80", b"\xf0\x9f"]), max_size=30)


@quick
@given(texts, st.integers(3, 9))
def test_text_in_chunks_of_any_size_equals_a_reading_of_the_whole(data: bytes, chunk: int) -> None:
    assert read(data, chunk=chunk) == naive(data)


@quick
@given(damaged.map(b"".join), st.integers(3, 9))
def test_replace_in_chunks_of_any_size_equals_a_reading_of_the_whole(data: bytes, chunk: int) -> None:
    assert read(data, "replace", chunk) == naive(data, "replace")


@quick
@given(damaged.map(b"".join), st.integers(3, 9))
def test_strict_names_the_offset_that_a_decoding_of_the_whole_names(data: bytes, chunk: int) -> None:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        with pytest.raises(CorpusError, match=f"found byte 0x{data[error.start]:02x} at offset {error.start}\\."):
            read(data, chunk=chunk)
    else:
        assert read(data, chunk=chunk) == naive(data)


@pytest.mark.parametrize(
    ("data", "offset"),
    [
        (b"\xff", 0),
        (b"abc\xffdef", 3),
        (b"ab\xc3", 2),  # ends within a character
        (codecs.BOM_UTF8 + b"ab\xff", 5),
        (b"a" * CHUNK + b"bcd\xff", CHUNK + 3),
        (codecs.BOM_UTF8 + b"a" * CHUNK + b"\xff", CHUNK + 3),
        (b"a" * (CHUNK - 1) + "é".encode() + b"\xff", CHUNK + 1),  # a good character lies across the border
        (b"a" * (CHUNK - 1) + b"\xc3A", CHUNK - 1),  # a bad one does
        (b"a" * (CHUNK - 2) + b"\xe8\xaa", CHUNK - 2),  # cut by the border, which is the end
        (b"\xc3\xa9" * CHUNK + b"\xe9", 2 * CHUNK),
    ],
)
def test_first_bad_byte_is_named_by_offset_across_chunks(tmp_path: Path, data: bytes, offset: int) -> None:
    file = tmp_path / "bad.txt"
    file.write_bytes(data)
    with pytest.raises(CorpusError, match=f"bad.txt: .*0x{data[offset]:02x} at offset {offset}\\.") as caught:
        list(TextSource([str(file)]))
    assert "\n" not in str(caught.value)
    assert "`errors=replace`" in str(caught.value)


def test_replace_keeps_everything_that_is_text() -> None:
    assert read(b"ab\xffcd\xc3", "replace") == "ab\ufffdcd\ufffd"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (codecs.BOM_UTF8 + b"ab", "ab"),
        (b"ab" + codecs.BOM_UTF8, "ab\ufeff"),
        (codecs.BOM_UTF8, ""),
        (b"", ""),
        (b"a\r\nb\rc\nd", "a\nb\nc\nd"),
        (b"a\r", "a\n"),
        (b"\r\r\n\n", "\n\n\n"),
        (b"a" * (CHUNK - 1) + b"\r\nb", "a" * (CHUNK - 1) + "\nb"),
        (b"a" * (CHUNK - 1) + b"\rb", "a" * (CHUNK - 1) + "\nb"),
    ],
)
def test_byte_order_mark_is_dropped_and_line_ends_become_newlines(data: bytes, text: str) -> None:
    assert read(data) == text


@pytest.mark.parametrize("offset", [0, 5, CHUNK + 7])
def test_nul_byte_is_refused_by_offset_unless_replaced(offset: int) -> None:
    data = b"a" * offset + b"\0b"
    with pytest.raises(CorpusError, match=f"text.txt: is not text.*NUL byte at offset {offset}\\."):
        read(data)
    assert read(data, "replace") == "a" * offset + "\ufffdb"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("errors", ["strict", "replace"])
def test_utf16_is_refused_with_the_option_that_reads_it(encoding: str, errors: sources.ErrorRule) -> None:
    with pytest.raises(CorpusError, match=r"expected UTF-8 text; found UTF-16 text\. Read it with `encoding=utf-16`$"):
        read(("\ufeff" + "hello").encode(encoding), errors)


@pytest.mark.parametrize(
    "source",
    [
        "missing.txt",
        "missing/*.txt",
        pytest.param("x" * 5000, id="longer than a path can be"),
        pytest.param("a\0b", id="a name with NUL"),
    ],
)
def test_source_that_stands_for_no_file_is_a_corpus_error(source: str) -> None:
    with pytest.raises(CorpusError):
        find_files([source])


def test_missing_file_is_named() -> None:
    with pytest.raises(CorpusError, match=r"missing\.txt: no such file; expected a text file, a folder, a glob, or -"):
        TextSource(["missing.txt"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "texts"
    for name, content in {
        "b.txt": b"b\n",
        "a.txt": b"a\n",
        "sub/c.md": b"c\n",
        "sub/.hidden": b"no\n",
        ".git/config": b"no\n",
        "image.png": b"\x89PNG\0\0",
        "wide.txt": "\ufeffno".encode("utf-16-le"),
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def test_folder_is_its_visible_text_files_sorted_by_path(folder: Path) -> None:
    assert find_files([str(folder)]) == [folder / "a.txt", folder / "b.txt", folder / "sub" / "c.md"]
    assert "".join(TextSource([str(folder)])) == "a\nb\nc\n"


def test_binary_file_given_by_name_is_refused_though_a_folder_skips_it(folder: Path) -> None:
    with pytest.raises(CorpusError, match=r"image\.png: cannot be read as text.*found a PNG image"):
        TextSource([str(folder / "image.png")])


def test_folder_below_a_hidden_one_is_read(tmp_path: Path) -> None:
    (tmp_path / ".secret" / "texts").mkdir(parents=True)
    (tmp_path / ".secret" / "texts" / "a.txt").write_text("a")
    assert "".join(TextSource([str(tmp_path / ".secret" / "texts")])) == "a"


@pytest.mark.parametrize("content", [{}, {"x.bin": b"\0"}, {".a.txt": b"a"}])
def test_folder_without_text_is_an_error(tmp_path: Path, content: dict[str, bytes]) -> None:
    (tmp_path / "empty").mkdir()
    for name, data in content.items():
        (tmp_path / "empty" / name).write_bytes(data)
    with pytest.raises(CorpusError, match="empty: the folder has no text files"):
        find_files([str(tmp_path / "empty")])


@pytest.mark.parametrize(
    ("pattern", "names"), [("*.txt", ["a.txt", "b.txt"]), ("**/*.md", ["sub/c.md"]), ("[ab].txt", ["a.txt", "b.txt"])]
)
def test_glob_stands_for_its_text_files_sorted(folder: Path, pattern: str, names: list[str]) -> None:
    assert find_files([str(folder / pattern)]) == [folder / name for name in names]


def test_file_whose_name_looks_like_a_glob_is_read(tmp_path: Path) -> None:
    (tmp_path / "[ab].txt").write_text("brackets")
    (tmp_path / "a.txt").write_text("a")
    assert "".join(TextSource([str(tmp_path / "[ab].txt")])) == "brackets"


@quick
@given(st.lists(st.sampled_from(["", "a", "a\n", "\n", "a\r", "b\r\n", "\ufeffc", "\ufeff"]), min_size=1, max_size=5))
def test_files_are_joined_in_order_with_a_newline_only_where_one_is_missing(
    tmp_path_factory: pytest.TempPathFactory, contents: list[str]
) -> None:
    root = tmp_path_factory.mktemp("joined")
    paths = [str(root / str(i)) for i in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        Path(path).write_bytes(content.encode())
    expected = ""
    for content in contents:
        expected += "\n" if expected and not expected.endswith("\n") else ""
        expected += naive(content.encode())
    source = TextSource(paths)
    assert "".join(source) == expected
    assert "".join(source) == expected  # as often as needed


def test_standard_input_is_read_as_often_as_needed_and_takes_its_place_among_files(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("first")
    source = TextSource(["a.txt", "-"], stdin=io.BytesIO(b"second\r\n"))
    assert ["".join(source), "".join(source)] == ["first\nsecond\n"] * 2


@pytest.mark.parametrize("data", [b"a\0", b"\xff", b"\xff\xfea\0"])
def test_standard_input_is_named_when_it_is_not_text(data: bytes) -> None:
    with pytest.raises(CorpusError, match=r"^standard input: "):
        list(TextSource(["-"], stdin=io.BytesIO(data)))


def test_standard_input_leaves_nothing_open() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert "".join(TextSource(["-"], stdin=io.BytesIO(b"text"))) == "text"
        gc.collect()
    assert [str(w.message) for w in caught] == []


@pytest.mark.parametrize(
    ("given_sources", "name"), [(["-"], "stdin"), (["a.txt"], "a.txt"), (["a.txt", "-"], "a.txt and 1 more")]
)
def test_name_says_what_the_text_is(tmp_path: Path, given_sources: list[str], name: str) -> None:
    (tmp_path / "a.txt").write_text("a")
    assert TextSource(given_sources, stdin=io.BytesIO(b"b")).name == name


def test_reading_holds_about_a_chunk_at_a_time(tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_bytes(b"x" * (3 * CHUNK + 5))
    assert [len(piece) for piece in TextSource(["long.txt"])] == [CHUNK, CHUNK, CHUNK, 5]
