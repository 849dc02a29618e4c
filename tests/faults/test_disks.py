"""Disks that are full, read-only or damaged, and folders that cannot be."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rnngen.errors import CheckpointError
from rnngen.runs.finding import open_run
from rnngen.runs.layout import MODEL, saved_steps
from rnngen.training.checkpoint import load_state
from tests.conftest import FAST, Outcome
from tests.runs.saving import leftovers

Cli = Callable[..., Outcome]

OPTIONS = [part for name, value in FAST.items() for part in (f"--{name.replace('_', '-')}", str(value))]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1000k", "tmpfs", str(place)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a file system")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def failed(outcome: Outcome, why: str) -> None:
    assert outcome.code == 1, outcome
    assert f"cannot be written ({why})" in outcome.err.splitlines()[-1]
    assert "Traceback" not in outcome.err


@pytest.mark.fault(9)
@pytest.mark.parametrize("free", [4_000, 30_000, 60_000])
def test_a_disk_that_fills_while_a_run_is_trained_loses_nothing_and_the_run_is_resumed_when_there_is_space(
    small_disk: Path, corpus: Path, cli: Cli, free: int
) -> None:
    run = small_disk / "run"
    common = [*OPTIONS, "--valid-every", 5, "--save-every", 5, "--quiet"]
    assert cli("train", corpus, "--out", run, "--steps", 10, *common).code == 0
    weights = open_run(run).weights()
    room = shutil.disk_usage(small_disk).free
    (small_disk / "filling").write_bytes(bytes(max(0, room - free)))
    outcome = cli("train", "--resume", run, "--steps", 500, "--quiet")
    failed(outcome, "No space left on device")
    assert open_run(run).weights().keys() == weights.keys()
    assert load_state(run).warnings == ()
    assert leftovers(run) == []
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    assert cli("train", "--resume", run, "--steps", 5, "--quiet").code == 0


@pytest.mark.fault(10)
def test_a_read_only_disk_is_told_before_the_text_is_read(
    small_disk: Path, corpus: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prepare(*arguments: Any, **options: Any) -> None:
        raise AssertionError("the text was read")

    (small_disk / "run").mkdir()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    monkeypatch.setattr("rnngen.training.launch.prepare", prepare)
    for place in (small_disk / "run", small_disk / "another"):
        failed(cli("train", corpus, "--out", place), "Read-only file system")


@pytest.mark.fault(10)
@pytest.mark.parametrize(
    ("place", "code", "why"),
    [
        ("file/run", 1, "cannot be written (Not a directory)"),
        ("x" * 300, 2, "a name that is too long"),
        ("file", 2, "is not a folder"),
    ],
)
def test_a_folder_that_cannot_be_is_told_before_the_text_is_read(
    corpus: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch, place: str, code: int, why: str
) -> None:
    def prepare(*arguments: Any, **options: Any) -> None:
        raise AssertionError("the text was read")

    Path("file").write_text("in the way")
    monkeypatch.setattr("rnngen.training.launch.prepare", prepare)
    outcome = cli("train", corpus, "--out", place)
    assert (outcome.code, why in outcome.err) == (code, True), outcome
    assert Path("file").read_text() == "in the way"


@pytest.mark.parametrize("name", ["manifest.json", "config.json", "tokenizer.json", MODEL])
def test_a_disk_that_cannot_be_read_is_a_clear_error(trained: Path, cli: Cli, name: str) -> None:
    real = os.open

    def refuse(path: Any, *arguments: Any, **options: Any) -> int:
        if Path(path).name == name:
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        return real(path, *arguments, **options)

    for command in (("sample", trained), ("eval", trained)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "open", refuse)
            outcome = cli(*command)
        assert outcome.code == 1
        assert f"{name}: cannot be read (Input/output error)" in outcome.err


def damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    path.write_bytes(content[:middle] if how == "cut" else flipped)


@pytest.mark.fault(3)
@pytest.mark.parametrize("how", ["cut", "flipped"])
@pytest.mark.parametrize("name", ["state.safetensors", "state.json", "manifest.json"])
def test_the_newest_state_being_damaged_training_warns_and_continues_from_the_one_before(
    trained: Path, cli: Cli, name: str, how: str
) -> None:
    newest, before = saved_steps(trained)
    damage(newest / name, how)
    outcome = cli("train", "--resume", trained)
    said = " ".join(outcome.err.split())
    assert outcome.code == 0
    assert f"{newest.name}/" in said
    assert f"Continuing from {before.name} instead" in said
    assert load_state(trained).warnings == ()


@pytest.mark.fault(4)
def test_every_state_being_damaged_nothing_is_begun_anew(trained: Path, corpus: Path, cli: Cli) -> None:
    for state in saved_steps(trained):
        damage(state / "state.safetensors", "flipped")
    before = {path: path.read_bytes() for path in trained.rglob("*") if path.is_file() and path.name[0] != "."}
    outcome = cli("train", "--resume", trained, "--steps", 5)
    assert outcome.code == 1
    assert "every saved state is damaged" in outcome.err
    assert cli("train", corpus, "--out", trained).code == 2
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("mask", [0o027, 0o077])
def test_everything_that_training_makes_has_the_mode_that_the_user_set(corpus: Path, cli: Cli, mask: int) -> None:
    before = os.umask(mask)
    try:
        assert cli("train", corpus, "--out", "new/run", "--steps", 4, "--ngram", 2, *OPTIONS, "--quiet").code == 0
        assert cli("train", "--resume", "new/run", "--steps", 2, "--quiet").code == 0
    finally:
        os.umask(before)
    made = [Path("new"), *Path("new").rglob("*")]
    wrong = {
        str(path): oct(mode)
        for path in made
        if (mode := stat.S_IMODE(path.stat().st_mode)) != (0o777 if path.is_dir() else 0o666) & ~mask
    }
    assert wrong == {}


def test_a_run_whose_manifest_names_no_weights_does_not_keep_others_from_being_listed(trained: Path, cli: Cli) -> None:
    import json

    shutil.copytree(trained, trained.parent / "odd")
    manifest = json.loads((trained.parent / "odd/manifest.json").read_text())
    del manifest["files"][MODEL]
    (trained.parent / "odd/manifest.json").write_text(json.dumps(manifest))
    outcome = cli("runs")
    assert outcome.code == 0
    assert "tiny" in outcome.out
    assert "is not in the run's manifest" in outcome.out


def test_a_run_that_was_killed_before_its_first_save_is_begun_again_in_its_folder(corpus: Path, cli: Cli) -> None:
    assert cli("train", corpus, "--out", "run", "--steps", 2, *OPTIONS, "--quiet").code == 0
    (Path("run") / "manifest.json").unlink()
    (Path("run") / MODEL).rename(Path("run") / f"{MODEL}.new")  # killed while it saved weights for the first time
    shutil.rmtree("run/resume")
    (Path("run") / ".config.json.tmp").write_text("half")
    outcome = cli("train", "--resume", "run")
    assert outcome.code == 1
    (Path("run") / f"{MODEL}.new").write_bytes(b"half")
    assert "--out run" in outcome.err
    assert cli("train", corpus, "--out", "run", "--steps", 2, *OPTIONS, "--quiet").code == 0
    assert open_run("run").weights()


def test_a_folder_that_holds_only_what_a_killed_start_left_is_empty(corpus: Path, cli: Cli) -> None:
    Path("run").mkdir()
    for name in (".config.json.tmp", ".lock", ".lock-holder", ".manifest.json.tmp"):
        (Path("run") / name).write_text("")
    assert cli("train", corpus, "--out", "run", "--steps", 2, *OPTIONS, "--quiet").code == 0


def test_states_are_not_read_from_a_folder_that_the_system_refuses(trained: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:

        def iterdir(path: Path) -> Any:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        patch.setattr(Path, "iterdir", iterdir)
        with pytest.raises(CheckpointError, match=r"resume: cannot be read \(Input/output error\)"):
            load_state(trained)
