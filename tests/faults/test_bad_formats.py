"""Files of rows that are broken: an error that names file, line and field, or rows left out and counted."""

from __future__ import annotations

import gzip
import json
import random
import shlex
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet
import pytest

from rnngen.corpus.labels import Labels
from rnngen.corpus.sources import ErrorRule, TextSource
from rnngen.corpus.tokens import prepare
from rnngen.errors import CorpusError
from rnngen.options.training import DataConfig
from tests.conftest import FAST, Outcome, make_text

pytestmark = pytest.mark.fault(15)

Cli = Callable[..., Outcome]

OPTIONS = [part for name, value in {**FAST, "steps": 3}.items() for part in (f"--{name.replace('_', '-')}", str(value))]
GOOD = '{"text": "good"}\n'

BAD_JSON: dict[str, tuple[bytes, str, str]] = {
    "an object that is not closed": (b'{"text": "a"', r"line 3 is not JSON; .*\(column 13\)", "broken JSON"),
    "two objects": (b'{"text": "a"} {"text": "b"}', r"line 3 is not JSON; .*\(column 15\)", "broken JSON"),
    "a quote that is not closed": (b'{"text": "a}', r"line 3 is not JSON; .*column 10\)", "broken JSON"),
    "a raw tab in a string": (b'{"text": "a\tb"}', r"line 3 is not JSON; .*column 12\)", "broken JSON"),
    "plain text": (b"hello", r"line 3 is not JSON; .*\(column 1\)", "broken JSON"),
    "deep nesting": (
        b'{"text": ' + b"[" * 200_000,
        "line 3 is not JSON; expected fewer levels",
        "JSON nested too deeply",
    ),
    "a list": (b'["text"]', "line 3 is not an object", "JSON that is no object"),
    "a string": (b'"text"', "line 3 is not an object", "JSON that is no object"),
    "another field": (b'{"txt": "a"}', "line 3 has no field 'text'; found the fields 'txt'", "no field 'text'"),
    "no field": (b"{}", "line 3 has no field 'text'; found no field at all", "no field 'text'"),
    "null": (b'{"text": null}', "line 3 has no text in 'text'; .*found null", "null in 'text'"),
    "a number": (
        b'{"text": 1' + b"0" * 400 + b"}",
        "line 3 has no text in 'text'; .*found a number",
        "a number in 'text'",
    ),
    "true": (b'{"text": true}', "line 3 has no text in 'text'; .*found true or false", "true or false in 'text'"),
    "an object": (b'{"text": {"text": "a"}}', "line 3 has no text in 'text'; .*found an object", "an object in 'text'"),
    "the field twice": (
        b'{"text": "a", "text": "b"}',
        "line 3 has 'text' twice in an object; expected one value for each name",
        "'text' twice",
    ),
    "NUL": (b'{"text": "ab\\u0000"}', r"line 3 is not text in 'text'; .*U\+0000 at character 3", "U+0000"),
    "half a pair": (
        b'{"text": "\\ud800b"}',
        r"line 3 is not text in 'text'; .*U\+D800 at character 1",
        "half a surrogate pair",
    ),
    "a raw NUL": (b'{"text": "\0"}', "line 3 is not text; .*a NUL byte at offset 44", "NUL bytes"),
    "an invalid byte": (b'{"text": "\xff"}', "line 3 is not UTF-8; .*byte 0xff at offset 44", "invalid bytes"),
}


