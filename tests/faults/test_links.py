"""A link, a pipe or a device in place of what belongs to a run is refused, and nothing outside the run is touched."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import rnngen
from rnngen.errors import CheckpointError
from rnngen.runs.finding import open_run
from rnngen.runs.layout import MODEL, NEW, REPLACED, check_layout, saved_steps
from rnngen.runs.plan_record import Stretch, recorded_plan
from rnngen.runs.writer import RunWriter
from rnngen.training.checkpoint import load_state
from tests.conftest import FAST, Outcome

pytestmark = pytest.mark.fault(25)

Cli = Callable[..., Outcome]

NEWEST = "resume/000000060"
READ = ["config.json", "tokenizer.json", MODEL, "manifest.json"]
FILES = [
    *READ,
    ".lock",
    ".lock-holder",
    "metrics.jsonl",
    "samples.txt",
    "ngram.safetensors",
    MODEL + NEW,
    "ngram.safetensors" + NEW,
    ".config.json.tmp",
    ".tokenizer.json.tmp",
    ".metrics.jsonl.tmp",
    ".samples.txt.tmp",
    ".manifest.json.tmp",
    "resume/plan.jsonl",
    f"{NEWEST}/state.json",
    f"{NEWEST}/state.safetensors",
    f"{NEWEST}/manifest.json",
]
FOLDERS = ["resume", NEWEST, "resume/.000000080", f"resume/.000000080{REPLACED}", f"resume/.000000060{REPLACED}"]

watched: list[Path] = []
touched: list[str] = []
WATCHED_EVENTS = {
    "open",
    "os.listdir",
    "os.scandir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.truncate",
    "os.mkdir",
    "os.link",
    "shutil.rmtree",
}


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if not watched or event not in WATCHED_EVENTS:
        return
    for path in arguments:
        if isinstance(path, str | os.PathLike):
            real = Path(os.path.realpath(path))
            if any(folder in (real, *real.parents) for folder in watched):
                touched.append(f"{event} {path}")


sys.addaudithook(_audit)


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    """A folder with somebody's files: the test fails if any of them is opened, listed, changed or removed."""
    folder = tmp_path / "outside"
    (folder / ".git").mkdir(parents=True)
    for name in (".hidden", "notes.txt", ".git/config", "plan.jsonl", "state.json"):
        (folder / name).write_text("precious\n" * 9)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    watched.append(Path(os.path.realpath(folder)))
    try:
        yield folder
    finally:
        watched.clear()
        found, touched[:] = list(touched), []
    assert found == []
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.fixture(autouse=True)
def _ends() -> Iterator[None]:
    """To open a pipe that nobody writes to never ends; then the test fails instead."""

    def give_up(*arguments: object) -> None:
        raise TimeoutError

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    if hasattr(signal, "SIGALRM"):
        signal.signal(signal.SIGALRM, give_up)
        signal.alarm(120)
    yield
    if hasattr(signal, "SIGALRM"):
        signal.alarm(0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
    for number, handler in before.items():  # training takes them over
        signal.signal(number, handler)


def test_opening_somebody_elses_file_is_noticed(outside: Path) -> None:
    (outside / "notes.txt").read_text()
    assert touched
    touched.clear()


def put(run: Path, name: str, make: Callable[[Path], object]) -> Path:
    """Make something in place of a file or folder of a run."""
    path = run / name
    path.parent.mkdir(exist_ok=True)
    if path.exists():
        path.rename(run.parent / "was-there")
    make(path)
    return path


def link_to(target: Path) -> Callable[[Path], object]:
    return lambda path: path.symlink_to(target.absolute())


def contents(run: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(run)): path.read_bytes() if path.is_file() and not path.is_symlink() else None
        for path in run.rglob("*")
    }


def refused_by_resume(cli: Cli, run: Path, path: Path, said: str) -> None:
    before = contents(run)
    outcome = cli("train", "--resume", run, "--steps", 5)
    assert outcome.code == 1
    assert "Traceback" not in outcome.err
    assert f"{path.relative_to(run)}: {said}" in " ".join(outcome.err.split())
    assert contents(run) == before


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("target", ["notes.txt", "nothing"])
def test_a_link_in_place_of_any_file_is_refused_by_resume(
    trained: Path, outside: Path, cli: Cli, name: str, target: str
) -> None:
    path = put(trained, name, link_to(outside / target))
    refused_by_resume(cli, trained, path, "is a link; a run's files lie in its own folder")
    assert not (outside / "nothing").exists()


