"""``rnngen sample --prompts-file``: a continuation of each line of a file."""

from __future__ import annotations

import csv
import io
import json
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import rnngen
from rnngen.cli import sample_inputs
from tests.conftest import FAST, Outcome

Cli = Callable[..., Outcome]


def objects(outcome: Outcome) -> list[dict[str, object]]:
    assert outcome.code == 0, outcome
    return [json.loads(line) for line in outcome.out.splitlines()]


@pytest.mark.usefixtures("trained")
def test_each_line_is_continued_as_often_as_asked_and_keeps_its_texts(cli: Cli, tmp_path: Path) -> None:
    Path("prompts.txt").write_text("The \nAnd\n  two spaces", encoding="utf-8")
    found = objects(cli("sample", "--prompts-file", "prompts.txt", "-N", 2, "-n", 12, "--seed", 5, "--json"))
    prompts = [prompt for prompt in ("The ", "And", "  two spaces") for _ in range(2)]
    assert [each["prompt"] for each in found] == prompts
    assert [each["sample"] for each in found] == list(range(6))
    library = rnngen.load(tmp_path / "checkpoints" / "tiny").generate_batch(prompts, length=12, seed=5)
    assert [each["text"] for each in found] == [sample.text for sample in library]
    assert [sample.prompt for sample in library] == prompts


@pytest.mark.usefixtures("trained")
def test_the_first_text_is_that_of_the_prompt_alone(cli: Cli) -> None:
    Path("prompts.txt").write_text("The w\nAnd\n", encoding="utf-8")
    several = cli("sample", "--prompts-file", "prompts.txt", "-n", 30, "--seed", 5, "--until", "line")
    assert (
        several.out.splitlines()[0] == cli("sample", "-p", "The w", "-n", 30, "--seed", 5, "--until", "line").out[:-1]
    )
    assert several.out.splitlines()[1].startswith("And")


@pytest.mark.usefixtures("trained")
def test_blank_lines_and_characters_that_the_model_has_never_seen_are_told(cli: Cli) -> None:
    Path("prompts.txt").write_bytes("\ufeffThe\r\n\r\n \t\r\nA\u4e2dnd\u4e2d\u6587\r\n".encode())
    outcome = cli("sample", "--prompts-file", "prompts.txt", "-n", 5, "--json")
    assert [each["prompt"] for each in objects(outcome)] == ["The", "A\u4e2dnd\u4e2d\u6587"]
    assert "note: 2 blank lines of prompts.txt skipped\n" in outcome.err
    assert "note: the model has never seen '\u4e2d\u6587': left out of what it reads\n" in outcome.err


@pytest.mark.usefixtures("trained")
def test_a_format_has_a_row_for_each_text(cli: Cli) -> None:
    Path("prompts.txt").write_text('a "b",\nc\n', encoding="utf-8")
    how = ("sample", "--prompts-file", "prompts.txt", "-n", 9, "--seed", 1)
    texts = [str(each["prompt"]) + str(each["text"]) for each in objects(cli(*how, "--json"))]
    assert [each["text"] for each in objects(cli(*how, "--format", "jsonl"))] == texts
    assert list(csv.reader(io.StringIO(cli(*how, "--format", "csv").out))) == [["text"], *([text] for text in texts)]


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize(
    "other", [("--prompt", "x"), ("--prompt-file", "x"), ("--interactive",), ("--show-probs",), ("--beam", 2)]
)
def test_what_it_cannot_be_combined_with_is_refused(cli: Cli, other: tuple[object, ...]) -> None:
    outcome = cli("sample", "--prompts-file", "prompts.txt", *other)
    assert (outcome.code, outcome.out) == (2, "")
    assert str(other[0]) in outcome.err
    assert "--prompts-file" in outcome.err


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no such file"),
        (b"", "has no prompts"),
        (b"\n \n", "has no prompts"),
        (b"a\xff", "is not UTF-8"),
        (b"a\n\0", "a NUL byte at offset 2"),
    ],
)
def test_a_file_without_prompts_is_a_clear_error(cli: Cli, content: bytes | None, said: str) -> None:
    if content is not None:
        Path("prompts.txt").write_bytes(content)
    outcome = cli("sample", "--prompts-file", "prompts.txt")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith("rnngen: error: prompts.txt")
    assert said in outcome.err
    assert "--prompt " not in outcome.err  # the name of a file was not meant as a text
    folder = cli("sample", "--prompts-file", ".")
    assert (folder.code, folder.out) == (1, "")
    assert "is not a file" in folder.err