@pytest.mark.parametrize(("line", "said", "reason"), BAD_JSON.values(), ids=BAD_JSON)
def test_a_broken_line_of_json_is_named_and_can_be_left_out(line: bytes, said: str, reason: str) -> None:
    Path("rows.jsonl").write_bytes(GOOD.encode() * 2 + line + b"\n" + GOOD.encode())
    with pytest.raises(CorpusError, match=f"^rows.jsonl: {said}") as caught:
        list(TextSource(["rows.jsonl"]))
    assert len(str(caught.value)) < 500
    source = TextSource(["rows.jsonl"], "skip")
    assert "".join(source) == "good\ngood\ngood"
    assert source.summary.line() == f"1 read; 1 row left out: {reason} (1)"
    assert "".join(source) == "good\ngood\ngood"
    assert source.summary.line() == f"1 read; 1 row left out: {reason} (1)"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('{"text": }', "no value where one has to stand (column 10)"),
        ('{"text": "a"},', "',' after the value (column 14)"),
        ('{"text": "a', "a string that does not end (column 10)"),
        ('{text: "a"}', "no name in double quotes where one has to stand (column 2)"),
        ('{"text" "a"}', "no colon after a name (column 9)"),
        ('{"text": "a" "b": 1}', "no comma after a value (column 14)"),
        ('{"text": "a\tb"}', "a control character in a string (column 12)"),
        (r'{"text": "\w"}', "a backslash that escapes nothing (column 11)"),
        (r'{"text": "\uXY"}', r"\u without four hexadecimal digits (column 12)"),
    ],
)
def test_what_is_wrong_with_json_is_said_in_plain_words(line: str, found: str) -> None:
    Path("rows.jsonl").write_text(line + "\n")
    with pytest.raises(CorpusError) as caught:
        list(TextSource(["rows.jsonl"]))
    assert caught.value.found == found


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("a.jsonl", '{"txt": "a"}\n'),
        ("a.jsonl", '{"text": "a"},\n'),
        ("a.jsonl", '{"text": 1}\n'),
        ("a.jsonl", '{"text": "a", "mood": 0.5}\n'),
        ("a.csv", '"a"b,\n'),
    ],
)
def test_rows_are_proposed_to_be_left_out_only_after_one_that_is_good(name: str, row: str) -> None:
    good = "text,mood\n" if name == "a.csv" else '{"text": "good", "mood": "glad"}\n'
    for start, is_proposed in (
        (("", False), (good, True)) if name != "a.csv" else ((good, False), (good + "a,b\n", True))
    ):
        Path(name).write_text(start + row)
        with pytest.raises(CorpusError) as caught:
            list(TextSource([name], documents="files", labels=Labels("mood")))
        assert ("errors=skip" in str(caught.value)) is is_proposed


@pytest.mark.parametrize("how", [{}, {"indent": 2}])
@pytest.mark.skipif(sys.platform == "win32", reason="a command for a POSIX shell")
def test_an_array_is_read_after_the_command_that_its_error_names(how: dict[str, Any]) -> None:
    Path("my rows.jsonl").write_text(json.dumps([{"text": "é"}, {"text": "b"}], ensure_ascii=False, **how), "utf-8")
    with pytest.raises(
        CorpusError, match=r"If the file is one JSON array, write one object per line: python3 "
    ) as caught:
        list(TextSource(["my rows.jsonl"]))
    command = str(caught.value).partition("per line: python3 ")[2]
    subprocess.run(f"{shlex.quote(sys.executable)} {command}", shell=True, check=True)
    assert "".join(TextSource(["my rows-lines.jsonl"])) == "é\nb"


@pytest.mark.parametrize(
    ("line", "text", "counted"),
    [
        (
            b'{"text": "a\\u0000b\\ud800\\ud83d\\ude00\\udc00"}',
            "a\ufffdb\ufffd\U0001f600\ufffd",
            "3 replaced by U+FFFD: halves of surrogate pairs (2), U+0000 (1)",
        ),
        (b'{"text": "a\xff\xc3b\xef\xbf\xbd"}', "a\ufffd\ufffdb\ufffd", "2 replaced by U+FFFD: invalid bytes (2)"),
        (b'{"text": "a\0b"}', "a\ufffdb", "1 replaced by U+FFFD: NUL bytes (1)"),
    ],
)
def test_replace_puts_a_mark_for_each_character_that_is_none_and_counts_them(
    line: bytes, text: str, counted: str
) -> None:
    Path("rows.jsonl").write_bytes(line)
    source = TextSource(["rows.jsonl"], "replace")
    for _ in range(2):
        assert "".join(source) == text
        assert source.summary.line() == f"1 read; {counted}"
    if "\\" not in str(line[:-2].decode("utf-8", "ignore")):
        Path("plain.txt").write_bytes(line)
        plain = TextSource(["plain.txt"], "replace")
        assert "".join(plain) == line.decode("utf-8", "replace").replace("\0", "\ufffd")
        assert plain.summary.line() == f"1 read; {counted}"