@pytest.mark.parametrize("name", FOLDERS)
@pytest.mark.parametrize("target", ["", "nothing"])
def test_a_link_in_place_of_any_folder_is_refused_by_resume(
    trained: Path, outside: Path, cli: Cli, name: str, target: str
) -> None:
    path = put(trained, name, link_to(outside / target))
    refused_by_resume(cli, trained, path, "is a link; a run's files lie in its own folder")
    assert not (outside / "nothing").exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
@pytest.mark.parametrize("name", [*FILES, *FOLDERS])
def test_a_pipe_in_place_of_any_file_or_folder_is_refused_by_resume(trained: Path, cli: Cli, name: str) -> None:
    path = put(trained, name, os.mkfifo)
    refused_by_resume(cli, trained, path, f"is not a {'folder' if name in FOLDERS else 'file'}; expected")


@pytest.mark.parametrize("name", FILES)
def test_a_folder_in_place_of_any_file_is_refused_by_resume(trained: Path, cli: Cli, name: str) -> None:
    path = put(trained, name, Path.mkdir)
    refused_by_resume(cli, trained, path, "is not a file; expected a file of this run; found folder")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
@pytest.mark.parametrize(
    "command", [("sample", "--length", 3), ("eval",), ("inspect", "gradients")], ids=lambda c: c[0]
)
@pytest.mark.parametrize("name", READ)
def test_a_pipe_in_place_of_what_readers_need_is_refused_by_them(
    trained: Path, cli: Cli, command: tuple[object, ...], name: str
) -> None:
    put(trained, name, os.mkfifo)
    outcome = cli(*command, trained)
    assert outcome.code == 1
    assert "Traceback" not in outcome.err
    assert f"{name}: is not a file" in " ".join(outcome.err.split())


@pytest.mark.parametrize("name", [NEWEST, f"{NEWEST}/manifest.json", f"{NEWEST}/state.json"])
def test_a_saved_state_is_not_read_through_a_link(trained: Path, outside: Path, name: str) -> None:
    put(trained, name, link_to(outside if name == NEWEST else outside / "state.json"))
    (warning,) = load_state(trained).warnings
    assert f"{name}: is a link" in warning


@pytest.mark.parametrize("name", ["resume", "resume/plan.jsonl"])
def test_a_plan_is_not_read_through_a_link(trained: Path, outside: Path, name: str) -> None:
    put(trained, name, link_to(outside if name == "resume" else outside / "plan.jsonl"))
    with pytest.raises(CheckpointError, match=f"{name}: is a link"):
        recorded_plan(trained)


def test_states_are_not_looked_for_through_a_link(trained: Path, outside: Path) -> None:
    put(trained, "resume", link_to(outside))
    with pytest.raises(CheckpointError, match="resume: is a link"):
        load_state(trained)


def test_a_run_without_a_model_whose_states_are_behind_a_link_is_not_begun_anew(
    corpus: Path, trained: Path, outside: Path, cli: Cli
) -> None:
    (trained / "manifest.json").unlink()
    put(trained, "resume", link_to(outside))
    outcome = cli("train", corpus, "--out", trained)
    assert outcome.code in (1, 2)
    assert (trained / "config.json").exists()
    assert (trained / "resume").is_symlink()


