"""Text that would steer a terminal or speak Rich's markup: learned and piped as it is, shown harmless."""

from __future__ import annotations

import io
import json
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rnngen.training.events import Sampled
from rnngen.training.trainer import Trainer
from tests.conftest import FAST, Outcome

pytestmark = pytest.mark.fault(22)

Cli = Callable[..., Outcome]

HOSTILE = "[bold red]x[/] \x1b[31mred\x1b]0;title\a \u202eback\r\x9b2J[/nothing]\n"
STEERING = ["\x1b[31m", "\x1b]0;", "\a", "\u202e", "\x9b"]
OPTIONS = [
    part
    for name, value in {**FAST, "steps": 20, "sample_every": 10}.items()
    for part in (f"--{name.replace('_', '-')}", str(value))
]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _signal_handlers() -> Iterator[None]:
    """Training takes over SIGINT and SIGTERM; give them back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    path = tmp_path / "hostile.txt"
    path.write_text(HOSTILE.replace("\r", "") * 60, encoding="utf-8", newline="")
    return path


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Terminal]:
    """Make a standard stream a terminal of 100 columns."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")

    def make(name: str) -> Terminal:
        stream = Terminal()
        monkeypatch.setattr(sys, name, stream)
        return stream

    return make


def test_a_terminal_is_shown_samples_without_their_powers(
    cli: Cli, hostile: Path, terminal: Callable[[str], Terminal], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Trainer, "_sample", lambda self: [Sampled(self.step, HOSTILE)])
    stderr = terminal("stderr")
    assert cli("train", hostile, *OPTIONS).code == 0
    shown = stderr.getvalue()
    assert [powers for powers in STEERING if powers in shown] == []
    assert "[bold red]x[/] ␛[31mred␛]0;title␇ \ufffdback␍\ufffd2J[/nothing]" in shown
    assert shown.count("[bold red]x[/]") == 2  # at step 10 and at step 20


def test_a_terminal_is_shown_names_of_folders_without_their_powers(
    cli: Cli, hostile: Path, terminal: Callable[[str], Terminal]
) -> None:
    stderr = terminal("stderr")
    assert cli("train", hostile, *OPTIONS, "--out", "run[bold red]\x1b[31m\a").code == 0
    shown = stderr.getvalue()
    assert [powers for powers in STEERING if powers in shown] == []
    assert "Training into run[bold red]␛[31m␇" in shown


def test_samples_go_to_their_file_as_they_are(cli: Cli, hostile: Path) -> None:
    assert cli("train", hostile, *OPTIONS, "--out", "run").code == 0
    assert "\x1b" in Path("run/samples.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("more", [[], ["--num-samples", "2"]], ids=["one", "two"])
def test_generated_text_is_raw_into_a_pipe_and_harmless_on_a_terminal(
    cli: Cli, hostile: Path, terminal: Callable[[str], Terminal], more: list[str]
) -> None:
    assert cli("train", hostile, *OPTIONS).code == 0
    sample = ["sample", "--prompt", "[bold red]\x1b[31m", "--seed", "1", "--quiet", *more]
    piped = cli(*sample)
    assert piped.code == 0
    for character in ("\x1b", "\x9b", "\u202e", "\a"):
        assert piped.out.count(character) > 2, "the model writes what it has read"
    stdout = terminal("stdout")
    assert cli(*sample).code == 0
    shown = stdout.getvalue()
    assert [c for c in shown if not c.isprintable() and c != "\n"] == []
    assert len(shown) == len(piped.out)
    assert shown.count("␛") == piped.out.count("\x1b")
    assert "[bold red]␛[31m" in shown


def test_json_carries_hostile_text_escaped(cli: Cli, hostile: Path) -> None:
    assert cli("train", hostile, *OPTIONS).code == 0
    out = cli("sample", "--seed", 1, "--json").out
    assert "\x1b" not in out
    assert "\x1b" in json.loads(out)["text"]


def test_hostile_words_in_errors_and_notes_are_harmless(cli: Cli, hostile: Path) -> None:
    assert cli("train", hostile, *OPTIONS).code == 0
    for arguments in (
        ["sample", "--prompt", "\x1b]8;;\x07漢\x9d"],
        ["sample", "no\x1b[2Jrun"],
        ["eval", "no\x1b[2Jrun"],
        ["train", "no\x1b[2Jtext"],
        ["tr\x1b[2Jain"],
        ["train", hostile, "--cell", "\x1b[2J"],
    ):
        assert [c for c in cli(*arguments).err if not c.isprintable() and c != "\n"] == [], arguments
