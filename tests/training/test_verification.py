"""What ``verify`` says of a run is what then happens."""

from __future__ import annotations

import io
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from rnngen.errors import RnngenError
from rnngen.ngram.file import load_mixture
from rnngen.python.evaluation import evaluate
from rnngen.python.spelling import in_python
from rnngen.runs.finding import open_run
from rnngen.runs.layout import MODEL, NEW, REPLACED
from rnngen.sampling.loading import load
from rnngen.training import launch
from rnngen.training.events import Finished, Stepped, Warned
from rnngen.training.resuming import resume
from rnngen.training.verification import Verification, verify
from tests.conftest import FAST, make_text
from tests.runs.saving import writing
from tests.training.interrupted import finish

OPTIONS = {**FAST, "steps": 12, "valid_every": 4, "save_every": 4, "sample_every": 3, "ngram": 3}
FILES = [
    "config.json",
    "tokenizer.json",
    MODEL,
    "metrics.jsonl",
    "samples.txt",
    "manifest.json",
    *(f"resume/{step:09d}/{name}" for step in (9, 8) for name in ("state.safetensors", "state.json", "manifest.json")),
]


def begin() -> Path:
    """A text, and a run that was stopped after 9 of 12 steps, in the current folder."""
    Path("corpus.txt").write_text(make_text(6_000), encoding="utf-8")
    finish(launch.launch({**OPTIONS, "corpus": ["corpus.txt"]}, out=Path("stopped")), stop_at=9)
    return Path("stopped")


