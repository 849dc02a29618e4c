"""What must hold on every machine: each command on each kind of network, on whatever kernels there are.

The quick suite runs some of these tests as they are. ``matrix.py`` runs all of them, once for each machine that can be
pretended.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import rnngen
from rnngen.engine.recurrence import Recurrence
from rnngen.errors import UsageError
from rnngen.model.language_model import RecurrentLM
from rnngen.model.load import load_language_model
from rnngen.runs.finding import open_run
from rnngen.training import launch
from rnngen.training.events import Event, Stepped, Warned
from rnngen.training.planning import speed
from tests.conftest import Outcome
from tests.rounding import rounding_bound, run_nats_bound

Cli = Callable[..., Outcome]

SMALL = {"hidden_size": 32, "embedding_size": 16, "batch_size": 8, "bptt": 16, "save_every": 5, "valid_every": 5}
KINDS: dict[str, dict[str, Any]] = {
    "lstm": {"cell": "lstm"},
    "gru": {"cell": "gru"},
    "rnn": {"cell": "rnn"},
    "two layers": {"cell": "lstm", "num_layers": 2},
    "bidirectional": {"cell": "lstm", "bidirectional": True},
    "bidirectional gru": {"cell": "gru", "bidirectional": True},
}
QUICK = {"lstm"}  # the others are slow tests, which matrix.py runs in CI
every_kind = pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, id=name, marks=[pytest.mark.slow] * (name not in QUICK)) for name, kind in KINDS.items()],
)


def options(**more: Any) -> list[str]:
    """Of the command line; precision, device and threads are left to the plan."""
    given = {**SMALL, "steps": 12, "sample_every": 0, **more}
    flags = [f"--{name.replace('_', '-')}" for name, value in given.items() if value is True]
    named = {name: value for name, value in given.items() if value is not True and value is not None}
    return flags + [str(part) for name, value in named.items() for part in (f"--{name.replace('_', '-')}", value)]


def done(outcome: Outcome) -> Outcome:
    assert outcome.code == 0, outcome.err
    assert "Traceback" not in outcome.err
    return outcome


@every_kind
def test_every_command_works_with_what_the_plan_chooses(cli: Cli, corpus: Path, kind: dict[str, Any]) -> None:
    trained = done(cli("train", corpus, *options(**kind, steps=60, sample_every=30), "--out", "run", "--json"))
    assert json.loads(trained.out)["step"] == 60
    assert " in float32" in trained.err or " in bf16" in trained.err
    scored = json.loads(done(cli("eval", "run", "--json", "--gaps", 2)).out)
    nats = scored["pseudo_nats_per_token" if kind.get("bidirectional") else "nats_per_token"]
    assert nats < np.log(39)  # better than chance over the 39 characters of this text
    done(cli("inspect", "run"))
    done(cli("inspect", "gradients", "run", "--lags", 8))
    done(cli("inspect", "gates", "run"))
    if kind.get("bidirectional"):
        best, *_ = done(cli("fill", "run", "the ___ sat.", "--json")).out.splitlines()
        assert len(json.loads(best)["fills"]) == 1
    else:
        assert len(done(cli("sample", "run", "--length", 50, "--seed", 1)).out) >= 50


@pytest.mark.parametrize("name", ["lstm", "gru", "rnn", "two layers"])
def test_torch_and_numpy_give_the_same_logits_and_score(corpus: Path, name: str) -> None:
    rnngen.train(corpus, out="run", steps=12, sample_every=0, **SMALL, **KINDS[name])
    run = open_run("run")
    text = corpus.read_text(encoding="utf-8")[:300]
    tokens = run.tokenizer().encode(text)
    ids = torch.from_numpy(tokens.astype(np.int64))[:, None]  # (T, 1)

    def logits(model: RecurrentLM) -> Any:
        start = model.start_state(1)
        return torch.cat([model.readout(start), model(ids, start)[0][:, 0]]).numpy()  # (T + 1, V)

    network = load_language_model(run)
    with torch.no_grad():
        ours = logits(network)
    engine = Recurrence(run.model_config(), run.weights())
    engine.reset()
    theirs = np.concatenate([engine.logits.copy(), *(engine.step([token]).copy() for token in tokens)])
    assert np.abs(ours - theirs).max() <= rounding_bound(logits, network)
    Path("text.txt").write_text(text, encoding="utf-8", newline="\n")
    exact = theirs[:-1].astype(np.float64)
    nats = np.logaddexp.reduce(exact, axis=1) - exact[np.arange(len(tokens)), tokens]
    assert abs(rnngen.evaluate(run, "text.txt").nats - nats.sum()) <= run_nats_bound(Path("run"), text)


@every_kind
def test_a_stopped_run_goes_on_bit_for_bit(corpus: Path, kind: dict[str, Any]) -> None:
    given = {**SMALL, "steps": 12, "sample_every": 0, "seed": 3, "dropout": 0.2, **kind, "corpus": [str(corpus)]}
    whole = launch.launch(given, out=Path("whole"))
    precision = whole.trainer.config.train.precision
    launch.run_to_end(whole)
    threads = whole.trainer.config.train.threads
    halves = launch.launch({**given, "precision": precision, "threads": threads}, out=Path("halves"))

    def stop(event: Event) -> None:
        if isinstance(event, Stepped) and event.step == 7:
            halves.trainer.stop("SIGINT")

    launch.run_to_end(halves, stop)
    warnings: list[Event] = []
    resumed = launch.resume(Path("halves"))
    launch.run_to_end(resumed, lambda e: warnings.append(e) if isinstance(e, Warned) else None)
    assert not warnings
    contents = [(Path(run) / "model.safetensors").read_bytes() for run in ("whole", "halves")]
    assert contents[0] == contents[1]


@every_kind
def test_bf16_by_name_trains_or_is_a_usage_error_that_says_what_to_use(
    cli: Cli, corpus: Path, kind: dict[str, Any]
) -> None:
    outcome = cli("train", corpus, *options(**kind, precision="bf16", steps=3), "--out", "run")
    if outcome.code:
        assert outcome.code == 2
        assert "--precision bf16 cannot be used: " in outcome.err
        assert "; expected --precision float32, or auto" in outcome.err
        assert not Path("run").exists()
    else:
        assert "in bf16" in outcome.err


def test_a_run_in_bf16_goes_on_where_there_is_none(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {**SMALL, "steps": 12, "sample_every": 0, "precision": "bf16", "corpus": [str(corpus)]}
    try:
        begun = launch.launch(given, out=Path("run"))
    except UsageError as error:
        pytest.skip(str(error))
    launch.run_to_end(begun, lambda e: begun.trainer.stop("SIGINT") if isinstance(e, Stepped) and e.step == 7 else None)
    monkeypatch.setattr(speed, "has_bf16_kernels", lambda device: False)
    warnings: list[str] = []
    resumed = launch.resume(Path("run"))
    launch.run_to_end(resumed, lambda e: warnings.append(e.message) if isinstance(e, Warned) else None)
    assert len(warnings) == 1
    assert "bf16: not available on this processor. It continues in float32" in warnings[0]
    assert resumed.trainer.learner.precision == "float32"
    assert rnngen.evaluate("run").nats_per_token > 0


def test_a_run_by_the_clock_ends(cli: Cli, corpus: Path) -> None:
    given = options(steps=None, minutes=0.03)
    assert json.loads(done(cli("train", corpus, *given, "--out", "run", "--json")).out)["step"] > 0


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_gpu_asked_for_by_name_works_or_is_a_usage_error(cli: Cli, corpus: Path, trained: Path, device: str) -> None:
    commands = (
        ["train", corpus, *options(device=device, steps=3), "--out", "run"],
        ["eval", trained, "--device", device],
        ["sample", trained, "--device", device, "--length", 5],
    )
    for command in commands:
        outcome = cli(*command)
        if outcome.code:
            assert outcome.code == 2, outcome.err
            assert f"--device {device} cannot be used here; expected one of: auto, " in outcome.err
