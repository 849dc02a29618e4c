"""Shell completion: what the shells are told, in a process of its own as they ask for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import rnngen


def ask(line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``rnngen`` as a shell's completion function does, with this line typed up to the cursor."""
    words = line.split(" ")
    asked = {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}  # of bash
    asked |= {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_WORD_TO_COMPLETE": words[-1]}  # of the others
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", "from rnngen.cli.app import main; main()"],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "_RNNGEN_COMPLETE": "complete_bash", **asked, **environment},
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("rnngen tr", ["train"]),
        ("rnngen --inst", ["--install-completion"]),
        ("rnngen train --minu", ["--minutes"]),
        ("rnngen train --cell ", ["lstm", "gru", "rnn"]),
        ("rnngen train --cell=g", ["gru"]),
        ("rnngen sample --top", ["--top-k", "--top-p"]),
        ("rnngen eval --part t", ["train", "test"]),
        ("rnngen inspect g", ["gradients", "gates"]),
        ("rnngen inspect --com", ["--compare"]),
        ("rnngen inspect --he", ["--help"]),
        ("rnngen inspect gates --un", ["--unit"]),
        ("rnngen inspect some-run --com", ["--compare"]),
        ("rnngen train corpus.tx", []),  # the shell completes paths itself
        ("rnngen trian --mi", []),
    ],
)
def test_commands_options_and_values_are_completed(line: str, words: list[str]) -> None:
    done = ask(line)
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, words, "")


@pytest.mark.parametrize("shell", ["zsh", "fish", "powershell"])
def test_other_shells_are_told_the_help_too(shell: str) -> None:
    done = ask("rnngen train --minu", _RNNGEN_COMPLETE=f"complete_{shell}", _TYPER_COMPLETE_FISH_ACTION="get-args")
    assert (done.returncode, done.stderr) == (0, "")
    assert "--minutes" in done.stdout
    assert "How long the whole command may take." in done.stdout


def test_completing_imports_no_torch() -> None:
    program = "import sys, atexit; atexit.register(lambda: print('torch' in sys.modules, file=sys.stderr))\n"
    program += "from rnngen.cli.app import main; main()"
    asked = {"_RNNGEN_COMPLETE": "complete_bash", "COMP_WORDS": "rnngen train --minu", "COMP_CWORD": "2"}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, env={**os.environ, **asked}
    )
    assert (done.stdout, done.stderr) == ("--minutes\n", "False\n")


@pytest.mark.skipif(shutil.which("bash") is None or sys.platform == "win32", reason="needs bash")
def test_bash_completes_with_what_install_completion_writes(tmp_path: Path) -> None:
    home, path = tmp_path / "home", tmp_path / "bin"
    home.mkdir()
    path.mkdir()
    command = path / "rnngen"
    command.write_text(f"#!/bin/sh\nexec '{sys.executable}' -c 'from rnngen.cli.app import main; main()' \"$@\"\n")
    command.chmod(0o755)
    environment = {**os.environ, "HOME": str(home), "PATH": f"{path}{os.pathsep}{os.environ['PATH']}"}
    environment["PYTHONPATH"] = str(Path(rnngen.__file__).parents[1])

    def bash(script: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "--norc", "-c", script], capture_output=True, text=True, timeout=60, env=environment
        )

    installed = bash("rnngen --install-completion; exit $?")
    assert installed.returncode == 0, installed.stderr
    assert "bash completion installed in" in installed.stdout
    completed = bash(
        'source "$HOME/.bashrc" && COMP_WORDS=(rnngen train --minu) COMP_CWORD=2 && _rnngen_completion rnngen'
        ' && echo "${COMPREPLY[@]}" && complete -p rnngen'
    )
    assert completed.stdout.splitlines()[0] == "--minutes", completed.stderr
    assert "_rnngen_completion" in completed.stdout.splitlines()[1]
