"""Saving weights: killed or refused at any moment, the old or the new ones are there, whole."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from rnngen.corpus.tokenizer import train_tokenizer
from rnngen.errors import CheckpointError
from rnngen.runs.finding import never_saved, open_run
from rnngen.runs.folder import Folder
from rnngen.runs.layout import LOGS, NGRAM, UNSAVED
from rnngen.runs.plan_record import Stretch
from rnngen.runs.writer import RunWriter
from rnngen.training.checkpoint import format_weights
from tests.runs.saving import Killed, fault_at, full, leftovers, read_only, same, state, steps_of, weights_of, writing


def save_model_at_every_step(trained: Path, when: str, fault: Callable[[], BaseException]) -> None:
    with writing(trained) as writer:
        old = weights_of(trained)
        steps = steps_of(lambda: writer.save_model(format_weights(old)), when)
    assert len(steps) >= 2
    for k in steps:
        new = {name: w + k + 1 for name, w in old.items()}
        with writing(trained) as writer, fault_at(k, when, fault), pytest.raises((Killed, CheckpointError)):
            writer.save_model(format_weights(new))
        found = weights_of(trained)
        assert same(found, old) or same(found, new), f"step {k}"
        writer = RunWriter(trained)
        assert leftovers(trained) == []
        assert same(weights_of(trained), found)  # cleaning changes nothing
        writer.save_model(format_weights(old))  # and the next save works
        writer.close()
        assert same(weights_of(trained), old)


@pytest.mark.parametrize("when", ["before", "half", "after"])
def test_killed_at_any_step_of_saving_weights_leaves_the_old_or_the_new(trained: Path, when: str) -> None:
    save_model_at_every_step(trained, when, Killed)


@pytest.mark.parametrize("when", ["before", "half", "after"])
def test_refused_at_any_step_of_saving_weights_leaves_the_old_or_the_new(trained: Path, when: str) -> None:
    save_model_at_every_step(trained, when, full)


@pytest.mark.parametrize("fault", [Killed, full])
@pytest.mark.parametrize("when", ["before", "half", "after"])
def test_a_fault_at_any_step_of_saving_an_ngram_model_leaves_the_old_or_the_new_and_the_weights(
    trained: Path, when: str, fault: Callable[[], BaseException]
) -> None:
    weights = weights_of(trained)
    with writing(trained) as writer:
        writer.save_ngram(b"old")
        steps = steps_of(lambda: writer.save_ngram(b"old"), when)
    assert len(steps) >= 2
    for k in steps:
        with writing(trained) as writer, fault_at(k, when, fault), pytest.raises((Killed, CheckpointError)):
            writer.save_ngram(b"new %d" % k)
        found = open_run(trained).read(NGRAM)
        assert found in (b"old", b"new %d" % k), f"step {k}"
        with writing(trained) as writer:
            assert leftovers(trained) == []
            assert open_run(trained).read(NGRAM) == found
            assert same(weights_of(trained), weights)
            writer.save_ngram(b"old")


def test_new_weights_drop_the_ngram_model_that_was_fitted_to_the_old(trained: Path) -> None:
    with writing(trained) as writer:
        writer.save_ngram(b"fitted to the old")
        writer.save_model(format_weights(weights_of(trained)))
    assert NGRAM not in open_run(trained).manifest
    assert not (trained / NGRAM).exists()


def test_weights_that_were_saved_are_read_back(trained: Path) -> None:
    new = {name: w * 2 for name, w in weights_of(trained).items()}
    with writing(trained) as writer:
        assert writer.has_model
        writer.save_model(format_weights(new))
    assert same(weights_of(trained), new)
    assert leftovers(trained) == []


# a run that never saved


def begun(run: Path) -> None:
    """A run that was begun and planned again, and never saved."""
    with writing(run) as writer:
        writer.begin({"rnngen": "1", "model": {}, "train": {}}, train_tokenizer("char", ["abc"]))
        writer.record_plan([Stretch(0, 9, 1, "float32")])


@pytest.mark.parametrize("fault", [Killed, full])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_folder_that_was_being_cleared_can_be_begun_again(
    tmp_path: Path, when: str, fault: Callable[[], BaseException]
) -> None:
    run = tmp_path / "run"
    begun(run)
    with writing(run) as writer:
        steps = steps_of(writer.clear, when)
    assert [path.name for path in run.iterdir() if path.name in UNSAVED] == []
    assert len(steps) >= 6
    for k in steps:
        begun(run)
        with writing(run) as writer, fault_at(k, when, fault), suppress(Killed, CheckpointError):
            writer.clear()
        left = {path.name for path in run.iterdir()} & set(UNSAVED)
        assert never_saved(run) or not left, f"step {k}"
        with writing(run) as writer:
            writer.clear()
        assert {path.name for path in run.iterdir()} & set(UNSAVED) == set()


def test_clearing_leaves_what_no_run_wrote(tmp_path: Path) -> None:
    run = tmp_path / "run"
    begun(run)
    (run / "resume" / "notes").mkdir()
    (run / "resume" / "notes" / "file").write_text("somebody's")
    with writing(run) as writer:
        writer.clear()
    assert (run / "resume" / "notes" / "file").read_text() == "somebody's"
    assert sorted(path.name for path in run.rglob("*") if not path.name.startswith(".")) == ["file", "notes", "resume"]


# one writer at a time


def test_a_second_writer_of_the_same_folder_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    with writing(tmp_path / "run"):
        for _ in range(2):  # being refused must not take anything from the holder
            with pytest.raises(
                CheckpointError, match=f"another process is writing this run; found process {os.getpid()} on"
            ):
                RunWriter(tmp_path / "run")
    with writing(tmp_path / "run") as writer:  # closed: free again
        writer.save_state(1, *state(1))


HOLD = """
import sys
from pathlib import Path
from rnngen.runs.writer import RunWriter
writer = RunWriter(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_writer_in_another_process_holds_the_folder_until_it_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path / "run")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(CheckpointError, match=f"found process {other.pid} on"):
            RunWriter(tmp_path / "run")
        other.kill()
        other.wait()
        with writing(tmp_path / "run") as writer:
            writer.save_state(1, *state(1))


