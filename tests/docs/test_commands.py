"""Every command of README.md and docs/ does what it is there for: as it stands, but for sizes and lengths."""

from __future__ import annotations

import gzip
import io
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

import rnngen
from tests.conftest import FAST, Outcome, make_text
from tests.docs.pages import PAGES, blocks_of, commands_in_tables, text_of

Cli = Callable[..., Outcome]


@pytest.fixture(scope="session")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the reader of a page has: texts, and some runs under ``checkpoints/``, the newest last."""
    folder = tmp_path_factory.mktemp("reader")
    for name, seed in {"corpus": 0, "other": 1, "train": 2, "valid": 3, "test": 4, "page": 5}.items():
        (folder / f"{name}.txt").write_text(make_text(12_000 if name != "page" else 600, seed), encoding="utf-8")
    (folder / "corpora").mkdir()
    shutil.copy(folder / "corpus.txt", folder / "corpora" / "pydoc.txt")
    names = [
        f"{first}{last}\n" for first in ("New", "Old", "Up", "Low") for last in ("ton", "ham", "bury", "wick", "ley")
    ]
    (folder / "names.txt").write_text("".join(names) * 2, encoding="utf-8")
    (folder / "poems.txt").write_text("Roses are red,\nviolets blue.\n%\n" * 20, encoding="utf-8")
    (folder / "notes").mkdir()
    (folder / "notes" / "first.md").write_text(make_text(6_000, 6), encoding="utf-8")
    (folder / "notes" / "second.txt").write_text(make_text(6_000, 7), encoding="utf-8")
    text = make_text(12_000, 8)
    (folder / "old.txt").write_text(text, encoding="utf-8")
    (folder / "messages.csv").write_text('id,text\n1,"' + text + '"\n', encoding="utf-8")
    posts = "".join(json.dumps({"post": {"body": line}}) + "\n" for line in text.splitlines() if line)
    (folder / "posts.jsonl.gz").write_bytes(gzip.compress(posts.encode()))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("RNNGEN_CACHE", str(folder / "cache"))
        for out, options in {"both-ways": {"bidirectional": True}, "other-1": {}, "corpus-1": {"ngram": 3}}.items():
            rnngen.train("corpus.txt", out=f"checkpoints/{out}", steps=20, valid_every=10, **FAST, **options)
    shutil.rmtree(folder / "cache")
    return folder


def small(command: str) -> str:
    """A command that trains for a moment, whatever length and size it asks for."""
    if command.startswith("rnngen demo"):
        is_planted = command.split()[2] in ("brackets", "copy", "adding")
        text = " --size 60 --distance 5-9" if is_planted else ""
        return f"{command}{text} --steps 2 --hidden-size 16"
    if not command.startswith("rnngen train"):
        return command
    command = re.sub(r" --(minutes|epochs|steps|size|hidden-size|embedding-size|batch-size) \S+", "", command)
    command += " --steps 2"
    if "--resume" not in command:
        options = {name.replace("_", "-"): value for name, value in FAST.items()}
        command += "".join(f" --{name} {value}" for name, value in options.items() if f"--{name} " not in command)
    return command


SLOW = {
    "README",
    "python",
    "filling",
    "evaluation",
    "experiments",
    "inspection",
    "theory",
    "text",
    "training",
}  # with many commands
ENGLISH = [page for page in PAGES if not page.endswith(".zh")]  # the others have the same commands


@pytest.mark.slow
@pytest.mark.parametrize("page", ENGLISH)
def test_every_command_of_the_page_works(
    page: str, _folder: Path, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(_folder, tmp_path, dirs_exist_ok=True)
    names: dict[str, object] = {}
    for block in blocks_of(page):
        if block.reason_not_run is not None or block.remark in ("main command", "test command"):
            continue
        if block.file is not None:
            (tmp_path / block.file).write_text(block.text, encoding="utf-8")
        if block.language == "python" and not block.quoted:
            exec(re.sub(r"minutes=\d+", "steps=2, size='tiny', precision='float32', device='cpu'", block.text), names)
        for command in block.commands:
            run(command, cli, monkeypatch)
    for line in commands_in_tables(page):
        for command in line.split(" && "):
            run(command, cli, monkeypatch)


def run(command: str, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a line of a shell in this process, where that is possible: ``PRODUCER | rnngen … > FILE``."""
    assert "rnngen" in command, f"unknown to this test: {command}"
    command, _, target = command.partition(" > ")
    producer, piped, command = command.rpartition(" | ")
    command, _, source = (command if piped else command or producer).partition(" < ")
    content = b""
    if piped and sys.platform == "win32":
        return  # written for a POSIX shell
    if piped:
        content = subprocess.run(producer, shell=True, check=True, capture_output=True).stdout
    elif source:
        content = Path(source).read_bytes()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content), closed=False, isatty=lambda: False))
    if command.startswith("rnngen corpus build"):
        Path("corpora/pydoc.txt").unlink(missing_ok=True)  # a text of this test, which would not be overwritten
    as_bash = re.sub(r"\$('[^']*')", lambda found: found[1].replace("\\n", "\n"), small(command))
    outcome = cli(*shlex.split(as_bash)[1:])
    assert outcome.code == 0, f"{command}\n{outcome.err}"
    if target:
        Path(target.strip()).write_text(outcome.out, encoding="utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_every_command_shown_is_in_a_block_that_is_run(page: str) -> None:
    blocks = blocks_of(page)
    shown = [line for block in blocks if block.language not in ("sh", "console") for line in block.text.splitlines()]
    assert not [line for line in shown if re.match(r"\$? ?rnngen ", line)]
    outside = re.sub(r"^```.*?^```$", "", text_of(page), flags=re.DOTALL | re.MULTILINE)
    assert not re.findall(r"^(?: {4}|\t).*", outside, flags=re.MULTILINE)  # code that has no language


@pytest.mark.parametrize("page", PAGES)
def test_what_is_not_run_says_why(page: str) -> None:
    for block in blocks_of(page):
        assert block.reason_not_run != ""