@pytest.fixture(scope="module")
def _begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a text, a run that was stopped after 9 of 12 steps, and the same run at its end."""
    folder = tmp_path_factory.mktemp("begun")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("RNNGEN_CACHE", str(folder / "cache"))
        begin()
        shutil.copytree("stopped", "finished")
        finish(resume(Path("finished")))
    return folder


@pytest.fixture
def folder(_begun: Path, tmp_path: Path) -> Path:
    shutil.copytree(_begun, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def stopped(folder: Path) -> Path:
    return folder / "stopped"


def contents(run: Path) -> dict[str, object]:
    """All that is in a folder, links as links, with the times at which files were written."""
    return {
        str(path.relative_to(run)): (path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else None)
        for path in sorted(run.rglob("*"))
    }


def error_of(do: Callable[[], object]) -> str | None:
    try:
        do()
    except RnngenError as error:
        return str(error)
    return None


def hold_against_what_happens(run: Path) -> Verification:
    """Everything that is said of a run, compared with what the commands then do."""
    before = contents(run)
    said = verify(run)
    assert contents(run) == before
    text = Path("page.txt")
    text.write_text(make_text(300, seed=2), encoding="utf-8")
    for use in said.uses:
        if "ngram" in use.commands:
            assert use.error == error_of(lambda: load_mixture(open_run(run)))
        else:
            assert use.error == error_of(lambda: load(run))
            expected = use.error and in_python(use.error)
            assert expected == error_of(lambda: evaluate(run, text))
    launched = None
    try:
        launched = resume(run)
    except RnngenError as error:
        assert said.prospect.error == str(error)
        return said
    notes = (*launched.trainer.warnings, *launched.notes)
    events = finish(launched)
    (ended,) = (event for event in events if isinstance(event, Finished))
    steps = [event.step for event in events if isinstance(event, Stepped)]
    expected = list(range(said.prospect.step + 1, said.prospect.steps + 1))
    assert (said.prospect.error, said.prospect.notes) == (None, notes)
    assert (ended.first_step, ended.step, steps) == (said.prospect.step, said.prospect.steps, expected)
    assert said.prospect.finished == all(isinstance(event, Finished | Warned) for event in events)
    return said


def cut(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_sound_run_is_sound_and_resumes_where_it_was_stopped(stopped: Path) -> None:
    said = hold_against_what_happens(stopped)
    assert said.is_sound
    assert (said.prospect.step, said.prospect.steps, said.prospect.finished) == (9, 12, False)
    assert [(state.step, state.error) for state in said.states] == [(9, None), (8, None)]
    assert {file.status for file in said.files} == {"sound"}
    assert {file.name for file in said.files} == set(FILES)


def test_of_a_finished_run_nothing_is_left_to_do(folder: Path) -> None:
    said = hold_against_what_happens(folder / "finished")
    assert said.is_sound
    assert (said.prospect.step, said.prospect.steps, said.prospect.finished) == (12, 12, True)
    assert [use.commands for use in said.uses] == ["sample, eval", "sample --ngram, eval --ngram"]


@pytest.mark.parametrize("damage", [cut, flip, Path.unlink], ids=["cut", "flip", "delete"])
@pytest.mark.parametrize("which", ["stopped", "finished"])
def test_weights_that_are_lost_are_replaced_by_those_of_the_saved_state(
    folder: Path, which: str, damage: Callable[[Path], object]
) -> None:
    damage(folder / which / MODEL)
    said = hold_against_what_happens(folder / which)
    assert not said.is_sound
    assert "The weights of the saved state are used instead." in said.prospect.notes[0]
    mended = verify(folder / which)
    assert mended.is_sound
    assert mended.uses[0].error is None


@pytest.mark.parametrize("damage", [cut, flip, Path.unlink], ids=["cut", "flip", "delete"])
@pytest.mark.parametrize("name", FILES)
def test_what_is_said_of_a_damaged_run_is_what_happens(
    stopped: Path, name: str, damage: Callable[[Path], object]
) -> None:
    damage(stopped / name)
    said = hold_against_what_happens(stopped)
    assert not said.is_sound
    reports = {file.name: file for file in said.files}
    if damage is Path.unlink:
        assert reports[name].status == "missing"
    elif name.endswith("manifest.json"):  # it cannot be told whether a file or its checksum has changed
        folder = name.removesuffix("manifest.json")
        assert any(file.status == "damaged" for file in said.files if file.name.startswith(folder))
    else:
        assert reports[name].status == "damaged"
        assert {file.status for file in said.files if file.name != name} == {"sound"}


def test_every_state_damaged_is_no_way_to_resume(stopped: Path) -> None:
    for step in (9, 8):
        cut(stopped / f"resume/{step:09d}/state.json")
    said = hold_against_what_happens(stopped)
    assert said.prospect.error is not None
    assert "every saved state is damaged" in said.prospect.error
    assert all(state.error for state in said.states)
    assert said.uses[0].error is None


def test_a_damaged_state_is_passed_over_and_named(stopped: Path) -> None:
    flip(stopped / "resume/000000009/state.safetensors")
    said = hold_against_what_happens(stopped)
    assert said.prospect.step == 8
    (note,) = said.prospect.notes
    assert "000000009/state.safetensors: is damaged" in note
    assert "Continuing from 000000008 instead." in note


# what is not the run's fault


def test_a_run_whose_text_has_changed_is_sound_and_cannot_be_resumed() -> None:
    run = begin()
    shutil.rmtree("cache")
    Path("corpus.txt").write_text(make_text(6_000, seed=1), encoding="utf-8")
    said = hold_against_what_happens(run)
    assert said.is_sound
    assert "the text has changed since this run began" in (said.prospect.error or "")


def test_a_run_whose_text_is_gone_is_sound_and_cannot_be_resumed() -> None:
    run = begin()
    shutil.rmtree("cache")
    Path("corpus.txt").unlink()
    said = hold_against_what_happens(run)
    assert said.is_sound
    assert "the run's text cannot be read" in (said.prospect.error or "")


def test_a_run_on_standard_input_is_verified_without_reading_it(monkeypatch: pytest.MonkeyPatch) -> None:
    text = SimpleNamespace(buffer=io.BytesIO(make_text(6_000).encode()), closed=False, isatty=lambda: False)
    monkeypatch.setattr("sys.stdin", text)
    finish(launch.launch({**OPTIONS, "corpus": ["-"]}, out=Path("piped")), stop_at=9)
    shutil.rmtree("cache")
    text.buffer = io.BytesIO(b"what somebody types")
    said = verify(Path("piped"))
    assert said.is_sound
    assert "standard input, which cannot be read again" in (said.prospect.error or "")
    assert text.buffer.read() == b"what somebody types"


def test_a_run_that_is_being_written_says_by_whom(stopped: Path) -> None:
    with writing(stopped):
        said = verify(stopped)
        assert said.written_by == f"process {os.getpid()} on {socket.gethostname()}"
        assert said.prospect.error == f"it is being written by {said.written_by}"
        assert said.is_sound
    assert verify(stopped).written_by is None


def test_a_run_whose_process_was_killed_is_not_being_written(stopped: Path) -> None:
    (stopped / ".lock-holder").write_text("process 1 on elsewhere")
    said = hold_against_what_happens(stopped)
    assert said.written_by is None
    assert said.prospect.step == 9


def test_a_run_that_never_saved_is_told_how_to_begin_again(stopped: Path) -> None:
    for name in ("manifest.json", MODEL):
        (stopped / name).unlink()
    shutil.rmtree(stopped / "resume")
    said = hold_against_what_happens(stopped)
    assert said.is_sound
    assert "begin it again in the same folder" in (said.prospect.error or "").lower()


def test_a_run_before_its_first_weights_is_sound(stopped: Path) -> None:
    for name in ("manifest.json", MODEL):
        (stopped / name).unlink()
    said = hold_against_what_happens(stopped)
    assert said.is_sound
    assert said.prospect.step == 9
    assert "has no saved model yet" in (said.uses[0].error or "")


# what a save that was killed left


def test_weights_that_are_about_to_be_put_in_place_are_the_weights(stopped: Path) -> None:
    (stopped / MODEL).rename(stopped / (MODEL + NEW))
    (stopped / MODEL).write_bytes(b"the weights before")
    said = hold_against_what_happens(stopped)
    assert said.is_sound
    (weights,) = (file for file in said.files if file.name == MODEL)
    assert weights.why == f"it is in {MODEL + NEW}, which is about to replace it"


def test_a_state_that_was_moved_away_is_what_is_resumed(stopped: Path) -> None:
    (stopped / "resume/000000009").rename(stopped / f"resume/.000000009{REPLACED}")
    said = hold_against_what_happens(stopped)
    assert said.is_sound
    assert said.prospect.step == 9


def test_what_a_killed_save_left_over_is_no_damage(stopped: Path) -> None:
    left = ["resume/.000000012", MODEL + NEW, ".manifest.json.tmp"]
    (stopped / left[0]).mkdir()
    for name in left[1:]:
        (stopped / name).write_bytes(b"half of it")
    said = hold_against_what_happens(stopped)
    assert said.is_sound
    assert sorted(file.name for file in said.files if file.status == "left over") == sorted(left)


def test_other_files_are_named_and_no_damage(stopped: Path) -> None:
    for name in ("notes.txt", "resume/notes.txt", "resume/000000009/notes.txt"):
        (stopped / name).write_text("somebody's")
    said = hold_against_what_happens(stopped)
    assert said.is_sound
    assert len([file.name for file in said.files if file.status == "not of this run"]) == 3


# links, pipes


@pytest.mark.parametrize("make", ["link", "pipe", "folder"])
@pytest.mark.parametrize("name", [*FILES, ".lock", ".lock-holder", "resume", "resume/000000009", "resume/plan.jsonl"])
def test_what_is_no_file_is_damage_and_never_opened(stopped: Path, name: str, make: str, tmp_path: Path) -> None:
    if make == "pipe" and not hasattr(os, "mkfifo"):
        pytest.skip("no named pipes")
    if make == "folder" and name in ("resume", "resume/000000009"):
        pytest.skip("it is one")
    path = stopped / name
    if path.exists():
        path.rename(tmp_path / "was-there")
    if make == "link":
        path.symlink_to(tmp_path / "was-there")
    else:
        {"pipe": os.mkfifo, "folder": Path.mkdir}[make](path)
    said = verify(stopped)
    assert [file.name for file in said.files if file.status == "damaged"] == [name]
    assert said.prospect.error == error_of(lambda: resume(stopped))
    assert said.prospect.error is not None