BAD_CSV: dict[str, tuple[str, str, str]] = {
    "too many fields": (
        "3,a,b\n",
        "line 5 begins a row of another length; .*2 fields.*; found 3",
        "another number of fields",
    ),
    "too few fields": ("3\n", "line 5 begins a row of another length; .*found 1 field", "another number of fields"),
    "text after a quote": ('3,"a"b\n', "line 5 begins a row that is not CSV; found ',' expected", "broken quotes"),
}


@pytest.mark.parametrize(("row", "said", "reason"), BAD_CSV.values(), ids=BAD_CSV)
def test_a_broken_row_of_csv_is_named_by_the_line_on_which_it_begins(row: str, said: str, reason: str) -> None:
    content = 'id,text\n1,"one\n\nmore"\n' + row + "4,end\n"
    Path("rows.csv").write_text(content)
    with pytest.raises(CorpusError, match=f"^rows.csv: {said}"):
        list(TextSource(["rows.csv"]))
    source = TextSource(["rows.csv"], "skip")
    assert "".join(source) == "one\n\nmore\nend"
    assert source.summary.line() == f"1 read; 1 row left out: {reason} (1)"


ROWS = [f"{n},row {n}\n" for n in range(2, 60)]


@pytest.mark.parametrize(
    ("content", "kept", "left_out"),
    [
        (["id,text\n", *ROWS[:20], '22,"open\n', *ROWS[20:]], range(2, 60), 1),
        (["id,text\n", *ROWS[:20], '22,"open\n', '22,"open\n', *ROWS[20:]], range(2, 60), 2),
        (["id,text\n", *ROWS[:20], '22,"open\n', *ROWS[20:30], '32,"closed"\n', *ROWS[31:]], [*range(2, 60)], 1),
        (["id,text\n", '1,"open\n', *ROWS, '60,"open\n'], range(2, 60), 2),
    ],
    ids=["to the end", "twice", "to the next quote", "first and last"],
)
def test_a_quote_that_is_not_closed_costs_its_line_and_no_other(
    content: list[str], kept: Sequence[int], left_out: int
) -> None:
    Path("rows.csv").write_text("".join(content))
    source = TextSource(["rows.csv"], "skip")
    expected = [f"row {n}" for n in kept]
    if "closed" in "".join(content):
        expected[30] = "closed"
    assert "".join(source).split("\n") == expected
    assert f"{left_out} row{'s' * (left_out > 1)} left out: broken quotes ({left_out})" in source.summary.line()


def test_lines_are_not_read_again_without_limit_and_those_that_are_lost_are_counted() -> None:
    N = 3_000
    Path("rows.csv").write_text("a,text\n" + 'x,a","\n' * N)  # every line closes a quote and opens another
    source = TextSource(["rows.csv"], "skip")
    assert "".join(source) == ""
    counts = source.summary.observed
    assert counts.rows["broken quotes"] + counts.rows["another number of fields"] + counts.lines.total() == N
    assert counts.lines["below broken quotes"] > 2_000
    assert "lines left out: below broken quotes" in source.summary.line()


def test_a_quote_that_is_never_closed_is_an_error_and_never_a_long_row() -> None:
    Path("rows.csv").write_text('id,text\n1,"one\n' + "2,two\n" * 1_000)
    with pytest.raises(CorpusError, match="line 2 begins a row that is not CSV; found unexpected end of data"):
        list(TextSource(["rows.csv"]))


@pytest.mark.parametrize(
    ("content", "field", "said"),
    [
        (
            "id,body\n1,a\n",
            None,
            "has no column 'text'; expected a first row with the names of the columns; found the fields 'id', 'body'",
        ),
        (
            "1," + "It was dark. " * 99 + "\n2,b\n",
            None,
            r"has no column .*; found the fields '1', '(It was dark. ){2,3}[^,]*…'.*If the first row is data, put",
        ),
        ("id,body\n1,a\n", "bodi", r"has no column 'bodi'; .*Did you mean `text_field=body`\?"),
        ("id;body\n1;a\n", None, "has a header with one column; .*found semicolons between 'id', 'body'"),
        ("text,text\na,b\n", None, "has 2 columns 'text'"),
        ('"id"x,text\n', None, "line 1 is not CSV; expected a header"),
    ],
)
def test_a_header_without_the_column_is_an_error_even_where_rows_are_left_out(
    content: str, field: str | None, said: str
) -> None:
    Path("rows.csv").write_text(content)
    rules: tuple[ErrorRule, ...] = ("strict", "replace", "skip")
    for errors in rules:
        with pytest.raises(CorpusError, match=f"^rows.csv: {said}"):
            list(TextSource(["rows.csv"], errors, text_field=field))


