"""``rnngen rm``: whole runs, after asking, and nothing that is not of a run."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rnngen.runs.folder import Folder
from tests.conftest import Outcome
from tests.runs.saving import writing

Cli = Callable[..., Outcome]


class Typed(io.StringIO):
    """A terminal on which somebody types."""

    def isatty(self) -> bool:
        return True


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_run_is_removed_with_its_folder(trained: Path, cli: Cli) -> None:
    size = sum(map(len, files(trained).values()))
    outcome = cli("rm", "checkpoints/tiny", "--yes", "--json")
    assert (outcome.code, outcome.err) == (0, "")
    assert json.loads(outcome.out) == {"path": "checkpoints/tiny", "freed_bytes": size, "left": []}
    assert not trained.exists()
    assert trained.parent.is_dir()


@pytest.mark.parametrize(
    ("answer", "removed"), [("y\n", True), ("YES\n", True), ("n\n", False), ("\n", False), ("", False)]
)
def test_nothing_is_removed_unless_the_user_agrees(
    trained: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch, answer: str, removed: bool
) -> None:
    monkeypatch.setattr("sys.stdin", Typed(answer))
    outcome = cli("rm", "checkpoints/tiny")
    assert outcome.code == 0
    assert "60 of 60" in outcome.out
    assert outcome.err.startswith("Remove checkpoints/tiny (")
    assert trained.exists() != removed
    assert ("Nothing was removed." in outcome.err) != removed


def test_without_a_terminal_yes_is_required(trained: Path, cli: Cli) -> None:
    before = files(trained)
    outcome = cli("rm", trained)
    assert outcome.code == 2
    assert "Add --yes" in outcome.err
    assert files(trained) == before


def test_several_runs_are_removed_each_once(trained: Path, cli: Cli) -> None:
    shutil.copytree(trained, "other")
    outcome = cli("rm", trained, "other", "checkpoints/../other", "--yes")
    assert outcome.code == 0
    assert outcome.out.count(": removed, ") == 2
    assert not Path("other").exists()


def test_one_folder_that_is_no_run_keeps_all_others(trained: Path, cli: Cli) -> None:
    Path("notes").mkdir()
    outcome = cli("rm", trained, "notes", "--yes")
    assert outcome.code == 1
    assert "notes: is not a run" in outcome.err
    assert trained.exists()


def test_the_model_of_another_program_is_no_run(trained: Path, cli: Cli) -> None:
    other = Path("other-model")
    other.mkdir()
    (other / "config.json").write_text('{"model_type": "bert"}')
    for name in ("tokenizer.json", "model.safetensors"):
        shutil.copy(trained / name, other / name)
    before = files(other)
    outcome = cli("rm", other, "--yes")
    assert outcome.code == 1
    assert "other-model: is not a run" in outcome.err
    assert files(other) == before


@pytest.mark.parametrize("lost", [["manifest.json"], ["config.json"], ["manifest.json", "config.json"]], ids=" ".join)
def test_a_damaged_run_is_removed(trained: Path, cli: Cli, lost: list[str]) -> None:
    for name in lost:
        (trained / name).unlink()
    assert cli("rm", trained, "--yes").code == 0
    assert not trained.exists()


def test_what_a_killed_save_left_is_removed(trained: Path, cli: Cli) -> None:
    (trained / "resume/.000000080").mkdir()
    (trained / "resume/.000000080/state.json").write_text("{}")
    (trained / "model.safetensors.new").write_text("half")
    (trained / ".manifest.json.tmp").write_text("half")
    (trained / ".lock-holder").write_text("process 1 on elsewhere")
    assert cli("rm", trained, "--yes").code == 0
    assert not trained.exists()


def test_files_of_others_stay_and_are_named(trained: Path, cli: Cli) -> None:
    others = [
        "more/notes.txt",
        "notes.txt",
        "resume/.000000077/deep/notes.txt",
        "resume/.000000088.replaced/notes.txt",
        "resume/000000060/notes.txt",
        "resume/000000099/notes.txt",
        "resume/notes.txt",
    ]
    for name in others:
        (trained / name).parent.mkdir(parents=True, exist_ok=True)
        (trained / name).write_text("somebody's")
    outcome = cli("rm", trained, "--yes")
    assert outcome.code == 0
    assert "checkpoints/tiny stays: it holds more, notes.txt, resume/.000000077/deep, " in outcome.err
    assert files(trained) == dict.fromkeys(others, b"somebody's")


def test_all_that_stays_is_named(trained: Path, cli: Cli) -> None:
    (trained / "resume/000000060/notes").mkdir()
    (trained / "resume/.000000077").mkdir()
    (trained / "resume/.000000077/notes.txt").write_text("somebody's")
    outcome = cli("rm", trained, "--yes", "--json")
    assert json.loads(outcome.out)["left"] == ["resume/.000000077/notes.txt", "resume/000000060/notes"]
    assert outcome.err.endswith(
        "it holds resume/.000000077/notes.txt, resume/000000060/notes, which is not of the run\n"
    )
    assert (trained / "resume/000000060/notes").is_dir()


@pytest.mark.parametrize("place", ["resume", "resume/000000060", "resume/.000000077"])
def test_the_saved_states_of_a_run_are_no_run(trained: Path, cli: Cli, place: str) -> None:
    (trained / "resume/.000000077").mkdir()
    before = files(trained)
    outcome = cli("rm", trained / place, "--yes")
    assert outcome.code == 1
    holds = "holds the saved states" if place == "resume" else "is a saved state"
    message = f"{place}: is not a run; it {holds} of {trained}; expected a folder made by rnngen train. Name the run: "
    assert message in " ".join(outcome.err.split())
    assert "It holds runs" not in outcome.err
    assert files(trained) == before


def test_a_run_that_is_being_written_stays(trained: Path, cli: Cli) -> None:
    with writing(trained):
        before = files(trained)
        outcome = cli("rm", trained, "--yes")
        assert outcome.code == 1
        assert f"another process is writing this run; found process {os.getpid()}" in outcome.err
        assert files(trained) == before


def test_a_run_behind_a_link_is_removed_with_the_link(trained: Path, cli: Cli) -> None:
    trained.rename("disk")
    trained.symlink_to(Path("disk").absolute())
    assert cli("rm", trained, "--yes").code == 0
    assert not Path("disk").exists()
    assert not trained.is_symlink()


def test_a_removal_that_was_interrupted_is_completed_by_the_next(
    trained: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = 0

    unlink = os.unlink

    def unlink_or_be_killed(path: Any, **options: Any) -> None:
        nonlocal left
        left -= Path(path).name in removed
        if left < 0:
            raise KeyboardInterrupt
        unlink(path, **options)

    removed = {name.rpartition("/")[2] for name in files(trained)}
    monkeypatch.setattr(os, "unlink", unlink_or_be_killed)
    for killed_at in range(len(files(trained)) - 1):
        run = Path(f"run-{killed_at}")
        shutil.copytree(trained, run)
        left = killed_at
        assert cli("rm", run, "--yes").code == 130
        assert (run / "config.json").exists()  # by which it is still known to be a run
        left = 1_000
        assert cli("rm", run, "--yes").code == 0, killed_at
        assert not run.exists()


def test_a_run_is_removed_where_the_disk_is_full(trained: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(folder: Folder, name: str, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Folder, "create", full)
    assert cli("rm", trained, "--yes").code == 0
    assert not trained.exists()
