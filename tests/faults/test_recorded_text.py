"""What a run says of its text bounds what is read there; a different text is trained on only if that is allowed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rnngen.corpus.files import find as finding
from tests.conftest import FAST, Outcome, make_text

Cli = Callable[..., Outcome]

OPTIONS = [f"--{name.replace('_', '-')}={value}" for name, value in {**FAST, "steps": 4, "valid_every": 2}.items()]


@pytest.fixture
def run(cli: Cli, corpus: Path) -> Path:
    assert cli("train", corpus, *OPTIONS, "--out", "run").code == 0
    return Path("run")


def content(folder: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


CHANGES: dict[str, Callable[[str], str]] = {
    "one character": lambda text: "X" + text[1:],
    "much longer": lambda text: text * 50,
    "empty": lambda text: "",
}


@pytest.mark.fault(17)
@pytest.mark.parametrize("change", CHANGES)
def test_a_run_whose_text_has_changed_is_not_resumed_unless_that_is_allowed(
    cli: Cli, run: Path, corpus: Path, change: str
) -> None:
    text, before = corpus.read_text(), content(run)
    corpus.write_text(CHANGES[change](text))
    outcome = cli("train", "--resume", run, "--steps", "2")
    if change == "empty":  # a text that cannot be read: the copy in the cache is that of the run
        assert outcome.code == 0
        return
    assert outcome.code == 1
    assert "the text has changed since this run began" in outcome.err
    assert "rnngen train --resume run --steps 2 --allow-changed-corpus" in outcome.err
    assert content(run) == before
    assert cli("train", "--resume", run, "--steps", "2", "--allow-changed-corpus").code == 0
    corpus.write_text(text)
    outcome = cli("train", "--resume", run, "--steps", "2")  # it has learned from the other one since
    assert outcome.code == 1, outcome.err
    corpus.write_text(CHANGES[change](text))
    assert cli("train", "--resume", run, "--steps", "2").code == 0


@pytest.mark.fault(17)
def test_a_run_whose_text_was_changed_back_is_resumed(cli: Cli, run: Path, corpus: Path) -> None:
    text = corpus.read_text()
    corpus.write_text("another text")
    assert cli("train", "--resume", run, "--steps", "2").code == 1
    corpus.write_text(text)
    assert cli("train", "--resume", run, "--steps", "2").code == 0


def rewrite(run: Path, sources: dict[str, list[str]], record: dict[str, Any]) -> None:
    """Change what a run says of its text, with correct hashes, as whoever passes a run on may do."""
    config = json.loads((run / "config.json").read_text())
    config["data"].update(sources)
    config["corpus"].update(record)
    (run / "config.json").write_text(json.dumps(config))
    manifest = json.loads((run / "manifest.json").read_text())
    content = (run / "config.json").read_bytes()
    manifest["files"]["config.json"] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (run / "manifest.json").write_text(json.dumps(manifest))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that a search opens, and the folders that it lists."""
    paths: list[Path] = []
    open_regular, iterdir = finding.open_regular, Path.iterdir

    def opening(path: Path, **options: Any) -> Any:
        paths.append(path)
        return open_regular(path, **options)

    def listing(self: Path) -> Iterator[Path]:
        paths.append(self)
        return iterdir(self)

    monkeypatch.setattr(finding, "open_regular", opening)
    monkeypatch.setattr(Path, "iterdir", listing)
    return paths


@pytest.mark.fault(13)
@pytest.mark.parametrize(
    "source", ["", "**/*.txt", pytest.param("../disk", marks=pytest.mark.slow)], ids=["folder", "glob", "relative"]
)
def test_a_recorded_folder_is_searched_no_further_than_the_text_was_long(
    cli: Cli, run: Path, source: str, opened: list[Path]
) -> None:
    for number in range(200):
        file = Path(f"disk/{number:03}/secret.txt")
        file.parent.mkdir(parents=True)
        file.write_text(make_text(30_000))
    places = {"corpus": ["../disk"], "valid": [], "test": []}
    rewrite(run, {"corpus": [str(Path("disk", source).absolute())]}, {"places": places, "fingerprint": "0" * 64})
    opened.clear()
    outcome = cli("eval", run)
    assert outcome.code == 1
    assert "the text has changed since the run was trained on it" in outcome.err
    read = {path.parent.name for path in opened if path.name == "secret.txt"}
    assert read <= {f"{number:03}" for number in range(8)}  # 20,000 characters are at most 140,000 bytes


@pytest.mark.fault(13)
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
@pytest.mark.parametrize("name", ["corpus", "valid", "test"])
def test_a_recorded_pipe_or_device_is_not_opened(cli: Cli, run: Path, corpus: Path, name: str) -> None:
    os.mkfifo("pipe")
    for path in ("pipe", "/dev/zero"):
        sources = {"corpus": [str(corpus)], name: [str(Path(path).absolute())]}
        rewrite(run, sources, {"fingerprint": "0" * 64})
        outcome = cli("eval", run)
        assert outcome.code == 1
        expected = "cannot be read again" if path == "pipe" else "/dev/zero: is not a text but a device"
        assert expected in outcome.err


@pytest.mark.fault(13)
def test_a_recorded_text_of_very_many_files_is_named_in_few_words(cli: Cli, run: Path, corpus: Path) -> None:
    rewrite(run, {"corpus": ["x"] * 20_000}, {})
    corpus.unlink()
    outcome = cli("eval", run)
    assert outcome.code == 0
    assert "x, x, x, x, x and 19,995 more no longer exists: its copy in the cache is read" in outcome.err
    assert len(outcome.err) < 1000
