"""The run that was meant is opened, or the error says what is there instead and what to do."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from rnngen.errors import CheckpointError
from rnngen.runs.finding import newest_run, open_run
from rnngen.runs.layout import MANIFEST


def test_the_newest_complete_run_is_the_default(trained: Path) -> None:
    for name, age in [("older", 50), ("newest", -50)]:
        shutil.copytree(trained, trained.parent / name)
        os.utime(trained.parent / name / MANIFEST, (time.time() - age, time.time() - age))
    (trained.parent / "unfinished").mkdir()
    assert newest_run() == Path("checkpoints/newest")
    assert open_run().path == Path("checkpoints/newest")


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
