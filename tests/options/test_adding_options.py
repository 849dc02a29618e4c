"""One declaration adds an option: to the command's help, to files of options, to Python and to the messages.

A copy of the package gets a training option and a sampling filter, each by the edits that CONTRIBUTING describes.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import rnngen
from tests.conftest import FAST, make_text

pytestmark = pytest.mark.slow  # a copy of the package, in processes of its own

TRAINING_OPTION = """\
    jolt: float = option(0.0, "Standard deviation of noise on the gradient.", panel=LEARNING, minimum=0, below=1)
"""
FILTER_OPTION = """\
    lowest_ids: int = option(0, "Keep the N lowest token ids; 0: all.", panel=DRAWING, minimum=0, role="filter")
"""
FILTER = '''

def lowest_ids(w: Weights, n: int) -> Weights:
    """Keep the n tokens with the lowest ids."""
    return np.where(np.arange(w.shape[1]) < n, w, 0)
'''

USE_IN_PYTHON = """
import inspect, json, sys
import rnngen
from rnngen.sampling.generator import Generator

def message(**options):
    try:
        "".join(generator.generate(**options))
    except rnngen.RnngenError as error:
        return str(error)

generator = rnngen.load(sys.argv[1])
print(json.dumps({
    "package": rnngen.__file__,
    "keywords": list(inspect.signature(Generator.generate).parameters),
    "doc": Generator.generate.__doc__,
    "text": "".join(generator.generate(length=60, lowest_ids=3, seed=1)),
    "several": [each.text for each in generator.generate_batch([""] * 3, length=20, lowest_ids=3, seed=1)],
    "neutral": "".join(generator.generate(length=60, lowest_ids=0, seed=1)),
    "default": "".join(generator.generate(length=60, seed=1)),
    "invalid": message(lowest_ids=-1),
    "misspelled": message(lowest_id=3),
}))
"""


@dataclass(frozen=True)
class Copy:
    """A folder with a copy of the package, a text, and a run that was trained with the new option from a file."""

    folder: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(self.folder), "RNNGEN_CACHE": str(self.folder / "cache")}
        return subprocess.run(
            [sys.executable, *arguments], cwd=self.folder / "work", env=environment, capture_output=True, text=True
        )

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run("-m", "rnngen", *arguments)


def insert_after_option(file: Path, group: str, name: str, declaration: str) -> None:
    """Insert a declaration after that of another option of the same group."""
    source = file.read_text(encoding="utf-8")
    classes = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef) and node.name == group]
    fields = [node for node in classes[0].body if isinstance(node, ast.AnnAssign)]
    (known,) = (node for node in fields if isinstance(node.target, ast.Name) and node.target.id == name)
    lines = source.splitlines(keepends=True)
    lines.insert(known.end_lineno or 0, declaration)
    file.write_text("".join(lines), encoding="utf-8")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    folder = tmp_path_factory.mktemp("copy")
    package = folder / "rnngen"
    shutil.copytree(Path(rnngen.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    insert_after_option(package / "options" / "training.py", "OptimizerConfig", "clip", TRAINING_OPTION)
    insert_after_option(package / "sampling" / "options.py", "Sampling", "typical", FILTER_OPTION)
    with (package / "sampling" / "filters.py").open("a", encoding="utf-8") as file:
        file.write(FILTER)
    work = folder / "work"
    work.mkdir()
    (work / "corpus.txt").write_text(make_text(20_000), encoding="utf-8")
    options = [f"{name.replace('_', '-')} = {json.dumps(value)}" for name, value in FAST.items()]
    (work / "options.toml").write_text("\n".join([*options, "steps = 5", "jolt = 0.25"]), encoding="utf-8")
    found = Copy(folder)
    outcome = found.command("train", "corpus.txt", "--config", "options.toml", "--out", "run")
    assert outcome.returncode == 0, outcome.stderr
    return found


@pytest.fixture(scope="module")
def in_python(copy: Copy) -> dict[str, Any]:
    outcome = copy.run("-c", USE_IN_PYTHON, "run")
    assert outcome.returncode == 0, outcome.stderr
    found: dict[str, Any] = json.loads(outcome.stdout)
    assert Path(found["package"]).is_relative_to(copy.folder)
    return found


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("train", ["--jolt", "Standard deviation of noise on the gradient.", "[default: 0.0]"]),
        ("sample", ["--lowest-ids", "Keep the N lowest token ids; 0: all.", "[default: 0]"]),
    ],
)
def test_the_help_shows_a_new_option(copy: Copy, command: str, shown: Sequence[str]) -> None:
    words = " ".join(copy.command(command, "--help-all").stdout.split())
    assert all(each in words for each in shown)


def test_a_file_gives_a_new_training_option_and_the_run_records_it(copy: Copy) -> None:
    recorded = json.loads((copy.folder / "work" / "run" / "config.json").read_text(encoding="utf-8"))
    assert recorded["optimizer"]["jolt"] == 0.25


@pytest.mark.parametrize("how", ["in a file", "on the command line"])
def test_a_new_training_option_out_of_range_is_refused(copy: Copy, how: str) -> None:
    if how == "in a file":
        (copy.folder / "work" / "wrong.toml").write_text("jolt = 1.5", encoding="utf-8")
        given, name = ["--config", "wrong.toml"], "jolt"
    else:
        given, name = ["--jolt", "1.5"], "--jolt"
    outcome = copy.command("train", "corpus.txt", *given)
    assert outcome.returncode == 2
    assert f"invalid value for {name}; expected a number from 0 to below 1; found 1.5" in outcome.stderr


def test_a_misspelled_new_option_is_suggested_in_a_file(copy: Copy) -> None:
    (copy.folder / "work" / "misspelled.toml").write_text("jollt = 0.5", encoding="utf-8")
    outcome = copy.command("train", "corpus.txt", "--config", "misspelled.toml")
    assert outcome.returncode == 2
    assert "Did you mean jolt?" in outcome.stderr


def test_a_new_filter_is_a_documented_keyword_of_generate(in_python: dict[str, Any]) -> None:
    assert "lowest_ids" in in_python["keywords"]
    assert "lowest_ids: Keep the N lowest token ids; 0: all. Default: 0." in in_python["doc"]


def test_a_new_filter_takes_effect_on_what_is_drawn(copy: Copy, in_python: dict[str, Any]) -> None:
    # ids are the unknown symbol, which is never drawn, and the characters in the order of their code points
    assert set(in_python["text"]) == {"\n", " "}
    assert all(set(text) <= {"\n", " "} for text in in_python["several"])
    assert in_python["neutral"] == in_python["default"]
    assert not set(in_python["default"]) <= {"\n", " "}
    written = copy.command("sample", "run", "--lowest-ids", "3", "--length", "60", "--seed", "1", "--quiet")
    assert written.stdout.rstrip("\n") == in_python["text"].rstrip("\n")


def test_a_new_filters_value_and_name_are_checked(copy: Copy, in_python: dict[str, Any]) -> None:
    assert in_python["invalid"] == "invalid value for `lowest_ids`; expected an integer ≥ 0; found -1"
    assert "Did you mean `lowest_ids`?" in in_python["misspelled"]
    outcome = copy.command("sample", "run", "--lowest-ids", "-1")
    assert outcome.returncode == 2
    assert "invalid value for --lowest-ids; expected an integer ≥ 0; found -1" in outcome.stderr
