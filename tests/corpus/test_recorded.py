"""A run and its text stay together, wherever either of them goes."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from rnngen.corpus.recorded import relative_sources
from rnngen.options.training import DataConfig
from tests.conftest import FAST, Outcome, make_text

Cli = Callable[..., Outcome]

OPTIONS = [f"--{name.replace('_', '-')}={value}" for name, value in {**FAST, "steps": 4, "valid_every": 2}.items()]


@pytest.fixture
def project(tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a text and a run trained on it."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    Path("text.txt").write_text(make_text(6_000), encoding="utf-8")
    assert cli("train", "text.txt", *OPTIONS, "--out", "checkpoints/run").code == 0
    return folder


def forget_the_cache() -> None:
    shutil.rmtree(os.environ["RNNGEN_CACHE"])


def score(cli: Cli, *arguments: object) -> float:
    outcome = cli("eval", *arguments, "--json")
    assert outcome.code == 0, outcome.err
    return float(json.loads(outcome.out)["nats"])


def test_a_project_that_is_moved_just_works(
    project: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = score(cli)
    monkeypatch.chdir(tmp_path)
    project.rename("elsewhere")
    monkeypatch.chdir(tmp_path / "elsewhere")
    forget_the_cache()
    assert score(cli) == before
    forget_the_cache()
    assert cli("train", "--resume", "checkpoints/run", "--steps", "2").code == 0
    monkeypatch.chdir(tmp_path)  # from anywhere
    forget_the_cache()
    assert score(cli, "elsewhere/checkpoints/run") >= 0


def test_a_text_of_the_same_name_in_the_current_folder_is_found(project: Path, cli: Cli) -> None:
    before = score(cli)
    Path("other").mkdir()
    shutil.move("text.txt", "other/text.txt")
    shutil.move("checkpoints/run", "other/run")
    os.chdir("other")
    forget_the_cache()
    assert score(cli, "run") == before


def test_a_text_at_a_new_place_is_taken_where_the_user_gives_it(project: Path, cli: Cli) -> None:
    before = score(cli)
    shutil.move("text.txt", "moved.txt")
    forget_the_cache()
    outcome = cli("eval", "checkpoints/run")
    assert outcome.code == 1
    assert "Give a text to read: rnngen eval checkpoints/run TEXT" in outcome.err
    assert score(cli, "checkpoints/run", "moved.txt") == before  # its test part, not what was learned from
    said = cli("eval", "checkpoints/run", "moved.txt")
    assert "only its test part is read; --part all is the whole of it" in said.err
    whole = cli("eval", "checkpoints/run", "moved.txt", "--part", "all", "--json")
    assert json.loads(whole.out)["characters"] == 6_000
    forget_the_cache()
    outcome = cli("train", "--resume", "checkpoints/run", "--steps", "2")
    assert outcome.code == 1
    assert "rnngen train --resume checkpoints/run TEXT" in outcome.err
    assert cli("train", "--resume", "checkpoints/run", "moved.txt", "--steps", "2").code == 0


def test_another_text_is_not_taken_for_it(project: Path, cli: Cli) -> None:
    Path("other.txt").write_text(make_text(500, seed=3), encoding="utf-8")
    assert json.loads(cli("eval", "checkpoints/run", "other.txt", "--json").out)["characters"] == 500
    outcome = cli("train", "--resume", "checkpoints/run", "other.txt")
    assert outcome.code == 1
    assert "other.txt: this is not the text that the run was trained on" in outcome.err
    assert cli("train", "--resume", "checkpoints/run", "other.txt", "--allow-changed-corpus").code == 0


def test_a_text_that_is_gone_is_read_from_the_cache(project: Path, cli: Cli) -> None:
    before = score(cli)
    Path("text.txt").unlink()
    outcome = cli("eval")
    assert outcome.code == 0
    assert "text.txt no longer exists: its copy in the cache is read" in outcome.err
    assert score(cli) == before
    assert cli("train", "--resume", "checkpoints/run", "--steps", "2").code == 0


def test_a_text_that_has_changed_is_scored_as_it_was_but_not_trained_on(project: Path, cli: Cli) -> None:
    before = score(cli)
    Path("text.txt").write_text(make_text(6_000, seed=5), encoding="utf-8")
    assert score(cli) == before
    assert "has changed since the run was trained on it: its copy in the cache is read" in cli("eval").err
    outcome = cli("train", "--resume", "checkpoints/run", "--steps", "2")
    assert outcome.code == 1
    assert "rnngen train --resume checkpoints/run --steps 2 --allow-changed-corpus" in outcome.err
    shutil.rmtree(os.environ["RNNGEN_CACHE"])
    assert cli("eval").code == 1


def test_texts_of_their_own_for_validation_and_test_move_too(
    tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    for number, name in enumerate(("text", "valid", "test")):
        Path(f"{name}.txt").write_text(make_text(4_000, seed=number), encoding="utf-8")
    cli("train", "text.txt", "--valid", "valid.txt", "--test", "test.txt", *OPTIONS, "--out", "run")
    before = score(cli, "run")
    monkeypatch.chdir(tmp_path)
    Path("a").rename("b")
    for given in ([], ["b/text.txt"]):
        forget_the_cache()
        assert score(cli, "b/run", *given) == before
    forget_the_cache()
    assert cli("train", "--resume", "b/run", "b/text.txt", "--steps", "2").code == 0


def test_a_run_trained_on_standard_input_is_scored_and_trained_further(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def piped(text: str) -> None:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(text.encode()), closed=False, isatty=bool))

    text = make_text(6_000)
    piped(text)
    assert cli("train", "-", *OPTIONS, "--out", "run").code == 0
    before = score(cli, "run")
    piped("")
    assert cli("train", "--resume", "run", "--steps", "2").code == 0  # from the cache
    Path("text.txt").write_text(text, encoding="utf-8")
    forget_the_cache()
    assert score(cli, "run", "text.txt") >= 0
    forget_the_cache()
    piped(text)
    assert cli("train", "--resume", "run", "--steps", "2").code == 0  # piped in again
    assert before > 0


def test_a_text_whose_name_is_not_utf_8_is_found_again(tmp_path: Path, cli: Cli) -> None:
    name = os.fsdecode(b"caf\xe9.txt")
    try:
        Path(name).write_text(make_text(6_000), encoding="utf-8")
    except OSError:
        pytest.skip("this file system has no such names")
    assert cli("train", name, *OPTIONS, "--out", "run").code == 0
    before = score(cli, "run")
    forget_the_cache()
    assert score(cli, "run") == before
    assert cli("train", "--resume", "run", "--steps", "2").code == 0


def test_a_text_that_was_learned_from_is_scored_with_a_note_however_it_comes(
    project: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = Path("text.txt").read_text(encoding="utf-8")
    Path("other.txt").write_text(make_text(2_000, seed=9), encoding="utf-8")
    Path("piece.txt").write_text(text[1_000:3_000], encoding="utf-8")
    whole = ["piece.txt", "--part", "all"], ["other.txt", "piece.txt", "--part", "all"]
    for arguments in (["piece.txt"], ["other.txt", "piece.txt"], ["-"], *whole):
        piped = SimpleNamespace(buffer=io.BytesIO(text.encode()), closed=False, isatty=lambda: False)
        monkeypatch.setattr(sys, "stdin", piped)
        assert "the run was trained on this text, or on parts of it" in cli("eval", "checkpoints/run", *arguments).err
    assert "only its test part is read" in cli("eval", "checkpoints/run", "text.txt", "other.txt").err
    for arguments in (["other.txt"], ["other.txt", "--part", "all"]):
        assert "trained on this text" not in cli("eval", "checkpoints/run", *arguments).err
    Path("tail.txt").write_text(text[-290:], encoding="utf-8")  # nothing was learned from
    assert "trained on this text" not in cli("eval", "checkpoints/run", "tail.txt").err


def test_a_text_given_with_held_out_files_that_have_moved_is_trained_on(
    tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    for number, name in enumerate(("text", "valid")):
        Path(f"{name}.txt").write_text(make_text(4_000, seed=number), encoding="utf-8")
    cli("train", "text.txt", "--valid", "valid.txt", *OPTIONS, "--out", "run")
    monkeypatch.chdir(tmp_path)
    Path("a").rename("b")
    Path("b/text.txt").write_text(make_text(4_000, seed=8), encoding="utf-8")
    forget_the_cache()
    outcome = cli("train", "--resume", "b/run", "b/text.txt", "--allow-changed-corpus", "--steps", "2")
    assert outcome.code == 0, outcome.err


def test_places_are_paths_from_the_run(tmp_path: Path) -> None:
    data = DataConfig(corpus=(str(tmp_path / "texts" / "a.txt"), "-"), valid=(str(tmp_path / "v.txt"),))
    places = relative_sources(tmp_path / "runs" / "one", data)
    assert places == {"corpus": ["../../texts/a.txt", "-"], "valid": ["../../v.txt"], "test": []}


@pytest.mark.parametrize("places", ["x", {"corpus": 3}, {"corpus": ["a"], "valid": []}, {"corpus": [1]}, None])
def test_damaged_places_are_passed_over(project: Path, cli: Cli, places: object) -> None:
    from rnngen.corpus.recorded import _candidates

    data = DataConfig(corpus=("/gone/text.txt",))
    found = list(_candidates(data, {"places": places}, Path("checkpoints/run")))
    assert [each.corpus for each in found] == [("text.txt",)]
