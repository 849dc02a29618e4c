"""What rnngen wrote is not learned by it: its runs, whole, damaged or begun, its cache, its reports."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from rnngen.corpus.files import outputs
from rnngen.corpus.files.find import find, find_files
from rnngen.corpus.tokens import fingerprint_of, prepare
from rnngen.errors import CorpusError
from rnngen.options.config import SECTIONS
from rnngen.options.training import DataConfig
from rnngen.runs import layout
from tests.conftest import FAST, Outcome, make_text

Cli = Callable[..., Outcome]


def damaged_config(folder: Path) -> None:
    (folder / "config.json").write_bytes((folder / "config.json").read_bytes()[:50])


def no_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def only_begun(folder: Path) -> None:
    shutil.rmtree(folder / "resume")
    for name in ("manifest.json", "model.safetensors"):
        (folder / name).unlink()


def only_resumable(folder: Path) -> None:
    for file in folder.iterdir():
        if file.is_file():
            file.unlink()


def only_manifest(folder: Path) -> None:
    shutil.rmtree(folder / "resume")
    (folder / "config.json").unlink()


@pytest.mark.parametrize(
    "change",
    [None, damaged_config, no_manifest, only_begun, only_resumable, only_manifest],
    ids=lambda c: c and c.__name__,
)
def test_a_run_below_a_source_is_not_part_of_it(trained: Path, change: Callable[[Path], None] | None) -> None:
    if change:
        change(trained)
    Path("a.txt").write_text("text")
    Path("checkpoints/notes.txt").write_text("mine")
    Path("a/b").mkdir(parents=True)
    Path("a/b/c.txt").write_text("text")
    for source in (".", "**/*"):
        assert outputs.RUN in [each.reason for each in find([source]).skipped]
    assert find_files(["*/*/*"]) == [Path("a/b/c.txt")]
    assert find_files(["."]) == [Path("a/b/c.txt"), Path("a.txt"), Path("checkpoints/notes.txt")]
    for source in (str(trained), str(trained / "resume")):
        if Path(source).is_dir():
            with pytest.raises(CorpusError, match=r"is (in )?a run of rnngen, not a text; expected a text file"):
                find([source])


def test_a_run_given_as_a_text_is_told_with_what_can_be_done_with_it(trained: Path) -> None:
    with pytest.raises(CorpusError, match=r"rnngen train --resume .*tiny; to score it: rnngen eval .*tiny$"):
        find([str(trained)])


def test_a_folder_of_runs_has_no_text(trained: Path) -> None:
    with pytest.raises(CorpusError, match=r"no text files; .* 1 skipped: tiny \(a run of rnngen\)$"):
        find(["checkpoints"])


def test_a_file_of_a_run_given_by_name_is_read(trained: Path) -> None:
    (trained / "samples.txt").write_text("what it wrote")
    assert find_files([str(trained / "samples.txt")]) == [trained / "samples.txt"]


@pytest.mark.parametrize(
    "files",
    [
        {"config.json": "{}"},
        {"config.json": '{"model": {"name": "x"}, "data": 3}', "tokenizer.json": "{}"},
        {"config.json": "not JSON", "tokenizer.json": "[1, 2]"},
        {"config.json": "[" * 100_000},
        {"manifest.json": '{"files": {"a.txt": {}}}'},
        {"manifest.json": '{"format": 1, "files": ["config.json"]}'},
        {"meta.json": "{}", "tokenizer.json": "{}"},
        {"resume/my cv.txt": "text"},
        {"resume/000000400/notes.txt": "text"},
    ],
    ids=str,
)
def test_an_innocent_folder_of_texts_is_read(files: dict[str, str]) -> None:
    for name, content in {**files, "a.txt": "text"}.items():
        path = Path("sub") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    expected = sorted(Path("sub") / name for name in {**files, "a.txt": ""})
    assert find_files(["."]) == find_files(["sub"]) == find_files(["**/*"]) == expected


def test_the_names_of_a_runs_files_are_those_that_runs_have() -> None:
    assert SECTIONS.keys() == outputs._RUN_CONFIG
    assert {layout.CONFIG, layout.TOKENIZER, layout.MODEL} < outputs._RUN_FILES
    assert (layout.CONFIG, layout.MANIFEST, layout.RESUME) == ("config.json", "manifest.json", "resume")


@pytest.mark.parametrize("level", ["byte", "char"])
def test_the_cache_below_a_source_is_not_part_of_it(level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("texts").mkdir()
    Path("texts/a.txt").write_text(make_text(3_000))
    for cache in ("texts", "texts/cache"):
        monkeypatch.setenv("RNNGEN_CACHE", cache)
        data = DataConfig(corpus=("texts",), tokenizer=level)  # type: ignore[arg-type]
        before = fingerprint_of(data)
        corpus = prepare(data)
        assert fingerprint_of(data) == corpus.fingerprint == before
        assert find_files(["texts", "texts/**"]) == [Path("texts/a.txt")] * 2
        assert outputs.CACHE in [each.reason for each in find(["texts"]).skipped]
    (folder,) = Path("texts/cache/corpora").iterdir()
    with pytest.raises(CorpusError, match="is a cache of rnngen, not a text"):
        find([str(folder)])


@pytest.mark.slow
def test_a_report_below_a_source_is_not_part_of_it(cli: Cli, trained: Path) -> None:
    Path("a.html").write_text("<html><head><meta name='generator' content='another'></head>my page</html>")
    assert cli("report", trained, "--out", "report.html").code == 0
    found = find(["."])
    assert found.files == [Path("a.html")]
    assert {each.name: each.reason for each in found.skipped}["report.html"] == outputs.REPORT
    assert find_files(["report.html"]) == [Path("report.html")]  # by name


def test_what_training_writes_below_its_text_does_not_change_the_text(cli: Cli) -> None:
    Path("a.txt").write_text(make_text(5_000))
    options = [part for name, value in FAST.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    for number in (1, 2):
        assert cli("train", ".", *options, "--steps", 4, "--save-every", 2, "--out", f"runs/{number}").code == 0
        assert cli("eval", f"runs/{number}").code == 0
    first, second = (json.loads(Path(f"runs/{n}/config.json").read_text())["corpus"] for n in (1, 2))
    assert first["fingerprint"] == second["fingerprint"]
    assert cli("train", "--resume", "runs/1").code == 0