@pytest.mark.usefixtures("trained")
def test_a_file_in_another_encoding_is_answered_with_a_command_that_reads_it(cli: Cli) -> None:
    Path("prompts.txt").write_bytes("The caf\xe9 and\nthe na\xefve dog\n".encode("cp1252"))
    outcome = cli("sample", "--prompts-file", "prompts.txt")
    assert outcome.code == 1
    command = outcome.err.strip().partition("read it with: ")[2]
    assert command == "iconv -f WINDOWS-1252 -t UTF-8 prompts.txt | rnngen sample --prompts-file -"
    convert = shlex.split(command.partition(" | ")[0])
    if shutil.which(convert[0]):
        assert subprocess.run(convert, capture_output=True, check=True).stdout.decode().splitlines() == [
            "The caf\xe9 and",
            "the na\xefve dog",
        ]


@pytest.mark.usefixtures("trained")
def test_more_texts_than_a_million_are_refused_before_any_is_written(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample_inputs, "MOST_TEXTS", 6)
    Path("prompts.txt").write_text("a\n" * 3, encoding="utf-8")
    assert len(objects(cli("sample", "--prompts-file", "prompts.txt", "-N", 2, "-n", 1, "--json"))) == 6
    outcome = cli("sample", "--prompts-file", "prompts.txt", "-N", 3)
    assert (outcome.code, outcome.out) == (2, "")
    assert "expected at most 2, since each gets 3 texts" in outcome.err


@pytest.fixture(scope="module")
def _named(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("named")
    names = [f"{first}{second}-{last}" for first in ("Al", "Bo", "Cu") for second in "aeiou" for last in ("ton", "by")]
    (folder / "names.txt").write_text("\n".join(names), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RNNGEN_CACHE", str(folder / "cache"))
        rnngen.train(folder / "names.txt", out=folder / "run", steps=60, documents="lines", **FAST)
    return folder


def test_conditions_hold_for_each_prompt(cli: Cli, _named: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RNNGEN_CACHE", str(_named / "cache"))
    Path("prompts.txt").write_text("Al\nBo\nAl\n", encoding="utf-8")
    how = ("--unique", "--novel", "--min-length", 2, "--seed", 3)
    found = objects(cli("sample", _named / "run", "--prompts-file", "prompts.txt", "-N", 4, *how, "--json"))
    assert [each["prompt"] for each in found] == ["Al"] * 4 + ["Bo"] * 4 + ["Al"] * 4
    texts = [str(each["prompt"]) + str(each["text"]) for each in found]
    assert len(set(texts)) == 12
    assert not set(texts) & set((_named / "names.txt").read_text(encoding="utf-8").splitlines())
    assert not any(each["copied"] for each in found)


def test_a_kept_stop_text_ends_a_document_and_without_it_the_document_ends_by_itself(cli: Cli, _named: Path) -> None:
    how = ("sample", _named / "run", "-N", 40, "--seed", 3, "--json")
    whole = objects(cli(*how))
    cut, kept = (objects(cli(*how, "--stop", "-", *more)) for more in ((), ("--keep-stop",)))
    assert {each["finish_reason"] for each in kept} >= {"stop", "document"} or all("-" in str(w["text"]) for w in whole)
    for document, before, after in zip(whole, cut, kept, strict=True):
        text, separator, _ = str(document["text"]).partition("-")
        assert (before["text"], after["text"]) == (text, text + separator)
        assert after["finish_reason"] == ("stop" if separator else document["finish_reason"])
        assert after.get("stop") == (separator or None)
