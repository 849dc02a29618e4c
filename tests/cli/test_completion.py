"""Shell completion: what the shells are told as they ask for it, and what they make of it where they are installed."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rnngen
from rnngen.cli import app
from rnngen.cli.app import run as run_cli
from rnngen.cli.commands import COMMANDS, load_command
from rnngen.cli.completion import join_values
from rnngen.platforms import stop_signals


def asked(line: str, words: list[str]) -> dict[str, str]:
    """The environment in which a shell asks for completions."""
    return {
        "COMP_WORDS": line,  # of bash
        "COMP_CWORD": str(len(words) - 1),
        "_TYPER_COMPLETE_ARGS": line,  # of the others
        "_TYPER_COMPLETE_WORD_TO_COMPLETE": words[-1],
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., list[str]]:
    """What a shell is told in this process: ``offered("rnngen tr")``."""

    def call(line: str, shell: str = "bash") -> list[str]:
        words = line.split(" ")
        for name, value in asked(line, words).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("_RNNGEN_COMPLETE", f"complete_{shell}")
        with pytest.raises(SystemExit):
            run_cli([])
        captured = capsys.readouterr()
        assert captured.err == ""
        return [line for line in captured.out.splitlines() if line]

    return call


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
def test_commands_options_and_values_are_completed(
    offered: Callable[..., list[str]], line: str, words: list[str]
) -> None:
    assert offered(line) == words


@pytest.mark.parametrize(
    "line",
    [
        "rnngen sample ",
        "rnngen sample checkp",
        "rnngen eval checkpoints/t",
        "rnngen eval --against c",
        "rnngen train --resume ",
        "rnngen train text.txt --init-from che",
        "rnngen inspect checkpoints/",
        "rnngen inspect gates ",
        "rnngen report checkpoints/tiny ",
        "rnngen verify ",
        "rnngen rm ",
        "rnngen prune ",
        "rnngen fill ",
    ],
)
def test_runs_are_completed_where_a_run_is_due(offered: Callable[..., list[str]], trained: Path, line: str) -> None:
    shutil.copytree(trained, "checkpoints/demo/lstm")
    Path("checkpoints/no run").mkdir()
    found = [word for word in offered(line) if word.startswith("checkpoints")]
    expected = ["checkpoints/demo/lstm", "checkpoints/tiny"]
    assert sorted(found) == [run for run in expected if run.startswith(line.split(" ")[-1])]


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize("command", ["sample", "fill"])
def test_no_second_run_is_completed_where_one_is_due(offered: Callable[..., list[str]], command: str) -> None:
    assert offered(f"rnngen {command} ") != []
    assert offered(f"rnngen {command} checkpoints/tiny ") == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_completion_ends_without_a_word(monkeypatch: pytest.MonkeyPatch, number: signal.Signals) -> None:
    left: list[int] = []
    before = {each: signal.getsignal(each) for each in stop_signals()}
    monkeypatch.setenv("_RNNGEN_COMPLETE", "complete_bash")
    monkeypatch.setattr(os, "_exit", left.append)
    monkeypatch.setattr(app, "run", lambda **_: signal.raise_signal(number))
    monkeypatch.setattr(sys, "stderr", sys.stderr)
    try:
        with pytest.raises(SystemExit):
            app.main()
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    assert left == [128 + number]


def commands_with_runs(line: str, command: Any) -> list[str]:
    """The command lines, of a command and those below it, after which a run may come."""
    if hasattr(command, "commands"):
        below = command.commands.items()
        return [each for name, other in below for each in commands_with_runs(f"{line} {name}", other)]
    return [line] * any(each.opts[0] in ("run", "runs", "runs_and_texts", "others") for each in command.params)


def test_every_command_that_takes_a_run_completes_runs(offered: Callable[..., list[str]], trained: Path) -> None:
    commands = [each for name in COMMANDS for each in commands_with_runs(f"rnngen {name}", load_command(name))]
    assert {"rnngen sample", "rnngen inspect card", "rnngen inspect training"} <= set(commands)
    assert len(commands) > 12
    for command in commands:
        assert "checkpoints/tiny" in offered(f"{command} "), command
        assert offered(f"{command} checkp") == ["checkpoints/tiny"], command


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("rnngen train --documents ", ["none", "files", "lines", "paragraphs"]),
        ("rnngen train --device c", ["cpu", "cuda", "cuda:0"]),
        ("rnngen train --encoding gb1", ["gb18030"]),
        ("rnngen corpus get tiny", ["tinyshakespeare"]),
        ("rnngen corpus build p", ["pydoc"]),
        ("rnngen sample --prompt-file ", []),  # the shell completes files
        ("rnngen train --valid ", []),
        ("rnngen eval some-run te", []),
        ("rnngen sample elsewhere/ru", []),
    ],
)
def test_values_and_names_are_completed_and_files_left_to_the_shell(
    offered: Callable[..., list[str]], line: str, words: list[str]
) -> None:
    assert offered(line) == words


@pytest.mark.parametrize(
    ("words", "at", "joined", "then"),
    [
        (["rnngen", "train", "--cell", "=", "g"], 4, ["rnngen", "train", "--cell=g"], 2),
        (["rnngen", "train", "--cell", "="], 3, ["rnngen", "train", "--cell="], 2),
        (["rnngen", "train", "--cell", "=", "gru", "--mi"], 5, ["rnngen", "train", "--cell=gru", "--mi"], 3),
        (["rnngen", "train", "--mi", "--cell", "=", "gru"], 2, ["rnngen", "train", "--mi", "--cell=gru"], 2),
        (["rnngen", "train", "a", "=", "b"], 4, ["rnngen", "train", "a", "=", "b"], 4),
    ],
)
def test_bash_hands_over_a_value_after_an_equals_sign_in_three_words(
    words: list[str], at: int, joined: list[str], then: int
) -> None:
    environment = {"_RNNGEN_COMPLETE": "complete_bash", "COMP_WORDS": "\n".join(words), "COMP_CWORD": str(at)}
    join_values(environment)
    assert (environment["COMP_WORDS"].split("\n"), environment["COMP_CWORD"]) == (joined, str(then))


@pytest.mark.parametrize("shell", ["zsh", "fish"])
@pytest.mark.usefixtures("trained")
def test_zsh_and_fish_are_told_when_a_run_was_saved(offered: Callable[..., list[str]], shell: str) -> None:
    (line,) = offered("rnngen sample checkpoints/t", shell)
    assert "checkpoints/tiny" in line
    assert re.search(r"saved \d{4}-\d\d-\d\d", line)


@pytest.mark.parametrize("shell", ["zsh", "fish", "powershell"])
def test_other_shells_are_told_the_help_too(offered: Callable[..., list[str]], shell: str) -> None:
    (line,) = offered("rnngen train --minu", shell)
    assert "--minutes" in line
    assert "How long training may take in all." in line


def test_completing_imports_no_torch() -> None:
    program = "import sys, atexit; atexit.register(lambda: print('torch' in sys.modules, file=sys.stderr))\n"
    program += "from rnngen.cli.app import main; main()"
    asked = {"_RNNGEN_COMPLETE": "complete_bash", "COMP_WORDS": "rnngen train --minu", "COMP_CWORD": "2"}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, env={**os.environ, **asked}
    )
    assert (done.stdout, done.stderr) == ("--minutes\n", "False\n")


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """The environment of a user who has installed rnngen, with a home of their own."""
    home, path = tmp_path / "home", tmp_path / "bin"
    home.mkdir()
    path.mkdir()
    command = path / "rnngen"
    command.write_text(f"#!/bin/sh\nexec '{sys.executable}' -c 'from rnngen.cli.app import main; main()' \"$@\"\n")
    command.chmod(0o755)
    environment = {**os.environ, "HOME": str(home), "PATH": f"{path}{os.pathsep}{os.environ['PATH']}"}
    environment.pop("XDG_CONFIG_HOME", None)
    return {**environment, "PYTHONPATH": str(Path(rnngen.__file__).parents[1])}


SCRIPTS = {
    "bash": (
        'source "$HOME/.bashrc" && COMP_WORDS=(rnngen train --cell = g) COMP_CWORD=4 && _rnngen_completion rnngen'
        ' && echo "${COMPREPLY[@]}" && complete -p rnngen',
        ["gru", "complete -o default -F _rnngen_completion rnngen"],
    ),
    "zsh": (
        'compdef() { print -r -- "$@" }; _arguments() { print -r -- "$@" }; words=(rnngen train --cell g) CURRENT=4; '
        "source ~/.zfunc/_rnngen; _rnngen_completion",
        ["_rnngen_completion rnngen", '*: :(("gru"))'],
    ),
    "fish": ('source ~/.config/fish/completions/rnngen.fish; complete -C "rnngen train --cell g"', ["gru"]),
}
"""Shell → what completes in it after the installation without a terminal, and what it then prints."""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
@pytest.mark.parametrize("shell", SCRIPTS)
def test_shells_complete_with_what_install_completion_writes(home: dict[str, str], shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    start = {"bash": ["bash", "--norc", "-c"], "zsh": ["zsh", "-f", "-c"], "fish": ["fish", "--no-config", "-c"]}[shell]

    def run(script: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*start, script], capture_output=True, text=True, timeout=60, env=home)

    installed = run("rnngen --install-completion; true")
    assert f"{shell} completion installed in" in installed.stdout, installed.stderr
    script, lines = SCRIPTS[shell]
    completed = run(script)
    assert completed.stdout.splitlines() == lines, completed.stderr


@pytest.mark.parametrize("arguments", [["--install-completion", "zsh"], ["--install-completion=zsh"]])
def test_completion_is_installed_for_the_shell_that_is_named(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    with pytest.raises(SystemExit) as left:
        run_cli(arguments)
    assert left.value.code == 0
    assert capsys.readouterr().out.startswith(f"zsh completion installed in {tmp_path / '.zfunc/_rnngen'}")
    assert (tmp_path / ".zfunc/_rnngen").read_text().startswith("#compdef rnngen")
    assert not (tmp_path / ".bashrc").exists()


def test_the_script_of_a_named_shell_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run_cli(["--show-completion", "fish"])
    assert capsys.readouterr().out.startswith("complete --command rnngen")


@pytest.mark.parametrize("typed", [["csh"], ["zsh", "bash"], ["train"]])
def test_what_is_no_shell_is_refused(
    typed: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert run_cli(["--install-completion", *typed]) == 2
    expected = "expected bash, zsh, fish, powershell, pwsh"
    said = f"--install-completion: not the name of a shell; {expected}; found {' '.join(typed)}\n"
    assert said in capsys.readouterr().err
    assert [*tmp_path.iterdir()] == []
