"""Hints about the fields of rows: what they propose reads the file when it is typed."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from tests.conftest import Outcome

pytestmark = pytest.mark.fault(32)

Cli = Callable[..., Outcome]
POSTS = [{"id": n, "post": {"body": f"Hi {n}", "n": n, "by": {"name": "Ann"}}, " Mood ": "glad"} for n in range(5)]


def proposed(outcome: Outcome, option: str) -> list[str]:
    """The option that an error proposes, as a shell reads it."""
    assert outcome.code == 1
    found = outcome.err.partition(f"Did you mean {option} ")[2].partition("?")[0]
    assert found, outcome.err
    return [option, *shlex.split(found)]


def write_posts(name: str) -> None:
    if name.endswith(".parquet"):
        pa.parquet.write_table(pa.Table.from_pylist(POSTS), name)
    else:
        Path(name).write_text("".join(json.dumps(row) + "\n" for row in POSTS))


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("post.bdy", "post.body"),
        ("body", "post.body"),
        ("POST.body", "post.body"),
        ("post", "post.body"),
        ("mood", " Mood "),
        ("name", "post.by.name"),
    ],
)
def test_a_field_that_is_proposed_has_text_in_it(cli: Cli, name: str, given: str, meant: str) -> None:
    write_posts(name)
    option = proposed(cli("corpus", "info", name, "--text-field", given, "--errors", "replace"), "--text-field")
    assert option[1:] == [meant]
    assert cli("corpus", "info", name, *option).code == 0


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
@pytest.mark.parametrize(("given", "meant"), [("mood", " Mood "), ("post.by.nam", "post.by.name")])
def test_a_field_of_labels_is_proposed_too(cli: Cli, name: str, given: str, meant: str) -> None:
    write_posts(name)
    known = ["--text-field", "post.body"]
    option = proposed(cli("corpus", "info", name, *known, "--label-field", given), "--label-field")
    assert option[1:] == [meant]
    assert cli("corpus", "info", name, *known, *option).code == 0


@pytest.mark.parametrize(
    ("option", "given"), [("--text-field", "Text"), ("--text-field", "LAB"), ("--label-field", "lab")]
)
def test_white_space_and_case_in_a_header_are_near_misses(cli: Cli, option: str, given: str) -> None:
    Path("a.csv").write_text(" Text , lab\nHi,glad\nHo,sad\n")
    other = ["--text-field", " Text "] if option == "--label-field" else []
    found = proposed(cli("corpus", "info", "a.csv", *other, option, given), option)
    assert found[1].strip().casefold() == given.casefold()
    assert cli("corpus", "info", "a.csv", *other, *found).code == 0


@pytest.mark.parametrize("field", [[], ["--text-field", "message"]])
@pytest.mark.parametrize(
    ("name", "delimiter", "called"), [("my rows.csv", ";", "semicolons"), ("rows.tsv", "|", "vertical bars")]
)
def test_a_file_with_another_delimiter_is_read_after_the_command_that_its_error_names(
    cli: Cli, name: str, delimiter: str, called: str, field: list[str]
) -> None:
    Path(name).write_text(
        delimiter.join(("id", "message")) + f'\n1{delimiter}"a, b"\n2{delimiter}é\n', encoding="utf-8"
    )
    outcome = cli("corpus", "info", name, *field)
    assert outcome.code == 1
    assert f"found {called} between 'id', 'message'" in outcome.err
    assert f"the only column: --text-field {shlex.quote(f'id{delimiter}message')}. Else" in outcome.err
    command = outcome.err.partition("type: ")[2].strip()
    if sys.platform != "win32":
        subprocess.run(command.replace("python3", shlex.quote(sys.executable), 1), shell=True, check=True)
        made = f"{Path(name).stem}-commas.csv"
        assert "2 documents" in cli("corpus", "info", made, "--text-field", "message").out


@pytest.mark.parametrize("field", [[], ["--text-field", "message"]])
@pytest.mark.parametrize(("name", "delimiter", "suffix"), [("a.csv", "\t", ".tsv"), ("a.tsv", ",", ".csv")])
def test_a_file_whose_name_tells_another_delimiter_is_to_be_renamed(
    cli: Cli, name: str, delimiter: str, suffix: str, field: list[str]
) -> None:
    Path(name).write_text(f"id{delimiter}message\n1{delimiter}Hi\n")
    outcome = cli("corpus", "info", name, *field)
    assert outcome.code == 1
    assert "\t" not in outcome.err
    assert f"ive it a name that ends in {suffix}" in outcome.err
    Path(name).rename(f"b{suffix}")
    assert cli("corpus", "info", f"b{suffix}", "--text-field", "message").code == 0


def test_the_name_of_an_only_column_may_have_another_delimiter_in_it(cli: Cli) -> None:
    Path("a.csv").write_text("to be; or not\nHi\nHo\n")
    assert cli("corpus", "info", "a.csv").code == 1
    assert "2 documents" in cli("corpus", "info", "a.csv", "--text-field", "to be; or not").out
