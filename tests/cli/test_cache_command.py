"""``rnngen cache``: what is kept, and removing what is no longer used, after asking, and nothing else."""

from __future__ import annotations

import io
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rnngen.cli.app import run as run_cli
from rnngen.cli.console import Console
from rnngen.corpus.named import store
from rnngen.corpus.named.store import downloads_folder
from tests.cli.test_rm import Typed
from tests.conftest import FAST, Outcome

Cli = Callable[..., Outcome]


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def age(path: Path, days: float) -> None:
    moment = time.time() - days * 24 * 3600
    for each in (path, *path.rglob("*")):
        os.utime(each, (moment, moment))


def download(name: str, content: str, days: float = 0) -> Path:
    path = downloads_folder() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    age(path, days)
    return path


@pytest.fixture
def cached(corpus: Path, cli: Cli) -> Path:
    """The encoded text of a run, ``checkpoints/corpus-1``."""
    options = [part for name, value in FAST.items() for part in (f"--{name.replace('_', '-')}", value)]
    assert cli("train", corpus, "--steps", 2, "--quiet", *options).code == 0
    (folder,) = (Path("cache") / "corpora").iterdir()
    return folder


def test_texts_and_downloads_are_listed_with_what_they_are_of(cached: Path, cli: Cli) -> None:
    shutil.copytree(cached, cached.with_name("a" * 32))
    age(cached.with_name("a" * 32), 40)
    download("text8.zip", "x" * 2048, days=50)
    download(".enwik8.zip.part", "x" * 10, days=60)
    download("somebody's.txt", "x")
    told = json.loads(cli("cache", "--json").out)
    entries = told["entries"]
    assert [each["what"] for each in entries] == [
        "encoded text of checkpoints/corpus-1",
        "encoded text",
        "download of text8",
        "incomplete download of enwik8",
    ]
    assert entries[0]["bytes"] == sum(file.stat().st_size for file in cached.iterdir())
    assert [each["bytes"] for each in entries[2:]] == [2048, 10]
    assert told["bytes"] == sum(each["bytes"] for each in entries)
    assert [each["name"] for each in entries] == ["corpus.txt", "corpus.txt", "text8", "enwik8"]
    shown = cli("cache").out
    assert shown == cli("cache", "list").out
    assert all(each["path"] in shown and each["what"] in shown for each in entries)
    assert [line.split()[0] for line in shown.splitlines()[1:-1]] == [each["name"] for each in entries]


def test_on_a_terminal_the_beginnings_of_hashes_stand_beside_the_names(
    cached: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    terminal = Terminal()
    assert run_cli(["cache"], Console(terminal, None)) == 0
    line = next(line for line in terminal.getvalue().splitlines() if line.startswith("corpus.txt"))
    assert line.startswith("corpus.txt  encoded text of ")
    assert line.endswith(f"  {cached.name[:8]}…")
    assert len(line) <= 80


def test_texts_of_older_versions_have_no_name(cached: Path, cli: Cli) -> None:
    meta = json.loads((cached / "meta.json").read_text())
    del meta["name"]
    (cached / "meta.json").write_text(json.dumps(meta))
    assert json.loads(cli("cache", "--json").out)["entries"][0]["name"] == ""
    (cached / "meta.json").write_text('{"name": ["x"]}')
    assert cli("cache").out.splitlines()[1].startswith("?")


def test_an_empty_cache_is_said_to_be_empty(cli: Cli) -> None:
    assert "nothing is kept" in cli("cache").out
    assert json.loads(cli("cache", "--json").out)["entries"] == []
    assert cli("cache", "prune", "--yes").out == "Nothing can be removed.\n"


def test_only_what_nobody_uses_is_removed(cached: Path, cli: Cli) -> None:
    age(cached, 100)
    unused, recent = cached.with_name("a" * 32), cached.with_name("b" * 32)
    for copy in (unused, recent):
        shutil.copytree(cached, copy)
    age(unused, 31)
    age(recent, 29)
    old, new = download("text8.zip", "x" * 100, days=31), download("enwik8.zip", "x" * 50, days=29)
    other = download("somebody's.txt", "x", days=100)
    record = download("makemore-names.txt.sha256", "x", days=100)
    shown = json.loads(cli("cache", "prune", "--dry-run", "--json").out)
    assert [each["folders"] for each in shown["found"]] == [[str(unused.absolute())], [str(old)]]
    assert unused.exists()
    assert old.exists()
    told = json.loads(cli("cache", "prune", "--yes", "--json").out)
    assert told["freed_bytes"] == shown["bytes"] > 100
    assert not unused.exists()
    assert not old.exists()
    assert all(each.exists() for each in (cached, recent, new, other, record))


def test_with_all_the_rest_goes_too_but_for_what_rnngen_did_not_make(cached: Path, cli: Cli) -> None:
    names = [download("text8.zip", "x"), download(".enwik8.zip.part", "x")]
    other = download("somebody's.txt", "x")
    record = download("makemore-names.txt.sha256", "x")
    outcome = cli("cache", "prune", "--all", "--yes")
    assert outcome.code == 0
    assert "2 downloads: text8, enwik8" in outcome.out
    assert not cached.exists()
    assert not any(each.exists() for each in names)
    assert other.exists()
    assert record.exists()
    assert cli("eval", "--quiet").code == 0  # it is encoded again


@pytest.mark.parametrize(("answer", "goes"), [("y\n", True), ("n\n", False), ("\n", False), ("", False)])
def test_it_asks_first(answer: str, goes: bool, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    path = download("text8.zip", "x", days=31)
    monkeypatch.setattr("sys.stdin", Typed(answer))
    outcome = cli("cache", "prune")
    assert "[y/N]" in outcome.err
    assert path.exists() == (not goes)


def test_without_a_terminal_it_has_to_be_told(cli: Cli) -> None:
    path = download("text8.zip", "x", days=31)
    assert cli("cache", "prune").code == 2
    assert path.exists()


def test_a_download_that_a_process_is_busy_with_stays(cli: Cli) -> None:
    path = download("text8.zip", "x", days=31)
    lock = store._lock(path)
    lock.acquire()
    assert json.loads(cli("cache", "prune", "--yes", "--json").out)["freed_bytes"] == 0
    assert path.exists()
    lock.release()


def test_no_link_is_followed(cli: Cli) -> None:
    Path("victim").write_text("stays")
    downloads_folder().mkdir(parents=True)
    (downloads_folder() / "text8.zip").symlink_to(Path("victim").absolute())
    assert json.loads(cli("cache", "--json").out)["entries"] == []
    assert cli("cache", "prune", "--all", "--yes").out == "Nothing can be removed.\n"
    assert Path("victim").read_text() == "stays"
