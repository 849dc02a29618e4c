"""What all tests share: isolation from the user's folders, a small text, a small trained run, the command line."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

import rnngen
from rnngen.cli.app import run as run_cli
from rnngen.model.language_model import RecurrentLM
from rnngen.options.config import RunConfig
from rnngen.training.learner import Learner
from rnngen.training.planning import notes, plan, speed

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # what a script starts in the background ignores Ctrl-C,
    signal.signal(signal.SIGINT, signal.default_int_handler)  # and so would all processes that tests interrupt


def pytest_xdist_auto_num_workers() -> int:
    """As many as there are cores, also where some are threads of one: three on two were measured to be slower."""
    return os.cpu_count() or 1


WORDS = [
    "the",
    "a",
    "cat",
    "dog",
    "bird",
    "sat",
    "ran",
    "flew",
    "on",
    "under",
    "over",
    "mat",
    "tree",
    "house",
    "slowly",
    "quickly",
    "and",
    "then",
    "but",
]


def make_text(characters: int, seed: int = 0) -> str:
    """Sentences of a few words: learnable in seconds, the same every time."""
    rng = random.Random(seed)
    lines: list[str] = []
    size = 0
    while size < characters:
        line = " ".join(rng.choice(WORDS) for _ in range(rng.randint(3, 9))).capitalize() + ".\n"
        line += "\n" if rng.random() < 0.2 else ""
        lines.append(line)
        size += len(line)
    return "".join(lines)[:characters]


@pytest.fixture(autouse=True)
def _isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has a current folder and a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RNNGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Networks this small are fastest on one core, and the numbers are then the same on every machine."""
    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"


def measured_once(measure: Callable[..., float]) -> Callable[..., float]:
    """The same number again for the same network, batch and device, unless steps are no longer what they were."""
    known: dict[tuple[object, ...], float] = {}

    def measured(config: RunConfig, *rest: Any) -> float:
        train, steps = config.train, (Learner.__init__, Learner.loss, Learner.step, RecurrentLM.forward)
        network = (repr(config.model), repr(config.optimizer), train.batch_size, train.bptt, train.device)
        key = (*network, train.precision, *(each for each in rest if isinstance(each, str | int)), *steps)
        if key not in known:
            known[key] = measure(config, *rest)
        return known[key]

    return measured


@pytest.fixture(scope="session", autouse=True)
def _measured_briefly() -> Iterator[None]:
    """A few steps show how fast a network this small is, once; processes of their own measure as they do for users."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(speed, "MEASURE_SECONDS", 0.0)
        for module, name in ((speed, "step_seconds"), (plan, "measure_validation")):
            patch.setattr(module, name, measured_once(getattr(module, name)))
        patch.setattr(notes, "OBSERVED_SECONDS", 0.001)
        yield


@pytest.fixture(scope="session")
def needs_bf16() -> None:
    """Skip the test where torch has no LSTM in bfloat16: oneDNN has kernels for it only on some processors."""
    layer = torch.nn.LSTM(4, 4)
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            layer(torch.zeros(2, 1, 4))[0].float().sum().backward()
            with torch.no_grad():
                layer(torch.zeros(2, 1, 4))
    except RuntimeError as error:
        pytest.skip(f"no LSTM in bfloat16 on this processor: {str(error).partition('.')[0]}")
    if not speed.has_bf16_kernels("cpu"):
        pytest.skip("bfloat16 is emulated on this processor")


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A text file of 20,000 characters."""
    path = tmp_path / "corpus.txt"
    path.write_text(make_text(20_000), encoding="utf-8")
    return path


FAST = {
    "hidden_size": 16,
    "embedding_size": 8,
    "batch_size": 4,
    "bptt": 16,
    "precision": "float32",
    "device": "cpu",
    "sample_every": 0,
}
"""Options of a run that trains in a moment, on one core or many."""


@pytest.fixture(scope="session")
def _trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    (folder / "corpus.txt").write_text(make_text(20_000), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RNNGEN_CACHE", str(folder / "cache"))
        rnngen.train(folder / "corpus.txt", out=folder / "run", steps=60, valid_every=20, save_every=20, **FAST)
    return folder


@pytest.fixture
def trained(_trained: Path, tmp_path: Path) -> Path:
    """A small trained run, ``checkpoints/tiny`` in the current folder: a copy, so that a test may break it."""
    shutil.copytree(_trained / "run", tmp_path / "checkpoints" / "tiny")
    return tmp_path / "checkpoints" / "tiny"


@pytest.fixture(scope="session")
def _mixed(_trained: Path) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RNNGEN_CACHE", str(_trained / "cache"))
        rnngen.train(_trained / "corpus.txt", out=_trained / "mixed", steps=40, valid_every=20, ngram=4, **FAST)
    return _trained


@pytest.fixture
def mixed(_mixed: Path, tmp_path: Path) -> Path:
    """A small trained run with an n-gram model, ``checkpoints/mixed`` in the current folder: a copy."""
    shutil.copytree(_mixed / "mixed", tmp_path / "checkpoints" / "mixed")
    return tmp_path / "checkpoints" / "mixed"


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run the command line in this process: ``cli("sample", "--seed", 1)`` → exit code, stdout, stderr.

    ``eval`` compares with baselines only for ``compared=True``: on a text this small that takes longer than the rest.
    """

    def call(*arguments: object, compared: bool = False) -> Outcome:
        capsys.readouterr()
        fast = ["--fast"] if arguments[:1] == ("eval",) and not compared else []
        code = run_cli([*(str(a) for a in arguments), *fast])
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call


@pytest.fixture
def rnngen_command() -> Iterator[list[str]]:
    """The command line as a process of its own, which a hang-up ends, also where these tests run under nohup."""
    hang_up = getattr(signal, "SIGHUP", None)  # none on Windows
    before = signal.signal(hang_up, signal.SIG_DFL) if hang_up else None
    yield [sys.executable, "-m", "rnngen"]
    if hang_up:
        signal.signal(hang_up, before)
