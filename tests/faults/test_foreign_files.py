"""What somebody put among the saved states of a run is neither removed nor opened, and stops nothing."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from rnngen.errors import CheckpointError
from rnngen.runs.finding import run_folder, runs_in
from rnngen.runs.layout import REPLACED, RESUME, saved_steps
from rnngen.training.checkpoint import load_state
from rnngen.training.verification import verify
from tests.conftest import Outcome
from tests.runs.saving import Killed, fault_at, full, state, states_found, steps_of, writing

pytestmark = pytest.mark.fault(1, 25)

Cli = Callable[..., Outcome]


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"of {path.parent.name}")
    return path


def steps(run: Path) -> list[int]:
    return [int(folder.name) for folder in saved_steps(run)]


def test_a_file_in_a_saved_state_stays_when_training_removes_the_state(trained: Path, cli: Cli) -> None:
    others = [put(trained / RESUME / name / "mine.txt") for name in ("000000040", "000000060", "000000040/notes")]
    (trained / RESUME / "000000040/empty").mkdir()
    outcome = cli("train", "--resume", trained, "--steps", 40, "--quiet")
    assert (outcome.code, outcome.err) == (0, "")
    assert steps(trained) == [100, 80]
    assert [path.read_text() for path in others] == ["of 000000040", "of 000000060", "of notes"]
    assert (trained / RESUME / "000000040/empty").is_dir()
    assert cli("train", "--resume", trained, "--steps", 5, "--quiet").code == 0


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_what_is_not_of_a_state_is_not_looked_at(trained: Path, cli: Cli) -> None:
    newest = trained / RESUME / "000000060"
    os.mkfifo(newest / "pipe")
    (newest / "link").symlink_to("/dev/zero")
    assert cli("train", "--resume", trained, "--steps", 1, "--quiet").code == 0
    assert verify(trained).is_sound


def test_verify_lists_what_is_not_of_the_run_and_what_is_left_over(trained: Path) -> None:
    resume = trained / RESUME
    others = [put(resume / name / "mine") for name in (".000000077", "000000060", "000000099", f".000000088{REPLACED}")]
    (resume / ".000000012").mkdir()
    put(resume / ".000000013" / "state.json")
    verification = verify(trained)
    said = {file.name: file.status for file in verification.files if file.status in ("left over", "not of this run")}
    assert said == {
        **dict.fromkeys((other.relative_to(trained).as_posix() for other in others), "not of this run"),
        **dict.fromkeys((f"{RESUME}/.000000012", f"{RESUME}/.000000013"), "left over"),
    }
    assert verification.is_sound
    assert [report.step for report in verification.states] == [60, 40]


@pytest.fixture
def deep(trained: Path) -> Iterator[Path]:
    """A run with more folders in each other than Python calls functions in each other."""
    depth = sys.getrecursionlimit() + 500
    top = trained / RESUME / ".000000077"
    top.mkdir()
    here = Path.cwd()
    os.chdir(top)
    for _ in range(depth):
        Path("d").mkdir()
        os.chdir("d")
    os.chdir(here)
    yield trained
    os.chdir(top)
    for _ in range(depth):
        os.chdir("d")
    for _ in range(depth):
        os.chdir("..")
        Path("d").rmdir()
    os.chdir(here)


@pytest.mark.skipif(sys.platform == "win32", reason="no such long paths")
def test_folders_in_folders_are_not_gone_into(deep: Path, cli: Cli) -> None:
    assert cli("train", "--resume", deep, "--steps", 1, "--quiet").code == 0
    assert verify(deep).is_sound
    outcome = cli("rm", deep, "--yes")
    assert outcome.code == 0
    assert f"it holds {RESUME}/.000000077/d, which is not of the run" in outcome.err


# in the way of a save


def crowded(run: Path) -> None:
    """A run with somebody's files under every name that the next save of step 3, and removing step 1, would use."""
    with writing(run) as writer:
        writer.save_state(1, *state(1))
        writer.save_state(3, *state(3))
    for step in ("000000001", "000000003"):
        for name in (step, f".{step}", f".{step}{REPLACED}"):
            put(run / RESUME / name / "mine")


def saved_again(run: Path) -> None:
    """Step 3 is replaced, since something that was due has been done, and step 1 is removed."""
    tensors, values = state(3)
    with writing(run) as writer:
        writer.save_state(3, tensors, {**values, "due": []})
        writer.save_state(4, *state(4))


def somebodys(run: Path) -> list[str]:
    return sorted(path.read_text() for path in run.rglob("mine"))


def test_somebodys_files_in_the_way_of_a_save_are_kept_and_do_not_stop_it(tmp_path: Path) -> None:
    crowded(tmp_path / "run")
    before = somebodys(tmp_path / "run")
    assert len(before) == 6
    saved_again(tmp_path / "run")
    assert steps(tmp_path / "run") == [4, 3]
    assert load_state(tmp_path / "run").warnings == ()
    assert somebodys(tmp_path / "run") == before
    assert (tmp_path / "run" / RESUME / "000000001" / "mine").read_text() == "of 000000001"
    with writing(tmp_path / "run") as writer:  # where a folder without a state is in the way
        writer.save_state(1, *state(1))
    assert steps(tmp_path / "run") == [1]
    assert somebodys(tmp_path / "run") == before


@pytest.mark.parametrize("fault", [Killed, full])
def test_whenever_such_a_save_is_cut_short_nothing_of_anybody_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Callable[[], BaseException]
) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    crowded(tmp_path / "whole")
    before = somebodys(tmp_path / "whole")
    moments = steps_of(lambda: saved_again(tmp_path / "whole"), "before")
    assert len(moments) >= 40
    for k in moments:
        run = tmp_path / str(k)
        crowded(run)
        with fault_at(k, "before", fault), suppress(Killed, CheckpointError):
            saved_again(run)
        assert somebodys(run) == before
        with writing(run) as writer:
            assert load_state(run).warnings == ()
            assert load_state(run).values["step"] in (3, 4)
            writer.save_state(5, *state(5))
        assert states_found(run) == 5
        assert len(steps(run)) == 2
        assert somebodys(run) == before


# states are no runs


def test_a_saved_state_is_not_a_run_but_says_whose_it_is(trained: Path) -> None:
    assert runs_in(trained / RESUME) == []
    for name in (RESUME, f"{RESUME}/000000060", f"{RESUME}/"):
        with pytest.raises(
            CheckpointError, match=rf"(holds the saved states|is a saved state) of {re.escape(str(trained))}"
        ):
            run_folder(trained / name)
    os.chdir(trained / RESUME)
    with pytest.raises(CheckpointError, match=r"is a saved state of \.\."):
        run_folder("000000060")
    os.chdir("000000060")
    with pytest.raises(CheckpointError, match=r"is a saved state of \.\.[/\\]\.\."):
        run_folder(".")


@pytest.mark.parametrize("command", [("verify",), ("sample",), ("train", "--resume"), ("prune", "--yes")], ids=" ".join)
def test_every_command_names_the_run_of_a_saved_state(trained: Path, cli: Cli, command: tuple[str, ...]) -> None:
    outcome = cli(*command, "checkpoints/tiny/resume/000000060")
    assert outcome.code == 1
    assert "it is a saved state of checkpoints/tiny" in outcome.err
    assert "Name the run: checkpoints/tiny." in outcome.err
