"""What is saved is damaged, or is a link: nothing is lost in silence, and nothing elsewhere is touched."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from rnngen.runs.manifest import manifest_bytes
from rnngen.training import launch
from rnngen.training.checkpoint import load_state
from rnngen.training.resuming import resume
from tests.conftest import FAST, Outcome
from tests.training.interrupted import finish

Cli = Callable[..., Outcome]

FILES = ["state.safetensors", "state.json", "manifest.json"]


@pytest.fixture
def stopped(corpus: Path) -> Path:
    """A run that was stopped after 9 of 20 steps, with states of steps 8 and 9."""
    options = {**FAST, "steps": 20, "valid_every": 4, "save_every": 4, "corpus": [str(corpus)]}
    finish(launch.launch(options, out=Path("checkpoints/stopped")), stop_at=9)
    return Path("checkpoints/stopped")


def cut(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.fault(3)
@pytest.mark.parametrize("damage", [cut, flip, Path.unlink], ids=["cut", "flip", "delete"])
@pytest.mark.parametrize("name", FILES)
def test_the_state_before_a_damaged_one_is_used_and_the_damaged_file_is_named(
    stopped: Path, cli: Cli, name: str, damage: Callable[[Path], object]
) -> None:
    damage(stopped / "resume/000000009" / name)
    outcome = cli("train", "--resume", stopped)
    assert outcome.code == 0
    warnings = [line for line in outcome.err.splitlines() if "Continuing from 000000008 instead." in line]
    assert len(warnings) == 1
    assert "resume/000000009/" in warnings[0]
    assert damage is flip or name in warnings[0]  # a bit of a checksum makes another file the one that differs
    assert load_state(stopped).values["step"] == 20
    assert cli("verify", stopped, "-q").code == 0


@pytest.mark.fault(3)
@pytest.mark.parametrize("command", [("sample", "-n", 3), ("eval",), ("inspect",)], ids=lambda command: command[0])
def test_damaged_weights_of_a_run_given_by_hand_are_a_clear_error(
    stopped: Path, cli: Cli, command: tuple[object, ...]
) -> None:
    cut(stopped / "model.safetensors")
    outcome = cli(command[0], stopped, *command[1:])
    assert outcome.code == (0 if command == ("inspect",) else 1)  # which reads no weights
    if outcome.code:
        assert outcome.err.count("\n") == 1
        assert "checkpoints/stopped/model.safetensors: is damaged" in outcome.err
        assert "rnngen verify checkpoints/" in outcome.err


@pytest.mark.fault(3)
def test_damaged_weights_are_replaced_when_the_run_is_resumed(stopped: Path, cli: Cli) -> None:
    cut(stopped / "model.safetensors")
    outcome = cli("train", "--resume", stopped)
    assert outcome.code == 0
    assert "The weights of the saved state are used instead." in outcome.err
    assert cli("sample", stopped, "-n", 3).code == 0


@pytest.mark.fault(4)
@pytest.mark.parametrize("name", FILES)
def test_a_run_whose_states_are_all_damaged_is_never_begun_anew(stopped: Path, cli: Cli, name: str) -> None:
    for step in (8, 9):
        cut(stopped / f"resume/{step:09d}" / name)
    before = files(stopped)
    outcome = cli("train", "--resume", stopped)
    assert outcome.code == 1
    assert outcome.err.count("\n") == 1
    assert "every saved state is damaged" in outcome.err
    assert f"resume/000000009/{name}" in outcome.err
    assert {n: c for n, c in files(stopped).items() if n != ".lock"} == {
        n: c for n, c in before.items() if n != ".lock"
    }
    verified = cli("verify", stopped, "-q")
    assert verified.code == 1
    assert "train --resume: impossible: " in verified.out
    assert cli("train", "corpus.txt", "--out", stopped).code == 2  # nor is it overwritten


@pytest.mark.fault(25)
@pytest.mark.parametrize("command", ["rm", "prune"])
@pytest.mark.parametrize("name", ["model.safetensors", "resume", "resume/000000060", "resume/000000060/state.json"])
def test_no_link_is_followed_when_something_is_removed(trained: Path, cli: Cli, command: str, name: str) -> None:
    outside = Path("outside")
    (trained / name).rename(outside)
    (trained / name).symlink_to(outside.absolute())
    before = files(Path())
    outcome = cli(command, trained, "--yes")
    assert outcome.code == 1
    assert "is a link" in outcome.err
    assert files(Path()) == before


@pytest.mark.fault(26)
@pytest.mark.parametrize("step", [10**12, 2**62 - 3])
@pytest.mark.parametrize("jitter", [0.0, 3.0])
def test_a_state_that_says_that_it_took_more_steps_than_any_run_is_resumed_at_once(
    corpus: Path, step: int, jitter: float
) -> None:
    options = {**FAST, "bptt_jitter": jitter, "steps": 20, "save_every": 4, "corpus": [str(corpus)]}
    finish(launch.launch(options, out=Path("run")), stop_at=5)
    shutil.rmtree("run/resume/000000004")
    state = Path("run/resume/000000005").rename(f"run/resume/{step}")
    values = json.loads((state / "state.json").read_bytes())
    values["stretches"][0]["steps"] = step + 2
    (state / "state.json").write_text(json.dumps({**values, "step": step}))
    contents = {name: (state / name).read_bytes() for name in FILES[:2]}
    (state / "manifest.json").write_bytes(manifest_bytes(contents))
    finish(resume(Path("run")))
    assert load_state(Path("run")).values["step"] == step + 2
