"""A training that fails leaves its log, up to the step that failed, and weights with which the run can be looked at."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnngen.engine.probabilities import not_finite
from rnngen.errors import TrainingError, UsageError
from rnngen.model.load import fresh_network
from rnngen.rendering.collect import collect
from rnngen.runs.card import make_card
from rnngen.runs.failure import failure_of
from rnngen.runs.finding import newest_run, open_run
from rnngen.training import guarded_run, launch
from rnngen.training.events import Event, Stepped
from tests.conftest import FAST, Outcome
from tests.training.interrupted import finish, rows

Cli = Callable[..., Outcome]

OPTIONS = {**FAST, "steps": 20, "valid_every": 10, "save_every": 10, "patience": 0}
EXPLODING = {"learning_rate": 1e30, "muon_learning_rate": 1e30, "clip": 0}


def failed(corpus: Path, at: int | None = None, **options: Any) -> str:
    """Train into ``run`` until it fails, at this step if weights become NaN just before it; what is said."""
    launched = launch.launch({**OPTIONS, "corpus": [str(corpus)], **options}, out=Path("run"))

    def spoil(event: Event) -> None:
        if isinstance(event, Stepped) and event.step == (at or 0) - 1:
            launched.trainer.learner.hidden[:] = math.nan

    with pytest.raises(TrainingError) as error:
        launch.run_to_end(launched, spoil)
    return str(error.value)


@pytest.mark.fault(7)
def test_an_explosion_names_what_is_set_and_what_is_kept(corpus: Path) -> None:
    said = failed(corpus, max_spikes=0, **EXPLODING)
    assert "The weights that it began with are kept, and its log." in said
    assert "intact" not in said
    for option in ("`clip=1` (it is off)", "`learning_rate=0.01` (it is 1e+30)", "`muon_learning_rate=0.02`"):
        assert option in said
    assert "precision" not in said  # it was float32
    assert said.endswith("See how it came about: rnngen inspect training run.")


@pytest.mark.fault(7)
@pytest.mark.parametrize("on_spike", ["rollback", "ignore"])
def test_a_run_that_fails_before_it_saved_keeps_its_log_and_the_weights_that_it_began_with(
    cli: Cli, corpus: Path, on_spike: str
) -> None:
    failed(corpus, at=4, on_spike=on_spike)
    steps = [row["step"] for row in rows(Path("run")) if "train_nll" in row]
    assert steps == [1, 2, 3]
    *_, last = rows(Path("run"))
    assert last == {"step": 4, "failed": "loss", "kept_step": 0, "loss": "nan", "norm": "nan"}
    run = open_run("run")
    weights = run.weights()
    for name, weight in fresh_network(run).weights().items():
        np.testing.assert_array_equal(weights[name], weight.numpy())
    words = "the loss was not finite at step 4; the weights are those it began with, which have learned nothing"
    assert str(failure_of(run)) == words
    card = make_card(run)
    assert (card.failure, card.steps, card.best_nats, card.finished) == (words, 3, None, False)
    assert words in " ".join(cli("inspect", "run").out.split())
    for command in (["sample", "run", "-n5"], ["eval", "run"]):
        said = cli(*command)
        assert (said.code, f"warning: the training of run failed: {words}" in said.err) == (0, True)
        assert "warning" not in cli(*command, "--quiet").err


@pytest.mark.fault(7)
def test_a_run_that_fails_later_keeps_its_best_weights(cli: Cli, corpus: Path) -> None:
    said = failed(corpus, at=14)
    assert "The best weights so far (step 10) are intact." in said
    failure = failure_of(open_run("run"))
    assert failure is not None
    assert (failure.step, failure.kept_step) == (14, 10)
    assert make_card(open_run("run")).best_step == 10
    assert "the weights are those of step 10" in cli("sample", "run", "-n5").err
    assert finish(launch.resume(Path("run")))[-1].step == 20  # type: ignore[union-attr]
    assert failure_of(open_run("run")) is None


@pytest.mark.slow
@pytest.mark.fault(7)
def test_a_validation_that_is_not_finite_is_the_last_row(cli: Cli, corpus: Path) -> None:
    """An identity network whose state grows by 15% with every token: infinite before the first step."""
    options = {"cell": "rnn", "nonlinearity": "identity", "gain": 1.15}
    said = failed(corpus, **options)
    assert "the validation loss is not finite at step 0" in said
    assert "rates" not in said
    assert rows(Path("run")) == [{"step": 0, "failed": "validation", "kept_step": 0}]
    assert open_run("run").weights()
    assert "rnngen inspect gradients run" in cli("inspect", "training", "run").out
    assert "Its state overflows with these weights." in cli("eval", "run", str(corpus)).err
    assert cli("report", "run").code == 0
    exploded = collect(open_run("run"))
    assert "logits are not finite" in exploded.missing["surprisal"]


def test_an_explosion_while_a_sample_is_written_is_a_failure_of_its_own(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overflows(*_: object) -> None:
        raise not_finite()

    monkeypatch.setattr(guarded_run, "sample_text", overflows)
    assert "the logits are not finite while a sample is written at step 5" in failed(corpus, sample_every=5)
    assert rows(Path("run"))[-1] == {"step": 5, "failed": "sample", "kept_step": 0}
    assert open_run("run").weights()


def test_a_run_that_failed_before_it_learned_anything_is_not_the_newest(cli: Cli, corpus: Path, trained: Path) -> None:
    failed(corpus, at=4)
    shutil.move("run", "checkpoints/run")
    assert newest_run() == Path("checkpoints/tiny")
    assert cli("runs").out.splitlines()[1].split()[-1] == "failed"
    advice = "Its training failed. Remove it: rnngen rm checkpoints/run"
    assert advice in cli("train", "--resume", "checkpoints/run").err
    assert advice in cli("train", str(corpus), "--out", "checkpoints/run").err
    shutil.rmtree(trained)
    assert newest_run() == Path("checkpoints/run")


@pytest.mark.fault(8)
def test_weights_that_went_astray_are_not_kept(corpus: Path) -> None:
    failed(corpus, max_spikes=0, **EXPLODING)
    *_, last = rows(Path("run"))
    assert (last["failed"], last["kept_step"]) == ("astray", 0)
    assert max(abs(weight).max() for weight in open_run("run").weights().values()) < 10


def test_the_card_of_a_failed_run_fits_80_columns_off_a_terminal(cli: Cli, corpus: Path) -> None:
    failed(corpus, at=4)
    lines = cli("inspect", "run").out.splitlines()
    (at,) = (n for n, line in enumerate(lines) if line.startswith("failed"))
    assert max(map(len, lines)) <= 80
    assert lines[at].split(maxsplit=1)[1].startswith("the loss was not finite at step 4; the weights are those it")
    assert lines[at + 1].split()[-2:] == ["learned", "nothing"]


@pytest.mark.parametrize("view", ["gates", "gradients --lags 5", "truncation --span 16", "memory", "next -p a"])
def test_every_view_of_a_failed_run_says_that_it_failed(cli: Cli, trained: Path, view: str) -> None:
    name, *options = view.split()
    arguments = ["inspect", name, trained, *options]
    assert "warning" not in cli(*arguments).err
    with (trained / "metrics.jsonl").open("a") as log:
        log.write('{"step": 61, "failed": "gradient", "kept_step": 60}\n')
    said = "the gradient was not finite at step 61; the weights are those of step 60"
    assert f"warning: the training of {trained} failed: {said}" in cli(*arguments).err
    if name != "next":
        assert "warning" not in cli(*arguments, "--fresh").err  # other weights are shown


def test_the_folder_of_a_failed_run_is_not_used_again_until_it_is_removed(cli: Cli, corpus: Path) -> None:
    failed(corpus, at=4)
    with pytest.raises(UsageError, match=r"Its training failed\. Remove it: rnngen rm run; or choose another `out`"):
        launch.launch({**OPTIONS, "corpus": [str(corpus)]}, out=Path("run"))
    assert cli("rm", "run", "--yes").code == 0
    launch.launch({**OPTIONS, "corpus": [str(corpus)]}, out=Path("run")).trainer.writer.close()


@pytest.mark.parametrize(
    "last",
    [
        {"step": 3, "failed": "it"},
        {"step": -1, "failed": "loss"},
        {"step": 2**64, "failed": "loss"},
        {"step": True, "failed": "loss"},
        {"failed": "loss"},
        ["failed"],
        "{",
    ],
)
def test_a_last_row_that_no_run_writes_is_no_failure(trained: Path, last: object) -> None:
    with (trained / "metrics.jsonl").open("a") as log:
        log.write(last if isinstance(last, str) else json.dumps(last))
    assert failure_of(open_run(trained)) is None
    with (trained / "metrics.jsonl").open("a") as log:
        log.write('\n{"step": 61, "failed": "gradient", "kept_step": 60, "loss": 2.5, "norm": "inf"}\n')
    failure = failure_of(open_run(trained))
    assert failure is not None
    assert (failure.loss, failure.norm, failure.kept_step) == (2.5, math.inf, 60)
