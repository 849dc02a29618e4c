"""``rnngen verify`` on the command line: what it shows, its JSON, its exit code."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Outcome

Cli = Callable[..., Outcome]

RUN = "checkpoints/tiny"


@pytest.mark.usefixtures("trained")
def test_a_sound_run_exits_0_and_says_what_it_is_good_for(cli: Cli) -> None:
    outcome = cli("verify", RUN, "--quiet")
    assert (outcome.code, outcome.err) == (0, "")
    first, *_, last = outcome.out.splitlines()
    assert first == "checkpoints/tiny is sound"
    assert "sample, eval: possible\n" in outcome.out
    assert last.startswith("train --resume: nothing is left to do after step 60 of 60; to train it further: ")
    assert "damaged" not in outcome.out


@pytest.mark.usefixtures("trained")
def test_without_a_run_the_newest_is_verified(cli: Cli) -> None:
    assert cli("verify", "-q").out == cli("verify", RUN, "-q").out


def test_a_damaged_run_exits_1_and_names_the_file(trained: Path, cli: Cli) -> None:
    (trained / "resume/000000060/state.safetensors").write_bytes(b"short")
    outcome = cli("verify", "-q")
    assert (outcome.code, outcome.err) == (1, "")
    assert outcome.out.startswith("checkpoints/tiny is damaged\n")
    assert "\nresume/000000060/state.safetensors: is damaged: it is not what the manifest says" in outcome.out
    assert (
        "resume at" in outcome.out or "after step 40 of 60" in outcome.out or "resumes at step 40 of 60" in outcome.out
    )
    assert "Continuing from 000000040 instead." in outcome.out


def test_json_says_the_same(trained: Path, cli: Cli) -> None:
    (trained / "tokenizer.json").write_bytes(b"{}")
    outcome = cli("verify", "--json", "-q")
    told = json.loads(outcome.out)
    assert outcome.code == 1
    assert told.keys() == {"path", "sound", "written_by", "files", "states", "uses", "resume"}
    assert (told["path"], told["sound"], told["written_by"]) == ("checkpoints/tiny", False, None)
    (file,) = (file for file in told["files"] if file["name"] == "tokenizer.json")
    assert file["status"] == "damaged"
    assert len(file["sha256"]) == 64
    assert [state["step"] for state in told["states"]] == [60, 40]
    assert told["uses"][0]["error"].startswith("checkpoints/tiny/tokenizer.json: is damaged")
    assert told["resume"]["is_damage"]


def test_every_line_of_the_table_fits_80_columns(trained: Path, cli: Cli) -> None:
    table = cli("verify", "-q").out.split("\n\n")[1]
    assert len(table.splitlines()) == 13
    assert max(map(len, table.splitlines())) <= 80


@pytest.mark.parametrize("what", ["nowhere", "corpus.txt", "empty"])
def test_what_is_no_run_is_a_clear_error(corpus: Path, cli: Cli, what: str) -> None:
    Path("empty").mkdir()
    outcome = cli("verify", what)
    assert outcome.code in (1, 2)
    assert f"{what}: is not a run" in outcome.err
    assert outcome.out == ""


def test_names_of_other_files_are_harmless_on_a_terminal(
    trained: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    (trained / "\033[31mred").write_text("somebody's")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert "\033" not in cli("verify", "-q").out


def test_a_copy_of_a_run_that_cannot_be_written_is_verified(trained: Path, cli: Cli) -> None:
    shutil.copytree(trained, "copy")
    for path in (*Path("copy").rglob("*"), Path("copy")):
        path.chmod(0o500 if path.is_dir() else 0o400)
    try:
        assert cli("verify", "copy", "-q").code == 0
    finally:
        for path in (Path("copy"), *Path("copy").rglob("*")):
            path.chmod(0o700)
