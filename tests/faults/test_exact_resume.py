"""A run that is cut short at random, by SIGKILL, SIGTERM or SIGINT, and resumed, again and again, is the same run."""

from __future__ import annotations

import os
import random
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rnngen.runs.layout import saved_steps
from rnngen.runs.plan_record import Stretch
from rnngen.runs.writer import RunWriter
from tests.conftest import make_text
from tests.faults.forked_commands import Commands, Cut, Ended, forked_commands
from tests.training.interrupted import outcome_of

pytestmark = [
    pytest.mark.fault(2),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork a process"),
]

SAVE_EVERY = 5
BASE: dict[str, Any] = {
    "hidden_size": 10,
    "embedding_size": 6,
    "batch_size": 4,
    "bptt": 8,
    "precision": "float32",
    "device": "cpu",
    "threads": 1,
    "seed": 3,
    "valid_every": 9,
    "save_every": SAVE_EVERY,
    "sample_every": 14,
    "patience": 0,
}
DROPOUT = {"dropout": 0.2, "weight_dropout": 0.2, "input_dropout": 0.1, "embedding_dropout": 0.1}
AVERAGED_LATE = {"optimizer": "asgd", "learning_rate": 20.0, "nonmono": 1, "valid_every": 3}

SETUPS: dict[str, dict[str, Any]] = {
    "dropout": DROPOUT,
    "two layers": {**DROPOUT, "num_layers": 2, "hidden_dropout": 0.3},
    "gru": {**DROPOUT, "cell": "gru"},
    "rnn": {**DROPOUT, "cell": "rnn", "nonlinearity": "relu"},
    "tied": {**DROPOUT, "num_layers": 2, "tied": True},
    "no average": {**DROPOUT, "ema": 0},
    "asgd": {**DROPOUT, **AVERAGED_LATE},
    "bidirectional": {**DROPOUT, "bidirectional": True},
    "bidirectional gru of two layers": {**DROPOUT, "bidirectional": True, "cell": "gru", "num_layers": 2},
    "windows of varying length": {**DROPOUT, "bptt_jitter": 3.0},
    "awd-lstm": {
        **DROPOUT,
        **AVERAGED_LATE,
        "num_layers": 2,
        "tied": True,
        "bptt_jitter": 3.0,
        "activation_regularization": 2.0,
        "temporal_activation_regularization": 1.0,
    },
    "words and cosine": {**DROPOUT, "tokenizer": "word", "decay": "cosine", "warmup": 0.2},
    "an n-gram model": {"ngram": 3},
    "documents": {**DROPOUT, "documents": "lines"},
    "documents of a gru": {**DROPOUT, "documents": "paragraphs", "cell": "gru", "tokenizer": "byte"},
    "ended by patience": {"patience": 3, "muon_learning_rate": 3.0, "learning_rate": 1.0, "decay": "none"},
}
"""What is trained, beyond ``BASE``. An epoch has 84 steps."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a text of 2,700 characters to train on."""
    folder = tmp_path_factory.mktemp("exact")
    (folder / "corpus.txt").write_text(make_text(3000), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def commands(home: Path) -> Iterator[Commands]:
    with forked_commands(home / "cache") as commands:
        yield commands


def train(home: Path, options: dict[str, Any], out: Path) -> list[object]:
    given = [f"--{name.replace('_', '-')}={value}" for name, value in options.items() if not isinstance(value, bool)]
    given += [f"--{name.replace('_', '-')}" for name, value in options.items() if value is True]
    return ["train", home / "corpus.txt", *given, "--out", out, "--quiet"]


def random_cut(rng: random.Random, run: Path) -> Cut:
    """After a step, at most about two saves away, or at an operation on a file, most of which are within saves."""
    number = rng.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
    if rng.random() < 0.5:
        return Cut(number, operation=rng.randint(1, 60))
    last = int(saved_steps(run)[0].name) if saved_steps(run) else 0
    return Cut(number, step=last + rng.randint(1, 2 * SAVE_EVERY))


def cut_again_and_again(
    commands: Commands, begin: list[object], run: Path, points: int, rng: random.Random
) -> list[tuple[Cut, Ended]]:
    """Begin a run and cut it short this often; resume it each time, in the end for good."""
    cuts: list[tuple[Cut, Ended]] = []
    resume = ["train", "--resume", run, "--quiet"]
    while len(cuts) < points:
        if not saved_steps(run):  # nothing to resume: it is begun again
            shutil.rmtree(run, ignore_errors=True)
        cut = random_cut(rng, run)
        ended = commands.run(*(resume if saved_steps(run) else begin), cut=cut)
        assert "Traceback" not in ended.err
        if ended.code == 0:  # it was over before
            break
        assert ended.code == {signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGINT: 130}[signal.Signals(cut.number)]
        cuts.append((cut, ended))
    ended = commands.run(*(resume if saved_steps(run) else begin))
    assert ended.code == 0, (ended.err, cuts)
    return cuts


def written_with(commands: Commands, run: Path, options: dict[str, Any]) -> str:
    """What the model of a run writes, with a seed."""
    what = (
        ["fill", run, "The cat ___ on the mat.", "--gibbs", 3]
        if options.get("bidirectional")
        else ["sample", run, "-n", 100]
    )
    ended = commands.run(*what, "--seed", 7)
    assert ended.code == 0, ended.err
    return ended.out


def assert_equal(
    commands: Commands, parts: Path, whole: Path, options: dict[str, Any], cuts: list[tuple[Cut, Ended]]
) -> None:
    expected, found = outcome_of(whole), outcome_of(parts)
    assert {key for key in expected if expected[key] != found[key]} == set(), cuts
    assert written_with(commands, parts, options) == written_with(commands, whole, options)


def exact(commands: Commands, home: Path, setup: str, steps: int, points: int) -> list[tuple[Cut, Ended]]:
    """Compare a run that is cut short with one that is not; if it ends too early for all cuts, it is begun again."""
    options = {**BASE, **SETUPS[setup], "steps": steps}
    whole, parts = Path("whole").absolute(), Path("parts").absolute()
    assert commands.run(*train(home, options, whole)).code == 0
    cuts: list[tuple[Cut, Ended]] = []
    rng = random.Random(setup)
    while len(cuts) < points:
        shutil.rmtree(parts, ignore_errors=True)
        cuts += cut_again_and_again(commands, train(home, options, parts), parts, points - len(cuts), rng)
        assert_equal(commands, parts, whole, options, cuts)
    return cuts


def test_a_run_that_is_cut_short_at_random_equals_one_that_is_not(commands: Commands, home: Path) -> None:
    assert len(exact(commands, home, "awd-lstm", steps=30, points=3)) == 3


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("setup", SETUPS)
def test_any_run_that_is_cut_short_at_random_equals_one_that_is_not(commands: Commands, home: Path, setup: str) -> None:
    cuts = exact(commands, home, setup, steps=150, points=25)
    print(len(cuts), "cuts,", len([ended for _, ended in cuts if ended.where]), "at an operation on a file")


@pytest.mark.slow
def test_a_run_whose_plan_changed_follows_the_record_however_it_is_cut_short(commands: Commands, home: Path) -> None:
    """As after training by the clock: the process that was killed had got further than its last save."""
    options = {**BASE, **DROPOUT, "steps": 200}
    whole, parts = Path("whole").absolute(), Path("parts").absolute()
    begin = train(home, options, parts)
    assert commands.run(*begin, cut=Cut(signal.SIGTERM, step=7)).code == 143
    writer = RunWriter(parts)
    writer.record_plan([Stretch(20, 150, 1, "float32"), Stretch(48, 110, 1, "float32")])
    writer.close()
    shutil.copytree(parts, whole, ignore=shutil.ignore_patterns(".lock*"))
    assert commands.run("train", "--resume", whole, "--quiet").code == 0
    cuts = cut_again_and_again(commands, begin, parts, 25, random.Random(0))
    assert outcome_of(whole)["saved"] == 110
    assert_equal(commands, parts, whole, options, cuts)