REPEATED: dict[str, tuple[str, str, str | None]] = {  # a line, the field, and its text; None: it is refused
    "another name": ('{"id": 1, "id": 2, "a": {"text": "x"}}', "a.text", "x"),
    "another object": ('{"a": {"text": "x"}, "b": {"text": "1", "text": "2"}}', "a.text", "x"),
    "an object beside the text": ('{"text": "x", "meta": {"text": "a", "text": "b"}}', "text", "x"),
    "a name with a dot": ('{"a.text": "x", "a": 1, "a": 2}', "a.text", "x"),
    "an escape elsewhere": (r'{"text": "\u0078", "\u0061": 1, "a": 2}', "text", "x"),
    "on the way": ('{"a": 1, "a": {"text": "y"}}', "a.text", None),
    "at its end": ('{"a": {"text": "y", "text": "z"}}', "a.text", None),
    "an escaped letter": (r'{"text": "y", "\u0074ext": "z"}', "text", None),
    "an escaped slash": (r'{"a/b": "y", "a\/b": "z"}', "a/b", None),
    "an escaped accent": (r'{"é": "y", "\u00e9": "z"}', "é", None),
    "a long number": ('{"n": 1' + "0" * 5_000 + ', "text": "y", "text": "z"}', "text", None),
}


@pytest.mark.parametrize(("line", "field", "text"), REPEATED.values(), ids=REPEATED)
def test_a_name_that_is_repeated_matters_only_in_the_objects_that_lead_to_the_text(
    line: str, field: str, text: str | None
) -> None:
    Path("rows.jsonl").write_text(line + "\n" + line, encoding="utf-8")
    if text is not None:
        assert list(TextSource(["rows.jsonl"], text_field=field)) == [f"{text}\n{text}"]
        return
    with pytest.raises(CorpusError, match=r"line 1 has '[^']*' twice in an object"):
        list(TextSource(["rows.jsonl"], text_field=field))
    source = TextSource(["rows.jsonl"], "skip", text_field=field)
    assert list(source) == []
    assert "2 rows left out" in str(source.summary.line())


def test_a_label_that_is_repeated_is_refused_once_and_does_not_matter_where_no_label_is_read() -> None:
    Path("rows.jsonl").write_text('{"text": "x", "genre": "a", "genre": "b"}\n{"text": 1, "genre": "a", "genre": "b"}')
    assert list(TextSource(["rows.jsonl"], "skip")) == ["x"]
    with pytest.raises(CorpusError, match="line 1 has 'genre' twice"):
        list(TextSource(["rows.jsonl"], documents="files", labels=Labels("genre")))
    source = TextSource(["rows.jsonl"], "skip", documents="files", labels=Labels("genre"))
    assert list(source) == []
    assert source.summary.line() == "1 read; 2 rows left out: 'genre' twice (2)"


def test_an_error_names_the_file_as_it_was_typed(cli: Cli) -> None:
    Path("texts").mkdir()
    Path("texts/rows.jsonl").write_text("[]\n")
    Path("texts/valid.txt").write_bytes(b"caf\xe9")
    for arguments, name in (
        (["texts/rows.jsonl"], "texts/rows.jsonl"),
        (["texts"], "texts/rows.jsonl"),
        (["text.txt", "--valid", "texts/valid.txt"], "texts/valid.txt"),
    ):
        Path("text.txt").write_text(make_text(2_000))
        outcome = cli("train", *arguments, *OPTIONS)
        assert outcome.code == 1
        assert f"error: {name}: " in outcome.err


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.tsv"])
@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_a_file_without_rows_is_an_empty_text(name: str, content: bytes) -> None:
    Path(name).write_bytes(content)
    assert list(TextSource([name])) == []


def test_a_header_alone_is_an_empty_text_and_a_row_alone_is_a_text() -> None:
    Path("a.csv").write_text("id,text")
    assert list(TextSource(["a.csv"])) == []
    Path("a.csv").write_text('id,text\n1,"one"')
    assert list(TextSource(["a.csv"])) == ["one"]


