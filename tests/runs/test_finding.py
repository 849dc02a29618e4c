"""The run that was meant is opened, or the error says what is there instead and what to do."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest

from rnngen.errors import CheckpointError
from rnngen.runs.finding import newest_run, open_run, order_of
from rnngen.runs.layout import MANIFEST, MODEL
from tests.runs.saving import writing


def test_the_newest_complete_run_is_the_default(trained: Path) -> None:
    shutil.copytree(trained, trained.parent / "newest")
    for name in ("newest", "tiny"):
        save_again(trained.parent / name)
    save_again(trained.parent / "newest")
    (trained.parent / "unfinished").mkdir()
    assert newest_run() == Path("checkpoints/newest")
    assert open_run().path == Path("checkpoints/newest")


def save_again(run: Path) -> None:
    with writing(run) as writer:
        writer.save_model((run / MODEL).read_bytes())


def test_a_clock_that_is_set_back_does_not_change_which_run_is_the_newest(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(trained, trained.parent / "later")
    save_again(trained)
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    save_again(trained.parent / "later")
    long_ago = (0, 0)
    os.utime(trained.parent / "later" / MANIFEST, long_ago)
    assert newest_run().name == "later"
    save_again(trained)
    assert newest_run().name == "tiny"


@pytest.mark.parametrize("order", [None, -1, 2**62, 2**64 - 1, 2**200, "1", 1.5])
def test_a_run_without_a_valid_order_counts_from_when_its_manifest_was_written(trained: Path, order: object) -> None:
    manifest = json.loads((trained / MANIFEST).read_text())
    (trained / MANIFEST).write_text(json.dumps({**manifest, "order": order}))
    os.utime(trained / MANIFEST, ns=(10**18, 10**18))
    assert order_of(trained) == 10**18


def claim(run: Path, order: int) -> None:
    manifest = json.loads((run / MANIFEST).read_text())
    (run / MANIFEST).write_text(json.dumps({**manifest, "order": order}))


SECOND, DAY = 10**9, 86_400 * 10**9


@pytest.mark.fault(13)
@pytest.mark.parametrize("order", [10 * SECOND, 30 * DAY, 365 * DAY, 367 * DAY, 2**60, 2**62, 2**63, 2**64 - 1])
@pytest.mark.parametrize("changed", [-DAY, 10 * SECOND, 5000 * DAY])
@pytest.mark.parametrize("clock", [0, -30 * DAY, -5000 * DAY, 5000 * DAY], ids=lambda n: f"clock{n // DAY:+}")
def test_a_run_is_the_newest_when_it_is_saved_whatever_another_claims(
    trained: Path, monkeypatch: pytest.MonkeyPatch, order: int, changed: int, clock: int
) -> None:
    """With a clock that is wrong since the other run came, and a time of change that an archive has kept."""
    other = trained.parent / "tiny-2"  # by name it would be the later one
    shutil.copytree(trained, other)
    now = time.time_ns()
    claim(other, order if order >= 2**60 else now + order)
    os.utime(other / MANIFEST, ns=(now + changed, now + changed))
    true_clock = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: true_clock() + clock)
    for run in (trained, other, trained):
        save_again(run)
        assert newest_run().name == run.name


@pytest.mark.fault(13)
def test_a_run_without_a_time_to_believe_is_older_than_all_others(trained: Path) -> None:
    other = trained.parent / "tiny-2"
    shutil.copytree(trained, other)
    claim(other, 2**62)
    os.utime(other / MANIFEST, ns=(2**62, 2**62))
    assert order_of(other) == 0
    assert newest_run().name == "tiny"


def test_a_copy_of_an_older_run_is_not_newer_than_what_was_saved_since(trained: Path) -> None:
    shutil.copytree(trained, trained.parent / "saved-since")
    save_again(trained.parent / "saved-since")
    shutil.copytree(trained, trained.parent / "copy", copy_function=shutil.copyfile)
    assert newest_run().name == "saved-since"


@pytest.mark.parametrize("make", [False, True])
def test_without_a_run_the_error_says_how_to_make_one(make: bool) -> None:
    if make:
        Path("checkpoints/unfinished").mkdir(parents=True)
    with pytest.raises(CheckpointError, match=r"there is no trained model yet.*rnngen train FILE"):
        open_run()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere", "nowhere: is not a run; expected a folder made by rnngen train; found nothing there"),
        ("file", "file: is not a run; expected a folder made by rnngen train; found a file"),
        ("empty", "empty: is not a run"),
        ("tiny", r"tiny: is not a run.*Did you mean checkpoints/tiny\?"),
        ("checkpoints", r"checkpoints: is not a run.*It holds runs: checkpoints/tiny\."),
        ("begun", "begun: has no saved model yet"),
    ],
)
@pytest.mark.usefixtures("trained")
def test_what_is_not_a_run_is_said(path: str, message: str) -> None:
    Path("file").write_text("")
    Path("empty").mkdir()
    Path("begun/resume").mkdir(parents=True)
    with pytest.raises(CheckpointError, match=message):
        open_run(path)