@pytest.mark.parametrize("path", ["file", "file/run"])
def test_a_folder_that_cannot_be_is_a_clear_error(path: str) -> None:
    Path("file").write_text("in the way")
    with pytest.raises(CheckpointError, match=f"{path}: cannot be written"):
        RunWriter(Path(path))


def test_a_refused_start_lets_others_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise read_only()

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", refuse)
        with pytest.raises(CheckpointError, match="Read-only file system"):
            RunWriter(tmp_path / "run")
    RunWriter(tmp_path / "run").close()


# logs


def test_logs_are_cut_to_what_they_held_when_the_state_was_saved(trained: Path) -> None:
    with writing(trained) as writer:
        before = {name: (trained / name).read_bytes() for name in LOGS}
        lengths = writer.log_lengths()
        assert lengths == {name: len(content) for name, content in before.items()}
        writer.log_metrics(step=1, loss=2.5)
        writer.append("samples.txt", "é\n")
        assert (trained / "samples.txt").read_bytes() == before["samples.txt"] + "é\n".encode()
        last = (trained / "metrics.jsonl").read_text().splitlines()[-1]
        assert json.loads(last) == {"step": 1, "loss": 2.5}
        writer.cut_logs(lengths)
    assert {name: (trained / name).read_bytes() for name in LOGS} == before


@pytest.mark.parametrize("lengths", [{"metrics.jsonl": 10**9}, {"config.json": 0}, {"../outside": 0}], ids=str)
def test_cutting_never_grows_a_log_nor_touches_another_file(trained: Path, lengths: dict[str, int]) -> None:
    (trained.parent / "outside").write_text("stays")
    before = {p: p.read_bytes() for p in trained.parent.rglob("*") if p.is_file()}
    with writing(trained) as writer:
        writer.cut_logs(lengths)
    assert {p: p.read_bytes() for p in before} == before


def test_a_log_line_on_a_full_disk_is_a_clear_error(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(*arguments: object, **options: object) -> None:
        raise full()

    with writing(trained) as writer, monkeypatch.context() as patch:
        patch.setattr(os, "write", no_space)
        with pytest.raises(CheckpointError, match=r"metrics\.jsonl: cannot be written \(No space left on device\)"):
            writer.append("metrics.jsonl", "{}\n")


def test_two_threads_may_make_the_same_folder_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that trains records a plan there, the one that saves puts a state there."""
    make = os.mkdir

    def made_meanwhile(path: Path, *arguments: int, **options: int) -> None:
        make(path, *arguments, **options)
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))

    monkeypatch.setattr(os, "mkdir", made_meanwhile)
    with Folder.open(tmp_path) as folder, folder.folder_or_new("resume") as resume:
        resume.create("plan.jsonl", b"{}")
    assert (tmp_path / "resume" / "plan.jsonl").read_bytes() == b"{}"
