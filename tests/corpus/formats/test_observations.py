"""What is conspicuous in files of rows is noted: rows under another name, and quotes that join rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

import rnngen
from rnngen.corpus.formats.separated import MANY_LINES, likely_delimiter
from rnngen.corpus.labels import Labels
from rnngen.corpus.sources import TextSource
from tests.conftest import FAST, Outcome, make_text

Cli = Callable[..., Outcome]
ROWS = "".join(f'{n},"A text, with a comma and\n a line end, number {n}"\n' for n in range(60))


def notes(name: str, **how: object) -> list[str]:
    source = TextSource([name], **how)  # type: ignore[arg-type]
    assert all(isinstance(piece, str) for piece in source)
    return list(source.summary.notes)


@pytest.mark.parametrize(
    ("content", "delimiter"),
    [
        ("id,text\n" + ROWS, ","),
        ("id,text\n" + ROWS[:400], ","),  # the last row is cut within its quotes
        ("id\ttext\n" + ROWS.replace(",", ";").replace(";", "\t", 1).replace('"', ""), None),
        ("id\ttext of the row\n" + "3\ta text that has a certain length\n" * 9, "\t"),
        ("id,text\n" + "3,short\n" * 9, None),  # no column of texts
        ("3,4\n" + ROWS, None),  # no names
        ("Dear reader, this is prose, with commas.\n" * 9, None),
        ("name,text\n" + "one, two and three, which are prose, and more of it\n" * 9, None),
        ("id,text\n" + ROWS[:80], None),  # too few rows
        ("", None),
    ],
)
def test_rows_under_another_name_are_told_from_prose(content: str, delimiter: str | None) -> None:
    assert likely_delimiter(content) == delimiter


def test_a_plain_text_that_looks_like_csv_is_noted_and_read_as_rows_by_the_name_that_is_proposed() -> None:
    Path("data.txt").write_text("id,text\n" + ROWS)
    assert notes("data.txt") == [
        "data.txt looks like CSV, and is read as plain text: name it .csv so that its rows are documents"
    ]
    Path("data.txt").rename("data.csv")
    assert notes("data.csv") == []


def test_a_quote_that_joins_rows_is_noted_with_its_line() -> None:
    rows = [f"{n},text {n}\n" for n in range(80)]
    rows[9] = '9,"text 9\n'  # its quote closes 30 rows later
    rows[39] = '39,text 39"\n'
    Path("a.csv").write_text("id,text\n" + "".join(rows))
    assert notes("a.csv") == [
        "a.csv: a quoted field has 31 lines from line 11 on, and most of them look like rows: a quote may be missing, "
        "or one too many"
    ]
    # a long text is none, nor are a few lines
    Path("b.csv").write_text('id,text\n1,"' + "a line of a long text\n" * 90 + '"\n')
    assert notes("b.csv") == []
    rows[MANY_LINES + 8], rows[39] = f'{MANY_LINES + 8},text"\n', "39,text 39\n"
    Path("c.csv").write_text("id,text\n" + "".join(rows))
    assert notes("c.csv") == []


@pytest.mark.parametrize(("kind", "values"), [(pa.int64(), [3, None, -1]), (pa.bool_(), [True, None, False])], ids=str)
@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
def test_whole_numbers_and_truth_values_in_tables_are_labels_as_in_json(
    kind: pa.DataType, values: list[object], suffix: str
) -> None:
    texts = ["one", "two", "three"]
    Path("rows.jsonl").write_text(
        "".join(json.dumps({"text": t, "label": v}) + "\n" for t, v in zip(texts, values, strict=True))
    )
    table = pa.table({"text": texts, "label": pa.array(values, kind)})
    if suffix == "parquet":
        pyarrow.parquet.write_table(table, "rows.parquet")
    else:
        with pa.OSFile("rows.arrow", "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
    found = []
    for name in ("rows.jsonl", f"rows.{suffix}"):
        labels = Labels("label")
        found.append(("".join(TextSource([name], documents="files", labels=labels)), labels.names))
    assert found[0] == found[1]
    assert found[0][1] == [json.dumps(value) for value in values if value is not None]


def test_a_run_of_another_field_is_scored_with_the_field_that_is_proposed(cli: Cli) -> None:
    lines = make_text(9_000).splitlines()
    Path("a.csv").write_text("message,n\n" + "".join(f'"{line}",1\n' for line in lines if '"' not in line))
    rnngen.train("a.csv", out="run", text_field="message", steps=2, **FAST)
    rows = [json.dumps({"text": line, "title": "a"}) for line in lines[:9]]
    Path("b.jsonl").write_text("\n".join(rows))
    Path("b.csv").write_text("text,title\n" + "".join(f'"{line}",1\n' for line in lines[:9] if '"' not in line))
    pyarrow.parquet.write_table(pa.table({"text": lines[:9], "title": ["a"] * 9}), "b.parquet")
    for name in ("b.jsonl", "b.csv", "b.parquet"):
        refused = cli("eval", "run", name)
        assert "Did you mean --text-field text?" in refused.err, (name, refused.err)
        assert cli("eval", "run", name, "--text-field", "text").code == 0


def test_eval_shows_what_training_notes_of_separators(cli: Cli) -> None:
    text = "".join(f"{line}\n%\n" for line in make_text(6_000).splitlines() if line.strip())
    Path("a.txt").write_text(text)
    rnngen.train("a.txt", out="run", documents="%", steps=2, **FAST)
    Path("b.txt").write_text("a line\n%\nanother of 5 % of all\n%\nthe last\n")
    assert "1 of the 3 occurrences of the separator '%' are not lines by themselves" in cli("eval", "run", "b.txt").err
