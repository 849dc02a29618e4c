"""What SECURITY.md promises of whole commands: nothing is unpickled, nothing fetched, nothing written elsewhere."""

from __future__ import annotations

import json
import os
import pickle
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from rnngen.cli.commands import COMMANDS as ALL_COMMANDS
from rnngen.cli.commands import load_command
from rnngen.runs.layout import LOCK, MANIFEST, METRICS, MODEL, NGRAM, PLAN, RESUME, SAMPLES
from rnngen.runs.manifest import manifest_bytes
from tests.conftest import make_text

ROOT = Path(__file__).parents[2]
TINY = "--hidden-size 8 --embedding-size 4 --batch-size 2 --bptt 8 --precision float32 --device cpu --quiet"
pytestmark = pytest.mark.slow  # every command, once

COMMANDS = [
    f"train corpus.txt --steps 8 --save-every 4 --sample-every 4 --ngram 3 --out checkpoints/one {TINY}",
    "train --resume checkpoints/one --steps 4 --quiet",
    f"train corpus.txt --steps 4 --bidirectional --out checkpoints/two {TINY}",
    "train corpus.txt --steps 2 --init-from checkpoints/one --out checkpoints/three --precision float32 --quiet",
    "sample checkpoints/one --length 20 --ngram",
    "eval checkpoints/one --ngram",
    "fill checkpoints/two 'the ___ sat'",
    "inspect checkpoints/one",
    "inspect gradients checkpoints/one --lags 3",
    "inspect gates checkpoints/one --length 30",
    "inspect truncation checkpoints/one --text corpus.txt --span 4",
    "inspect training checkpoints/one",
    "inspect next checkpoints/one --prompt The",
    "demo clipping --text corpus.txt --steps 2 --hidden-size 8",
    "demo gradients --text corpus.txt --steps 2 --hidden-size 8",
    "demo copy --size 60 --distance 5-9 --steps 1 --hidden-size 8",
    "inspect memory checkpoints/demo-copy/lstm",
    "runs",
    "report checkpoints/one --out page.html --quiet",
    "corpus build pydoc",
    "corpus list",
    "corpus info corpus.txt --quiet",
    "cache",
    "cache prune --all --yes",
    "verify checkpoints/one",
    "prune checkpoints/one --yes",
    "rm checkpoints/one --yes",
]


class Audited(NamedTuple):
    """Commands that were run.

    Attributes:
        folder: they were run in.
        codes: their exit codes.
        noticed: events before the commands, one of each kind.
        events: of the commands: name, and path or details.
    """

    folder: Path
    codes: list[int]
    noticed: list[list[str]]
    events: list[list[str]]