# put there while the run is being written


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("metrics.jsonl", lambda writer: writer.append("metrics.jsonl", "{}\n")),
        ("metrics.jsonl", lambda writer: writer.cut_logs({"metrics.jsonl": 0})),
        ("metrics.jsonl", lambda writer: writer.logged("grad_norm")),
        ("samples.txt", lambda writer: writer.append("samples.txt", "text\n")),
        ("samples.txt", lambda writer: writer.save_model(b"weights")),
        ("config.json", lambda writer: writer.save_model(b"weights")),
        (MODEL + NEW, lambda writer: writer.save_model(b"weights")),
        (".manifest.json.tmp", lambda writer: writer.save_model(b"weights")),
        ("resume/plan.jsonl", lambda writer: writer.record_plan([Stretch(60, 80, 1, "float32")])),
        ("resume", lambda writer: writer.record_plan([Stretch(60, 80, 1, "float32")])),
        ("resume", lambda writer: writer.save_state(80, b"", {})),
    ],
)
def test_a_link_that_appears_while_a_run_is_written_is_refused(
    trained: Path, outside: Path, name: str, write: Callable[[RunWriter], object]
) -> None:
    writer = RunWriter(trained)
    try:
        put(trained, name, link_to(outside if name == "resume" else outside / "notes.txt"))
        with pytest.raises(CheckpointError, match="is a link"):
            write(writer)
    finally:
        writer.close()


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="no way to refuse a link while it is opened")
@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("metrics.jsonl", lambda writer: writer.append("metrics.jsonl", "{}\n")),
        ("samples.txt", lambda writer: writer.append("samples.txt", "text\n")),
        (MODEL + NEW, lambda writer: writer.save_model(b"weights")),
        (".manifest.json.tmp", lambda writer: writer.save_model(b"weights")),
        ("resume/plan.jsonl", lambda writer: writer.record_plan([Stretch(60, 80, 1, "float32")])),
        ("resume", lambda writer: writer.record_plan([Stretch(60, 80, 1, "float32")])),
        ("resume", lambda writer: writer.save_state(80, b"", {})),
    ],
)
def test_a_link_that_appears_after_the_check_is_not_written_through(
    trained: Path, outside: Path, name: str, write: Callable[[RunWriter], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is planted at the last moment: just before the system opens the file or folder."""
    planted: list[Path] = []
    writer = RunWriter(trained)
    real = os.open

    def plant_first(path: Any, flags: int, *arguments: Any, **options: Any) -> int:
        if Path(path).name == Path(name).name and options.get("dir_fd") is not None and not planted:
            planted.append(put(trained, name, link_to(outside if name == "resume" else outside / "notes.txt")))
        return real(path, flags, *arguments, **options)

    try:
        with monkeypatch.context() as patch:
            patch.setattr(os, "open", plant_first)
            with pytest.raises(CheckpointError, match=r"is a link|cannot be written"):
                write(writer)
    finally:
        writer.close()
    assert planted


# what is allowed, and what stays


def test_the_folder_of_a_run_may_be_a_link_itself(corpus: Path, tmp_path: Path, cli: Cli) -> None:
    disk = tmp_path / "larger-disk"
    disk.mkdir()
    Path("run").symlink_to(disk, target_is_directory=True)
    run = rnngen.train(corpus, out="run", steps=10, valid_every=5, save_every=5, **FAST)
    assert run.path == Path("run")
    assert cli("train", "--resume", "run", "--steps", 5).code == 0
    assert load_state(Path("run")).values["step"] == 15
    assert len(cli("sample", "run", "--length", 20, "--seed", 1).out.strip()) > 0
    assert {path.name for path in disk.iterdir()} >= {"config.json", MODEL, "resume"}
    assert Path("run").is_symlink()


def test_only_what_a_save_left_is_removed_from_the_resume_folder(trained: Path) -> None:
    resume = trained / "resume"
    others = [".DS_Store", ".git", ".00000008", ".notes.replaced", ".000000080.old", "notes"]
    for name in others:
        (resume / name).mkdir()
        (resume / name / "file").write_text("somebody's")
    for name in (".000000080", f".000000060{REPLACED}"):  # what a save that was killed leaves
        (resume / name).mkdir()
        (resume / name / "state.json").write_text("{}")
    (resume / ".000000099").write_text("")
    RunWriter(trained).close()
    kept = {path.name for path in resume.iterdir() if not saved_steps(trained).count(path)}
    assert kept - {"plan.jsonl"} == set(others)
    assert all((resume / name / "file").read_text() == "somebody's" for name in others)


def test_a_sound_run_has_everything_in_its_place(trained: Path) -> None:
    check_layout(trained)
    assert open_run(trained).weights()
