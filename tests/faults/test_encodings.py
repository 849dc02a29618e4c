"""Locales and streams that are not UTF-8: text, JSON, notes and errors, with nothing lost in silence."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import rnngen
from tests.conftest import FAST

TEXT = "Пётр пришёл домой. Он ел щи.\n"
ASCII_LOCALE = {"LC_ALL": "C", "LANG": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def run(rnngen_command: list[str], tmp_path: Path) -> Run:
    """Run the command line as a process, with a model of Cyrillic text; pairs of the environment come first."""
    (tmp_path / "Пётр.txt").write_text(TEXT * 300, encoding="utf-8")
    (tmp_path / "text.txt").write_text(TEXT * 300, encoding="utf-8")
    rnngen.train(tmp_path / "text.txt", out="checkpoints/Пётр", steps=30, **FAST)

    def call(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*rnngen_command, *arguments], capture_output=True, timeout=100, env={**os.environ, **environment}
        )

    return call


@pytest.mark.skipif(os.name == "nt", reason="locales of POSIX")
@pytest.mark.parametrize(
    "arguments",
    [
        ["sample", "--seed", "1", "-n", "40", "-p", "Пётр", "--stop", "щи", "--ban", "ё", "--json", "--force", "Он"],
        pytest.param(["eval", "checkpoints/Пётр", "Пётр.txt", "--fast"], marks=pytest.mark.slow),
        pytest.param(["runs"], marks=pytest.mark.slow),
        pytest.param(["sample", "--stop", "漢", "-n", "3", "--seed", "1"], marks=pytest.mark.slow),
        ["sample", "нет"],
    ],
    ids=["options", "eval", "runs", "unknown letters", "no run"],
)
def test_a_locale_without_the_letters_changes_nothing_in_files_and_pipes(run: Run, arguments: list[str]) -> None:
    usual, plain = run({"PYTHONUTF8": "1"}, *arguments), run(ASCII_LOCALE, *arguments)
    assert usual.returncode == plain.returncode
    assert plain.stdout.decode() == usual.stdout.decode()
    assert plain.stderr.decode() == usual.stderr.decode()


@pytest.mark.parametrize("encoding", ["ascii", pytest.param("latin-1", marks=pytest.mark.slow)])
def test_an_encoding_without_the_letters_loses_them_with_one_warning_and_json_none(run: Run, encoding: str) -> None:
    chosen = {"PYTHONIOENCODING": encoding}
    text = ["sample", "--seed", "1", "-n", "40", "-p", "Пётр"]
    usual = run({"PYTHONIOENCODING": "utf-8"}, *text)
    lossy = run(chosen, *text, "--num-samples", "3")
    assert lossy.returncode == 0
    assert b"????" in lossy.stdout
    assert lossy.stderr.count(b"warning: the encoding of standard output") == 1
    assert b"PYTHONIOENCODING=utf-8" in lossy.stderr
    assert b"warning" not in usual.stderr
    sample = json.loads(run(chosen, *text, "--json").stdout.decode(encoding))
    assert sample["prompt"] + sample["text"] == usual.stdout.decode().rstrip("\n")
    kept = run({"PYTHONIOENCODING": "cp1251"}, *text)
    assert kept.stdout.decode("cp1251") == usual.stdout.decode()
    assert b"warning" not in kept.stderr


def test_notes_and_errors_lose_nothing_either(run: Run) -> None:
    chosen = {"PYTHONIOENCODING": "ascii"}
    assert run(chosen, "sample", "нет").stderr.startswith(rb"rnngen: error: \u043d\u0435\u0442: is not a run")
    note = run(chosen, "sample", "-p", "漢", "-n", "3", "--json").stderr
    assert note.startswith(rb"note: the model has never seen '\u6f22'")