def audited(folder: Path, commands: list[str]) -> Audited:
    """Run commands in a folder, with home, cache and temporary files next to it."""
    places = {"HOME": "home", "XDG_CACHE_HOME": "home/.cache", "TMPDIR": "temporary", "RNNGEN_CACHE": "cache"}
    for name in places.values():
        (folder.parent / name).mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, **{name: str(folder.parent / place) for name, place in places.items()}}
    environment |= {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    environment.pop("TORCHINDUCTOR_CACHE_DIR", None)  # where torch, in this process, has made a folder
    report = folder.parent / "events.json"
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.audited", str(report), json.dumps(commands)],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return Audited(folder, **json.loads(report.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Audited:
    """Every command, once."""
    folder = tmp_path_factory.mktemp("promises") / "work"
    folder.mkdir()
    (folder / "corpus.txt").write_text(make_text(4_000), encoding="utf-8")
    found = audited(folder, COMMANDS)
    assert found.codes == [0] * len(COMMANDS)
    return found


def test_what_is_looked_for_is_noticed(everything: Audited) -> None:
    assert {"pickle.find_class", "socket.connect", "open", "os.remove"} <= {event for event, _ in everything.noticed}


def test_nothing_is_unpickled(everything: Audited) -> None:
    assert [each for each in everything.events if each[0] == "pickle.find_class"] == []


def test_nothing_is_fetched(everything: Audited) -> None:
    assert [each for each in everything.events if each[0].startswith("socket.")] == []


def test_every_command_but_the_one_that_downloads_is_among_those_that_fetch_nothing() -> None:
    typed = {tuple(command.split()[:2]) for command in COMMANDS}
    for name in ALL_COMMANDS:
        members = getattr(load_command(name), "commands", {"": None})
        for member in members:
            if (name, member) == ("corpus", "get"):
                continue
            if name == "demo" and member in ("brackets", "adding"):  # the code of demo copy, on other texts
                continue
            is_default = member in ("", "card", "list")
            assert (name, member) in typed or (is_default and any(first == name for first, *_ in typed)), (name, member)


def test_only_the_command_that_downloads_asks_a_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It asks the one that it is told to go through, which does not answer."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    (tmp_path / "work").mkdir()
    found = audited(tmp_path / "work", ["corpus get names --quiet"])
    assert found.codes == [1]
    asked = [details for event, details in found.events if event == "socket.connect"]
    assert asked
    assert all("('127.0.0.1', 9)" in details for details in asked)
    (tmp_path / "other").mkdir()
    refused = audited(tmp_path / "other", ["corpus get", "corpus get nothing"])
    assert refused.codes == [2, 2]
    assert [each for each in refused.events if each[0].startswith("socket.")] == []


def test_nothing_is_written_outside_of_run_cache_and_temporary_files(everything: Audited) -> None:
    work, around = everything.folder, everything.folder.parent
    allowed = [work / "checkpoints", around / "cache", around / "temporary", Path(os.devnull)]
    allowed += [work / "corpora", work / "page.html", work / ".page.html.tmp"]  # what two of the commands are for

    def is_outside(path: str) -> bool:
        real = Path(os.path.realpath(work / path))
        return not any(place in (real, *real.parents) for place in allowed)

    changed = [each for each in everything.events if not each[0].startswith(("socket.", "pickle."))]
    assert any(event == "open" for event, _ in changed)
    # a bare name may be relative to an open folder of a run; what is in the current folder shows that it was
    assert [each for each in changed if is_outside(each[1]) and os.sep in each[1]] == []
    assert {path.name for path in work.iterdir()} == {"corpus.txt", "checkpoints", "corpora", "page.html"}
    assert list((around / "home").rglob("*")) == [around / "home/.cache"]
    left = {path.name.partition("_")[0] for path in (around / "temporary").iterdir()}
    assert left <= {"torchinductor"}  # a folder that torch makes


# pickles


PLANS = f"{RESUME}/{PLAN}"
PASSED_OVER = {METRICS, SAMPLES, PLANS, LOCK}
"""Files of rows, of which those that rnngen did not write are passed over, and one that is never read."""


class Canary:
    """Unpickling it makes a file."""

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path("canary"),)


@pytest.mark.fault(12)
def test_a_pickle_in_place_of_any_file_is_never_unpickled(mixed: Path, tmp_path: Path) -> None:
    """Each with the checksum that it then has, for every command that reads it."""
    work, commands = tmp_path / "work", []
    work.mkdir()
    content = pickle.dumps(Canary())
    names = sorted({*(path.relative_to(mixed).as_posix() for path in mixed.rglob("*") if path.is_file()), PLANS})
    assert {MODEL, NGRAM, MANIFEST, *PASSED_OVER} <= {*names}
    for number, name in enumerate(names):
        run = work / f"run-{number}"
        shutil.copytree(mixed, run)
        (run / name).write_bytes(content)
        folder = (run / name).parent
        if Path(name).name != MANIFEST and (folder / MANIFEST).exists():
            covered = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
            (folder / MANIFEST).write_bytes(manifest_bytes({each: (folder / each).read_bytes() for each in covered}))
        commands += [f"{each} {run.name}" for each in ("sample --ngram -n 3", "inspect", "verify -q")]
        commands += [f"train --resume {run.name} --quiet", f"rm {run.name} --yes"]
    (work / "pickle").write_bytes(content)
    commands += ["sample pickle", "train pickle --steps 2", "verify pickle", "train --config pickle"]
    found = audited(work, commands)
    assert [each for each in found.events if each[0] == "pickle.find_class"] == []
    assert not (work / "canary").exists()
    assert set(found.codes) <= {0, 1, 2}
    assert all(found.codes[-4:])
    verified = [code for code, command in zip(found.codes, commands, strict=True) if command.startswith("verify -q")]
    assert verified == [int(name not in PASSED_OVER) for name in names]


# the page


def test_every_promise_names_tests_that_exist() -> None:
    page = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    promises = re.findall(r"^- \*\*.*?(?=^- \*\*|^\S|\Z)", page, flags=re.DOTALL | re.MULTILINE)
    assert len(promises) >= 5
    for promise in promises:
        named = re.findall(r"`(tests/[\w/]+\.py)`", promise)
        assert named, promise
        assert all((ROOT / name).is_file() for name in named), promise
