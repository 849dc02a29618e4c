"""Runs that are cut short — by a signal, by numbers that are not finite, by a full disk — and go on bit for bit."""

from __future__ import annotations

import copy
import json
import math
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import rnngen
from rnngen.cli import signals as signals_module
from rnngen.cli.progress import Screen
from rnngen.errors import TrainingError
from rnngen.runs.finding import never_saved, open_run
from rnngen.runs.folder import Folder
from rnngen.runs.layout import PASSING, saved_steps
from rnngen.training import launch
from rnngen.training.checkpoint import load_state
from rnngen.training.events import Event, Stepped
from rnngen.training.trainer import Trainer
from tests.conftest import FAST, Outcome, make_text
from tests.runs.saving import disk_full_at
from tests.training.interrupted import outcome_of

Cli = Callable[..., Outcome]

SHORT = {**FAST, "steps": 60, "valid_every": 20, "save_every": 15, "sample_every": 30, "dropout": 0.2, "patience": 0}
LONG = {**FAST, "steps": 240, "valid_every": 60, "save_every": 40, "dropout": 0.2, "patience": 0}


def command_line(options: dict[str, Any]) -> list[str]:
    return [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", str(value))]


@pytest.fixture(autouse=True)
def _signal_handlers() -> Iterator[None]:
    """Training takes over SIGINT and SIGTERM; give them back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a corpus."""
    folder = tmp_path_factory.mktemp("signals")
    (folder / "corpus.txt").write_text(make_text(20_000), encoding="utf-8")
    return folder


def uninterrupted(home: Path, name: str, options: dict[str, Any]) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RNNGEN_CACHE", str(home / "cache"))
        rnngen.train(home / "corpus.txt", out=home / name, **options)
    return outcome_of(home / name)


@pytest.fixture(scope="module")
def short(home: Path) -> dict[str, Any]:
    """What the short run comes to when nothing happens to it."""
    return uninterrupted(home, "short", SHORT)


@pytest.fixture(scope="module")
def long(home: Path) -> dict[str, Any]:
    """What the long run comes to when nothing happens to it."""
    return uninterrupted(home, "long", LONG)


# stopped in this process


def stopping_at(step: int, trainer: Trainer) -> Callable[[Event], None]:
    def on_event(event: Event) -> None:
        if isinstance(event, Stepped) and event.step == step:
            trainer.stop("SIGINT")

    return on_event


@pytest.mark.fault(2)
# 7: between everything; 15: on a save; 20: on a validation; 30: on a save and a sample; 40: on a validation before
# any new save; 59, 60: at the end
@pytest.mark.parametrize("step", [1, 20, 59, *(pytest.param(n, marks=pytest.mark.slow) for n in (7, 15, 30, 40, 60))])
def test_a_run_stopped_at_any_step_and_resumed_equals_one_that_never_stopped(
    home: Path, short: dict[str, Any], step: int
) -> None:
    launched = launch.launch({**SHORT, "corpus": [str(home / "corpus.txt")]}, out=Path("run"))
    stopped = launch.run_to_end(launched, stopping_at(step, launched.trainer))
    assert (stopped.reason, stopped.step) == ("SIGINT", step)
    finished = launch.run_to_end(launch.resume(Path("run")))
    assert (finished.reason, finished.step) == ("steps", 60)
    assert outcome_of(Path("run")) == short


@pytest.mark.fault(2)
@pytest.mark.parametrize("cell", ["lstm", pytest.param("gru", marks=pytest.mark.slow)])
def test_a_bidirectional_run_resumed_equals_one_that_never_stopped(home: Path, cell: str) -> None:
    options = {**SHORT, "corpus": [str(home / "corpus.txt")], "bidirectional": True, "cell": cell, "steps": 24}
    whole = launch.run_to_end(launch.launch(options, out=Path("whole")))
    launched = launch.launch(options, out=Path("run"))
    assert launch.run_to_end(launched, stopping_at(13, launched.trainer)).step == 13
    finished = launch.run_to_end(launch.resume(Path("run")))
    assert outcome_of(Path("run")) == outcome_of(Path("whole"))
    assert finished.gradient == whole.gradient  # the norms of the steps before the stop are in it
    (Path("run") / "metrics.jsonl").unlink()
    assert launch.run_to_end(launch.resume(Path("run"))).step == 24  # lost, and nothing else is


@pytest.mark.fault(2)
def test_a_run_stopped_again_and_again_equals_one_that_never_stopped(home: Path, short: dict[str, Any]) -> None:
    launched = launch.launch({**SHORT, "corpus": [str(home / "corpus.txt")]}, out=Path("run"))
    for step in (3, 4, 19, 20, 21, 45, 58):
        assert launch.run_to_end(launched, stopping_at(step, launched.trainer)).step == step
        launched = launch.resume(Path("run"))
    launch.run_to_end(launched)
    assert outcome_of(Path("run")) == short


def test_a_stopped_run_that_was_never_validated_can_be_sampled(home: Path) -> None:
    launched = launch.launch({**SHORT, "corpus": [str(home / "corpus.txt")]}, out=Path("run"))
    launch.run_to_end(launched, stopping_at(2, launched.trainer))
    assert len(rnngen.generate(run="run", length=10)) == 10


def signal_after_step(monkeypatch: pytest.MonkeyPatch, step: int, number: int) -> None:
    original = Screen.show

    def show(self: Screen, event: Event) -> None:
        if isinstance(event, Stepped) and event.step == step:
            signal.raise_signal(number)
        original(self, event)

    monkeypatch.setattr(Screen, "show", show)


@pytest.mark.fault(5)
@pytest.mark.parametrize(
    ("number", "code", "folder", "more"),
    [(signal.SIGINT, 130, "run", []), (signal.SIGTERM, 143, "run", ["--quiet"]), (signal.SIGINT, 130, "my run", [])],
    ids=["SIGINT", "SIGTERM and quiet", "a folder to quote"],
)
def test_a_signal_ends_the_step_saves_and_shows_how_to_go_on(
    cli: Cli,
    home: Path,
    short: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    code: int,
    folder: str,
    more: list[str],
) -> None:
    with monkeypatch.context() as patch:
        signal_after_step(patch, 9, number)
        outcome = cli("train", home / "corpus.txt", *command_line(SHORT), "--out", folder, *more)
    assert (outcome.code, outcome.out) == (code, "")
    said, line = outcome.err.splitlines()[-2:]
    how = "Ctrl-C" if number == signal.SIGINT else "a request to end (SIGTERM)"
    assert said == f"Stopped by {how} after step 9; the run is saved. Resume it:"
    command = shlex.split(line)
    assert command == ["rnngen", "train", "--resume", folder]
    assert cli(*command[1:]).code == 0
    assert outcome_of(Path(folder)) == short


def test_json_of_a_stopped_run_says_why(cli: Cli, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    signal_after_step(monkeypatch, 9, signal.SIGTERM)
    outcome = cli("train", home / "corpus.txt", *command_line(SHORT), "--json")
    result = json.loads(outcome.out)
    assert (outcome.code, result["reason"], result["step"]) == (143, "SIGTERM", 9)
    assert result["valid_nats_per_token"] is None


@pytest.mark.fault(6)
@pytest.mark.parametrize("name", ["model.safetensors.new", "state.safetensors", "manifest.json"])
def test_a_signal_during_a_save_lets_the_save_complete(
    cli: Cli, home: Path, short: dict[str, Any], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    original = Folder.create
    sent: list[str] = []

    def create(folder: Folder, file: str, content: bytes) -> None:
        if file == name and not sent:
            sent.append(file)
            signal.raise_signal(signal.SIGTERM)
        original(folder, file, content)

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "create", create)
        assert cli("train", home / "corpus.txt", *command_line(SHORT), "--out", "run").code == 143
    assert sent
    assert not list(Path("run").glob("*.new"))
    assert cli("train", "--resume", "run").code == 0
    assert outcome_of(Path("run")) == short


@pytest.mark.fault(5)
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_second_signal_leaves_at_once(monkeypatch: pytest.MonkeyPatch, number: signal.Signals, code: int) -> None:
    left: list[int] = []
    stopped: list[str] = []
    monkeypatch.setattr(os, "_exit", left.append)
    with signals_module.stopped_by_signals(SimpleNamespace(stop=stopped.append)):  # type: ignore[arg-type]
        signal.raise_signal(signal.SIGINT)
        assert (stopped, left) == (["SIGINT"], [])
        signal.raise_signal(number)
    assert (stopped, left) == (["SIGINT"], [code])


def test_an_interrupt_while_planning_leaves_nothing_behind(
    cli: Cli, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(launch, "make_plan", interrupted)
    outcome = cli("train", home / "corpus.txt", *command_line(SHORT))
    assert outcome.code == 130
    assert outcome.err.startswith("Stopped while ")
    assert outcome.err.endswith(": no run was begun.\n")
    for run in Path().glob("checkpoints/*"):  # what was imported last may be imported after the run has begun
        assert load_state(run)


# stopped as processes are


SLOWLY = """
import time
from rnngen.__main__ import main
from rnngen.training.trainer import Trainer
train = Trainer._train
def slow(trainer):
    train(trainer)
    time.sleep(0.03 if trainer.step >= 100 else 0)
Trainer._train = slow
main()
"""
"""The command line, which takes its time from step 100 on, so that it is not over when it is signalled."""


def rows_written(run: Path) -> int:
    path = run / "metrics.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.mark.slow
@pytest.mark.fault(2)
@pytest.mark.fault(5)
@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGKILL, -9)],
    ids=lambda x: str(x),
)
def test_a_process_that_is_signalled_goes_on_bit_for_bit(
    cli: Cli, home: Path, long: dict[str, Any], rnngen_command: list[str], number: signal.Signals, code: int
) -> None:
    process = subprocess.Popen(
        [rnngen_command[0], "-c", SLOWLY, "train", str(home / "corpus.txt"), *command_line(LONG), "--out", "run"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while rows_written(Path("run")) < 100 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert out == ""
    assert "Traceback" not in err
    if number != signal.SIGKILL:
        assert err.splitlines()[-1] == "  rnngen train --resume run"
    assert 0 < load_state(Path("run")).values["step"] < LONG["steps"]
    assert cli("sample", "run", "-n", 20).code == 0
    resumed = cli("train", "--resume", "run", "--json")
    assert resumed.code == 0
    assert json.loads(resumed.out)["step"] == LONG["steps"]
    assert outcome_of(Path("run")) == long


EARLY = """
import os, sys
number, at = map(int, sys.argv[1:3])
imports = 0
def hook(event, _):
    global imports
    imports += event == "import"
    if imports == at and event == "import":
        os.kill(os.getpid(), number)
from rnngen.__main__ import main
sys.argv = ["rnngen", *sys.argv[3:]]
sys.addaudithook(hook)
main()
"""
"""The command line, which is signalled at an import."""


@pytest.mark.fault(29)
@pytest.mark.parametrize("at", [1, *(pytest.param(n, marks=pytest.mark.slow) for n in (150, 1000))])
def test_an_interrupt_while_a_command_imports_what_it_needs_ends_it_quietly(
    home: Path, rnngen_command: list[str], at: int
) -> None:
    command = [rnngen_command[0], "-c", EARLY, str(int(signal.SIGINT)), str(at), "train", str(home / "corpus.txt")]
    ended = subprocess.run([*command, *command_line(LONG)], capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stdout) == (130, "")
    assert "Traceback" not in ended.stderr
    for run in Path().glob("checkpoints/*"):  # what is imported last is imported after the run has begun
        assert {path.name for path in run.iterdir()} <= PASSING or never_saved(run) or load_state(run)


@pytest.mark.slow
@pytest.mark.fault(29)
def test_what_is_written_to_a_closed_standard_error_goes_into_no_file_of_the_run(
    home: Path, rnngen_command: list[str]
) -> None:
    command = [rnngen_command[0], "-c", SLOWLY, "train", str(home / "corpus.txt"), *command_line(LONG), "--out", "run"]
    process = subprocess.Popen(["sh", "-c", 'exec "$@" 2>&-', "sh", *command])
    deadline = time.monotonic() + 60
    while rows_written(Path("run")) < 100 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 143
    assert Path("run/.lock").read_bytes() == b""
    assert 0 < load_state(Path("run")).values["step"] < LONG["steps"]


# numbers that are not finite


def poisoned_cross_entropy(what: str) -> Callable[..., torch.Tensor]:
    original = torch.nn.functional.cross_entropy

    def cross_entropy(*arguments: Any, **more: Any) -> torch.Tensor:
        loss = original(*arguments, **more)
        if what == "gradient":
            if loss.requires_grad:
                loss.register_hook(lambda gradient: gradient * math.nan)
            return loss
        return loss * {"loss nan": math.nan, "loss inf": math.inf}[what]

    return cross_entropy


@pytest.mark.fault(7)
@pytest.mark.parametrize("what", ["loss nan", "loss inf", "gradient"])
def test_what_is_not_finite_stops_the_run_before_the_weights_are_touched(
    home: Path, short: dict[str, Any], what: str
) -> None:
    launched = launch.launch({**SHORT, "corpus": [str(home / "corpus.txt")]}, out=Path("run"))
    patch = pytest.MonkeyPatch()
    before: dict[str, torch.Tensor] = {}

    def on_event(event: Event) -> None:
        if isinstance(event, Stepped) and event.step == 37:  # what comes next is step 38
            before.update(copy.deepcopy(launched.trainer.learner.tensors()))
            patch.setattr(torch.nn.functional, "cross_entropy", poisoned_cross_entropy(what))

    with pytest.raises(TrainingError, match=f"the {what.split()[0]} is not finite at step 38"):
        try:
            launch.run_to_end(launched, on_event)
        finally:
            patch.undo()
    after = launched.trainer.learner.tensors()
    for name in [name for name in before if name.split("/")[0] in ("weights", "average", "optimizer")]:
        assert torch.equal(after[name], before[name]), name
    assert load_state(Path("run")).values["step"] == 30
    assert rnngen.generate(run="run", length=5)
    launch.run_to_end(launch.resume(Path("run")))  # the cause gone, it goes on as if nothing had been
    assert outcome_of(Path("run")) == short


def test_a_diverged_run_is_one_line_on_the_command_line(cli: Cli, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = Screen.show

    def show(self: Screen, event: Event) -> None:
        if isinstance(event, Stepped) and event.step == 2:
            monkeypatch.setattr(torch.nn.functional, "cross_entropy", poisoned_cross_entropy("loss nan"))
        original(self, event)

    monkeypatch.setattr(Screen, "show", show)
    outcome = cli("train", home / "corpus.txt", *command_line(SHORT), "--quiet")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith("rnngen: error: ")
    assert "the loss is not finite at step 3;" in outcome.err
    assert outcome.err.count("\n") == 1


def test_a_weight_that_is_not_finite_is_found_at_the_next_step(home: Path) -> None:
    launched = launch.launch({**SHORT, "corpus": [str(home / "corpus.txt")]}, out=Path("run"))

    def on_event(event: Event) -> None:
        if isinstance(event, Stepped) and event.step == 22:
            with torch.no_grad():
                next(launched.trainer.learner.model.parameters()).fill_(math.inf)

    with pytest.raises(TrainingError, match="at step 23"):
        launch.run_to_end(launched, on_event)
    assert load_state(Path("run")).values["step"] == 15


# a full disk


def refused(outcome: Outcome) -> None:
    assert (outcome.code, outcome.out) == (1, ""), outcome
    assert "cannot be written (No space left on device)" in outcome.err.splitlines()[-1]
    assert outcome.err.count("\n") == 1


def test_a_disk_that_is_full_from_the_start_leaves_nothing_behind(cli: Cli, home: Path) -> None:
    with disk_full_at(".config.json.tmp", 0):
        refused(cli("train", home / "corpus.txt", *command_line(SHORT), "--quiet"))
    assert not list(Path().glob("checkpoints/*"))


@pytest.mark.fault(9)
@pytest.mark.parametrize(
    ("name", "after"),
    [
        ("model.safetensors.new", 1),
        (".manifest.json.tmp", 1),
        ("state.safetensors", 2),
        ("state.json", 2),
        ("metrics.jsonl", 35),
        ("samples.txt", 1),
    ],
)
def test_a_disk_that_fills_up_leaves_the_last_checkpoint_intact(
    cli: Cli, home: Path, short: dict[str, Any], name: str, after: int
) -> None:
    with disk_full_at(name, after):
        refused(cli("train", home / "corpus.txt", *command_line(SHORT), "--out", "run", "--quiet"))
    assert open_run("run").weights()
    assert load_state(Path("run")).values["step"] in (15, 30, 45)
    left = [path.name for path in Path("run").rglob("*") if path.suffix in (".new", ".tmp")]
    assert left == []
    assert all(path in saved_steps(Path("run")) for path in Path("run/resume").iterdir())
    assert cli("train", "--resume", "run", "--quiet").code == 0
    assert outcome_of(Path("run")) == short