def test_one_row_of_many_megabytes_costs_a_few_times_its_size() -> None:
    size = 1 << 24
    for name, content in (
        ("a.jsonl", b'{"text": "' + b"a" * size + b'"}\n{"text": "end"}\n'),
        ("a.csv", b'text\n"' + b"a" * size + b'"\nend\n'),
    ):
        Path(name).write_bytes(content)
        tracemalloc.start()
        try:
            assert sum(map(len, TextSource([name]))) == size + 4
            assert tracemalloc.get_traced_memory()[1] < 9 * size
        finally:
            tracemalloc.stop()


TABLE = {
    "n": range(40),
    "text": [f"row {n} é" * (n % 4) + "x" for n in range(40)],
    "kind": pa.array([str(n % 3) for n in range(40)]).dictionary_encode(),
    "post": [{"body": str(n)} for n in range(40)],
}


def write_table(name: str) -> bytes:
    table = pa.table(TABLE)
    if name.endswith(".parquet"):
        pa.parquet.write_table(table, name)
    else:
        with (pa.ipc.new_stream if name == "stream.arrow" else pa.ipc.new_file)(name, table.schema) as writer:
            writer.write_table(table, max_chunksize=16)
    return Path(name).read_bytes()


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow", "stream.arrow"])
def test_a_table_that_is_cut_anywhere_is_never_read_as_a_shorter_one(name: str) -> None:
    data = write_table(name)
    for cut in [*range(1, len(data) - 40, 61), *range(len(data) - 40, len(data))]:
        Path(name).write_bytes(data[:cut])
        with pytest.raises(CorpusError, match=rf"^{name}: "):
            list(TextSource([name]))


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow", "stream.arrow"])
def test_a_damaged_table_is_read_or_told_to_be_damaged(name: str) -> None:
    data, rng = write_table(name), random.Random(0)
    for number in range(200):
        damaged = bytearray(data)
        at = rng.randrange(len(data) - 4)
        damaged[at : at + 4] = rng.choice([rng.randbytes(4), b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff", bytes(4)])
        Path(name).write_bytes(damaged)
        try:
            list(TextSource([name], "skip", text_field=("text", "kind", "post.body")[number % 3]))
        except CorpusError as error:
            assert str(error).startswith(f"{name}: ")


def test_a_table_of_other_columns_is_an_error_that_names_them() -> None:
    write_table("a.parquet")
    for field, said in (
        ("n", "has no texts in 'n'; expected a column of strings; found int64"),
        ("no", "has no column 'no'"),
    ):
        with pytest.raises(CorpusError, match=f"^a.parquet: {said}"):
            list(TextSource(["a.parquet"], "skip", text_field=field))
    pa.parquet.write_table(pa.table({"a": ["x"], "b": ["y"]}), "two.parquet")
    with pytest.raises(CorpusError, match="has no column 'text'; found the fields 'a', 'b'"):
        list(TextSource(["two.parquet"]))


def test_invalid_bytes_and_nulls_in_a_table_follow_the_rules() -> None:
    texts = pa.array([b"one", b"\xff", None, b"", b"a\0b", b"end"]).view(pa.string())
    pa.parquet.write_table(pa.table({"text": texts}), "a.parquet")
    with pytest.raises(CorpusError, match=r"^a.parquet: row 2 is not UTF-8 in 'text'; .*byte 0xff at offset 0"):
        list(TextSource(["a.parquet"]))
    with pytest.raises(CorpusError, match=r"^a.parquet: row 3 has no text in 'text'; .*found null"):
        list(TextSource(["a.parquet"], "replace"))
    pa.parquet.write_table(pa.table({"text": pa.array([b"one", b"\xff\xc3", b"a\0b"]).view(pa.string())}), "b.parquet")
    source = TextSource(["b.parquet"], "replace")
    assert "".join(source) == "one\n\ufffd\ufffd\na\ufffdb"
    assert source.summary.line() == "1 read; 3 replaced by U+FFFD: invalid bytes (2), NUL bytes (1)"
    source = TextSource(["a.parquet"], "skip")
    assert "".join(source) == "one\nend"
    reasons = "invalid bytes (1), null in 'text' (1), U+0000 (1)"
    assert source.summary.line() == f"1 read; 3 rows left out: {reasons}; 1 empty row"


def test_a_table_without_pyarrow_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    write_table("a.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(CorpusError, match=r"pyarrow is not installed\. Install it: pip install \"rnngen\[tables\]\""):
        list(TextSource(["a.parquet"]))


def test_a_name_that_promises_a_table_is_not_read_as_text() -> None:
    Path("texts").mkdir()
    Path("texts/a.parquet").write_text("version https://git-lfs.github.com/spec/v1\n")
    Path("texts/b.txt").write_text("b")
    assert "".join(source := TextSource(["texts"])) == "b" and source.summary.skipped
    with pytest.raises(CorpusError, match=r"found a \.parquet file without a table"):
        TextSource(["texts/a.parquet"])


def text_rows(name: str = "posts.jsonl.gz") -> str:
    sentences = make_text(6_000).splitlines()
    Path(name).write_bytes(gzip.compress("".join(json.dumps({"post": {"body": s}}) + "\n" for s in sentences).encode()))
    return name


def test_a_run_is_trained_resumed_and_scored_on_rows(cli: Cli) -> None:
    name = text_rows()
    rows = ["--text-field", "post.body"]
    outcome = cli("train", name, *OPTIONS, *rows, "--out", "run", "--errors", "skip", "--encoding", "auto")
    assert outcome.code == 0, outcome.err
    assert "1 read as utf-8" in outcome.err and "empty row" in outcome.err
    saved = json.loads(Path("run/config.json").read_text())["data"]
    assert (saved["text_field"], saved["errors"], saved["encoding"]) == ("post.body", "skip", "auto")
    assert cli("train", "--resume", "run", "--steps", "5").code == 0
    own = cli("eval", "run", "--json")
    assert own.code == 0, own.err
    again = cli("eval", "run", name, *rows, "--part", "all", "--json")
    assert again.code == 0, again.err
    assert json.loads(again.out)["characters"] > json.loads(own.out)["characters"]
    assert "note:" in again.err and "empty row" in again.err
    by_default = json.loads(cli("eval", "run", name, "--part", "all", "--json").out)  # the run's own field
    assert {**by_default, "provenance": {}} == {**json.loads(again.out), "provenance": {}}
    refused = cli("eval", "run", name, "--text-field", "text")
    assert refused.code == 1
    assert "posts.jsonl.gz: line 1 has no field 'text'; found the fields 'post.body'" in refused.err
    assert "--text-field NAME" in refused.err


def test_resuming_finds_a_compressed_text_that_is_smaller_and_rows_that_are_larger_than_their_text(cli: Cli) -> None:
    text = make_text(3_000)
    Path("a.txt.gz").write_bytes(gzip.compress(text.encode()))
    rows = [{"text": line, "more": "x" * 500} for line in text.splitlines() if line]
    Path("b.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    Path("c.txt").write_bytes((text * 2).encode() + b"\xff" * 300_000 + b"\n")
    for name, errors in (("a.txt.gz", "strict"), ("b.jsonl", "strict"), ("c.txt", "skip")):
        assert cli("train", name, *OPTIONS, "--out", f"run-{name}", "--errors", errors).code == 0
        outcome = cli("train", "--resume", f"run-{name}", "--steps", "5")
        assert outcome.code == 0, outcome.err


def test_a_corpus_of_nothing_but_broken_rows_says_so() -> None:
    Path("a.jsonl").write_text("{}\n" * 7 + '{"text": ""}\n')
    with pytest.raises(CorpusError, match=r"is empty; .*found 7 rows left out: no field 'text' \(7\); 1 empty row"):
        prepare(DataConfig(corpus=("a.jsonl",), errors="skip"))


def test_a_field_for_texts_without_rows_is_refused() -> None:
    Path("a.txt").write_text(make_text(1_000))
    with pytest.raises(CorpusError, match="`text_field` has no effect"):
        prepare(DataConfig(corpus=("a.txt",), text_field="body"))


def test_the_encoding_is_refused_before_anything_is_read(cli: Cli) -> None:
    for command in (["train", "missing.txt"], ["eval", "missing.txt"]):
        outcome = cli(*command, "--encoding", "rot13")
        assert outcome.code == 2
        assert "invalid value for --encoding" in outcome.err
