"""Rows of JSON Lines, CSV, TSV, Parquet and Arrow, against what wrote them and what Python's own modules read."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnngen.corpus import documents
from rnngen.corpus.files.summary import Observations
from rnngen.corpus.formats import decoding
from rnngen.corpus.formats.decoding import Decoding
from rnngen.corpus.formats.lines import lines_of
from rnngen.corpus.formats.reader import Reader
from rnngen.corpus.sources import ErrorRule, TextSource
from rnngen.errors import CorpusError

quick = settings(deadline=None, max_examples=50)


def rows_of(name: str, errors: ErrorRule = "strict", field: str | None = None, **options: Any) -> list[str]:
    """The text of each row of a file."""
    reader = Reader(Decoding(errors, **options), field)
    with Path(name).open("rb") as stream:
        content = reader.open(stream, Path(name), name, Observations())
        assert content.has_rows
        return list(content.texts)


def write_json_lines(rows: Sequence[Any], name: str = "rows.jsonl", ascii_only: bool = True) -> str:
    lines = [json.dumps(row, ensure_ascii=ascii_only) + "\n" for row in rows]
    Path(name).write_text("".join(lines), encoding="utf-8", newline="")
    return name


def write_csv(header: Sequence[str], rows: Sequence[Sequence[str]], name: str = "rows.csv", **how: Any) -> str:
    with Path(name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t" if name.endswith(".tsv") else ",", **how)
        writer.writerow(header)
        writer.writerows(rows)
    return name


def write_arrow(table: pa.Table, name: str = "rows.arrow", *, stream: bool = False) -> str:
    with (pa.ipc.new_stream if stream else pa.ipc.new_file)(name, table.schema) as writer:
        writer.write_table(table, max_chunksize=7)
    return name


def write_parquet(table: pa.Table, name: str = "rows.parquet") -> str:
    pa.parquet.write_table(table, name, row_group_size=5)
    return name


WRITERS: dict[str, Callable[[list[str]], str]] = {
    "JSON Lines": lambda texts: write_json_lines([{"n": n, "text": text} for n, text in enumerate(texts)]),
    "JSON Lines in UTF-8": lambda texts: write_json_lines([{"text": text} for text in texts], "a.ndjson", False),
    "CSV": lambda texts: write_csv(["id", "text"], [["1,2", text] for text in texts]),
    "TSV": lambda texts: write_csv(["text", "id"], [[text, '"'] for text in texts], "rows.tsv"),
    "Parquet": lambda texts: write_parquet(pa.table({"n": range(len(texts)), "text": pa.array(texts, pa.string())})),
    "Arrow": lambda texts: write_arrow(pa.table({"text": pa.array(texts, pa.large_string())})),
    "Feather": lambda texts: write_arrow(pa.table({"text": pa.array(texts, pa.string_view())}), "rows.feather"),
    "Arrow stream": lambda texts: write_arrow(pa.table({"x": texts, "text": texts}), stream=True) if texts else "",
}


def rule(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


@quick
@given(
    st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20), max_size=20),
    st.sampled_from(sorted(WRITERS)),
    st.integers(8, 40),
)
def test_what_was_written_is_read_row_by_row(texts: list[str], form: str, chunk: int) -> None:
    name = WRITERS[form](texts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoding, "CHUNK_BYTES", chunk)
        if name:
            assert rows_of(name) == [rule(text) for text in texts if text]


@quick
@given(st.text('ab",\n\r é', max_size=40), st.integers(8, 20))
def test_any_csv_is_read_as_the_csv_module_reads_it_or_refused_as_it_refuses_it(content: str, chunk: int) -> None:
    data = "id,text\r\n" + content
    Path("rows.csv").write_bytes(data.encode())
    try:
        rows = [row for row in csv.reader(io.StringIO(data, newline=""), strict=True) if row][1:]
        expected = None if any(len(row) != 2 for row in rows) else [rule(text) for _, text in rows if text]
    except csv.Error:
        expected = None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoding, "CHUNK_BYTES", chunk)
        if expected is None:
            with pytest.raises(CorpusError, match=r"^rows\.csv: line \d+ begins a row "):
                rows_of("rows.csv")
        else:
            assert rows_of("rows.csv") == expected


@quick
@given(st.lists(st.text("ab\r\n", max_size=9), max_size=9), st.booleans())
def test_lines_in_pieces_are_the_lines_of_the_whole(pieces: list[str], universal: bool) -> None:
    whole = io.StringIO("".join(pieces), newline="" if universal else "\n")
    assert list(lines_of(pieces, universal=universal)) == list(whole)


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet", "arrow"])
def test_a_compressed_file_of_rows_is_read_by_the_suffix_under_that_of_its_compression(form: str) -> None:
    texts = ["one", "two\nlines", "é漢"]
    name = WRITERS[{"jsonl": "JSON Lines", "csv": "CSV", "parquet": "Parquet", "arrow": "Arrow"}[form]](texts)
    Path("texts").mkdir()
    Path(f"texts/ROWS.{form.upper()}.GZ").write_bytes(gzip.compress(Path(name).read_bytes()))
    assert "".join(TextSource(["texts"])) == "one\ntwo\nlines\né漢"


def test_rows_are_joined_to_other_texts_as_files_are() -> None:
    Path("texts").mkdir()
    Path("texts/a.txt").write_text("plain")
    write_json_lines([{"text": "one"}, {"text": "two"}], "texts/b.jsonl")
    write_csv(["text"], [["three"]], "texts/c.csv")
    Path("texts/d.json").write_text('{"text": "stays"}')
    expected = 'plain\none\ntwo\nthree\n{"text": "stays"}'
    for source in ("texts", "texts/*"):
        assert "".join(TextSource([source])) == expected


@pytest.mark.parametrize(
    ("rows", "field", "expected"),
    [
        ([{"post": {"body": "deep"}}], "post.body", ["deep"]),
        ([{"post.body": "flat", "post": {"body": "deep"}}], "post.body", ["flat"]),
        ([{"a": {"b": {"c": "x"}}}, {"a": {"b": {"c": "y"}}}], "a.b.c", ["x", "y"]),
        ([{"text": "a", "n": 10**400, "x": float("nan"), "y": 1e400}], None, ["a"]),
        ([{"text": "one"}, {"text": ""}, {"text": " "}], None, ["one", " "]),
    ],
)
def test_the_field_of_json_lines(rows: list[Any], field: str | None, expected: list[str]) -> None:
    assert rows_of(write_json_lines(rows), field=field) == expected


def test_blank_lines_a_mark_and_line_ends_of_other_systems_are_no_rows() -> None:
    Path("a.jsonl").write_bytes('\ufeff{"text": "a"}\r\n \t\r\n\n{"text": "b\\r\\nc"}'.encode())
    assert rows_of("a.jsonl") == ["a", "b\nc"]
    for ends in ("\n", "\r\n", "\r"):
        Path("a.csv").write_bytes('\ufeff\nid,text\n\n1,a\n2,"b\nc"\n\n'.replace("\n", ends).encode())
        assert rows_of("a.csv") == ["a", "b\nc"]


@pytest.mark.parametrize(
    ("table", "field", "expected"),
    [
        ({"id": [1], "body": ["only"]}, None, ["only"]),
        ({"body": ["other"], "text": ["default"]}, None, ["default"]),
        ({"post": [{"body": "deep"}, {"body": "x"}]}, "post.body", ["deep", "x"]),
        ({"post.body": ["flat"], "post": [{"body": "deep"}]}, "post.body", ["flat"]),
        ({"text": pa.array(["a", "b", "a"]).dictionary_encode()}, None, ["a", "b", "a"]),
    ],
    ids=["only", "default", "deep", "flat", "dictionary"],
)
def test_the_column_of_a_table(table: dict[str, Any], field: str | None, expected: list[str]) -> None:
    table_ = pa.table(table)
    for name in (write_parquet(table_), write_arrow(table_), write_arrow(table_, "stream.arrow", stream=True)):
        assert rows_of(name, field=field) == expected


def test_a_table_is_recognised_by_content_whatever_its_name() -> None:
    table = pa.table({"text": ["one", "two"]})
    for name in (write_parquet(table, "data"), write_arrow(table, "b.txt"), write_arrow(table, "c", stream=True)):
        assert rows_of(name) == ["one", "two"]
        data = Path(name).read_bytes()
        assert "".join(TextSource(["-"], stdin=io.BytesIO(data))) == "one\ntwo"


@pytest.mark.parametrize(
    ("content", "expected"),
    [('{"body": "a"}\n{"body": "b"}', "a\nb"), ("id,body\n1,a\n2,b", "a\nb"), ("id\tbody\n1\ta,\n2\tb", "a,\nb")],
)
def test_standard_input_has_rows_where_a_field_is_given(content: str, expected: str) -> None:
    data = content.encode()
    assert "".join(TextSource(["-"], stdin=io.BytesIO(data), text_field="body")) == expected
    assert "".join(TextSource(["-"], stdin=io.BytesIO(gzip.compress(data)), text_field="body")) == expected
    assert "".join(TextSource(["-"], stdin=io.BytesIO(data))) == content


def test_rows_in_another_encoding() -> None:
    for codec in ("cp1252", "utf-16", "utf-16-be", "gb18030"):
        Path("a.csv").write_bytes('text\n"naïve\ncafé"\n'.encode(codec, "replace"))
        expected = ['text\n"naïve\ncafé"\n'.encode(codec, "replace").decode(codec)[6:-2]]
        assert rows_of("a.csv", encoding=codec) == expected
        Path("a.jsonl").write_bytes('{"text": "naïve"}\n'.encode(codec, "replace"))
        assert rows_of("a.jsonl", encoding=codec)[0].startswith("na")


def test_a_text_that_begins_like_a_table_is_a_text() -> None:
    for start in ("PAR1S vaut bien une messe.", "ARROW1", "BZh91"):
        Path("text.txt").write_text(start)
        assert "".join(TextSource(["text.txt"])) == start


def test_a_prompt_is_no_file_of_rows() -> None:
    write_csv(["text"], [["a"]])
    assert "".join(TextSource(["rows.csv"], lenient="")) == "text\na\n"
    write_parquet(pa.table({"text": ["a"]}))
    with pytest.raises(CorpusError, match="found a Parquet table"):
        list(TextSource(["rows.parquet"], lenient=""))


@pytest.mark.parametrize("form", ["JSON Lines", "CSV", "Parquet", "Arrow stream"])
def test_memory_does_not_grow_with_the_number_of_rows(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "CHUNK_BYTES", 1 << 14)
    monkeypatch.setattr(documents, "_PIECE", 1 << 14)
    name = WRITERS[form](["some text of a usual length " * 10] * 10_000)
    "".join(TextSource([name]))  # imports what it needs
    tracemalloc.start()
    try:
        assert sum(map(len, TextSource([name]))) > 2_800_000
        assert tracemalloc.get_traced_memory()[1] < 2_400_000
    finally:
        tracemalloc.stop()
