"""What the loop promises: it learns, it resumes bit for bit, it stops before it breaks anything."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import rnngen
from rnngen.corpus.streams import Streams
from rnngen.errors import CheckpointError, TrainingError
from rnngen.options.config import RunConfig
from rnngen.runs.finding import open_run
from rnngen.runs.writer import RunWriter
from rnngen.training import launch, schedule
from rnngen.training.checkpoint import load_state
from rnngen.training.events import Event, Finished, Sampled, Stepped, Validated, Warned
from rnngen.training.learner import Learner, StepResult
from rnngen.training.optim.asgd import TriggeredAverage
from tests.conftest import FAST, make_text
from tests.rounding import gamma

DETERMINED = {**FAST, "valid_every": 10, "save_every": 7, "steps": 40, "dropout": 0.2, "patience": 0}


def rows(run: Path) -> list[dict[str, Any]]:
    parsed = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    return [{k: v for k, v in row.items() if k != "seconds"} for row in parsed]


def train_until(corpus: Path, out: Path, stop_at: int | None, **options: Any) -> Finished:
    launched = launch.launch({**DETERMINED, **options, "corpus": [str(corpus)]}, out=out)
    return finish(launched, stop_at)


def finish(launched: launch.Launched, stop_at: int | None = None) -> Finished:
    def on_event(event: Event) -> None:
        if isinstance(event, Stepped) and event.step == stop_at:
            launched.trainer.stop("SIGINT")

    return launch.run_to_end(launched, on_event)


AWD = {
    **DETERMINED,
    "num_layers": 3,
    "tied": True,
    "initialization": "uniform",
    "hidden_dropout": 0.1,
    "input_dropout": 0.2,
    "embedding_dropout": 0.1,
    "weight_dropout": 0.5,
    "activation_regularization": 2.0,
    "temporal_activation_regularization": 1.0,
    "optimizer": "asgd",
    "nonmono": 1,
    "learning_rate": 10.0,
    "warmup": 0.0,
    "decay": "none",
    "weight_decay": 1.2e-6,
    "clip": 0.25,
    "bptt_jitter": 3.0,
    "valid_every": 2,
}
"""The options of the awd-lstm preset, at sizes that train in a moment; averaging begins well before the end."""


@pytest.mark.slow
@pytest.mark.parametrize("stop_at", [1, 39])
def test_resume_with_the_presets_options_continues_bit_for_bit(corpus: Path, stop_at: int) -> None:
    whole, parts = Path("whole"), Path("parts")
    launched = launch.launch({**AWD, "corpus": [str(corpus)]}, out=whole)
    began: list[int] = []

    def on_event(event: Event) -> None:
        average = launched.trainer.learner.recipe.average
        if isinstance(event, Validated) and isinstance(average, TriggeredAverage) and average.count == 0:
            began.append(event.step)

    launch.run_to_end(launched, on_event)
    assert len(began) == 1
    assert 3 < began[0] < 39  # some stops are before it and some after
    train_until(corpus, parts, stop_at, **AWD)
    finish(launch.resume(parts))
    assert (whole / "model.safetensors").read_bytes() == (parts / "model.safetensors").read_bytes()
    assert rows(whole) == rows(parts)
    last, other = (load_state(run).tensors for run in (whole, parts))
    assert last.keys() == other.keys()
    assert all(torch.equal(last[name], other[name]) for name in last)
    lengths = Streams(np.zeros(1000, np.uint16), 4, 16, 3.0, 0).lengths
    rates = [row["learning_rate"] for row in rows(whole) if "learning_rate" in row]
    assert rates == pytest.approx([10 * lengths.window(step)[1] / 16 for step in range(40)])


LSTM, GRU, ELMAN = {"cell": "lstm"}, {"cell": "gru", "num_layers": 2}, {"cell": "rnn", "ema": 0.0}


@pytest.mark.parametrize(
    ("cell", "stop_at"),
    [
        (LSTM, 23),
        pytest.param(GRU, 10, marks=pytest.mark.slow),
        (ELMAN, 7),
    ],  # tests/faults/test_signals.py stops an LSTM everywhere
)
def test_resume_continues_bit_for_bit(corpus: Path, stop_at: int, cell: dict[str, Any]) -> None:
    whole, halves = Path("whole"), Path("halves")
    train_until(corpus, whole, None, **cell)
    assert train_until(corpus, halves, stop_at, **cell).step == stop_at
    assert finish(launch.resume(halves)).step == 40
    assert rows(whole) == rows(halves)
    assert (whole / "model.safetensors").read_bytes() == (halves / "model.safetensors").read_bytes()
    last = [max((run / "resume").iterdir()) / "state.safetensors" for run in (whole, halves)]
    assert last[0].read_bytes() == last[1].read_bytes()


def test_a_run_that_is_over_resumes_to_nothing_more(corpus: Path) -> None:
    train_until(corpus, Path("run"), None)
    before = (rows(Path("run")), (Path("run") / "model.safetensors").read_bytes())
    assert finish(launch.resume(Path("run"))).step == 40
    assert (rows(Path("run")), (Path("run") / "model.safetensors").read_bytes()) == before


def test_a_run_with_an_ngram_model_is_the_same_stopped_or_not_and_the_network_as_without(corpus: Path) -> None:
    train_until(corpus, Path("plain"), None)
    whole = train_until(corpus, Path("whole"), None, ngram=3)
    assert train_until(corpus, Path("halves"), 23, ngram=3).mixed is None
    assert not (Path("halves") / "ngram.safetensors").exists()
    resumed = finish(launch.resume(Path("halves")))
    assert resumed.mixed == whole.mixed is not None
    assert rows(Path("whole")) == rows(Path("halves"))
    for name in ("model.safetensors", "ngram.safetensors"):
        contents = [open_run(run).read(name) for run in ("whole", "halves")]
        assert contents[0] == contents[1]
    assert open_run("plain").read("model.safetensors") == open_run("whole").read("model.safetensors")


def test_a_run_killed_before_its_ngram_model_was_saved_gets_it_when_it_is_resumed(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(RunWriter, "save_ngram", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            train_until(corpus, Path("run"), None, ngram=3)
    with pytest.raises(CheckpointError, match=r"It is made when training ends: rnngen\.resume\(\"run\"\)"):
        rnngen.load("run", ngram=True)
    mixed = finish(launch.resume(Path("run"))).mixed
    assert mixed is not None
    assert mixed.mixture_nll < mixed.network_nll
    assert len(rnngen.generate(run="run", length=20, ngram=True)) == 20


def test_the_ngram_model_is_fitted_to_the_weights_that_were_kept(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last weights are ruined by a huge learning rate, so the best are not the last."""
    monkeypatch.setattr(schedule, "learning_rate_factor", lambda step, steps, _: 1.0 if step < steps / 2 else 300.0)
    finished = train_until(corpus, Path("run"), None, ngram=2, on_spike="ignore")
    assert finished.best_step < finished.step
    assert finished.mixed
    # validation while training reads a stream again twice at most; after that its state is off by less than 1e-4
    assert finished.mixed.network_nll == pytest.approx(finished.best_nll, rel=1e-4)
    assert finished.mixed.mixture_nll == pytest.approx(
        rnngen.evaluate("run", part="valid", ngram=True).mixture.nats_per_token  # type: ignore[union-attr]
    )


def test_two_runs_of_one_seed_are_equal_and_of_two_seeds_are_not(corpus: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train_until(corpus, Path(name), None, seed=seed)
    a, b, c = ((Path(name) / "model.safetensors").read_bytes() for name in "abc")
    assert a == b != c


def test_it_learns_below_the_unigram_entropy(corpus: Path) -> None:
    run = rnngen.train(corpus, out="run", steps=150, **{**FAST, "hidden_size": 32})
    text = corpus.read_text(encoding="utf-8")
    counts = np.array([text.count(c) for c in set(text)]) / len(text)
    unigram = float(-(counts * np.log(counts)).sum())
    assert rnngen.evaluate(run).nats_per_token < 0.75 * unigram


def test_the_weights_that_are_kept_have_the_best_validation_score(corpus: Path) -> None:
    """A text of a few thousand characters read over and over is memorised; what is kept is from before that."""
    small = Path("small.txt")
    small.write_text("".join(np.random.default_rng(0).choice(list("abcdefgh"), 2000)), encoding="utf-8")
    seen: list[Validated] = []
    run = rnngen.train(
        small,
        out="run",
        steps=400,
        valid_every=10,
        patience=0,
        learning_rate=0.02,
        dropout=0.0,
        weight_dropout=0.0,
        input_dropout=0.0,
        on_event=lambda e: seen.append(e) if isinstance(e, Validated) else None,
        **{**FAST, "hidden_size": 64},
    )
    best = min(e.nll for e in seen)
    assert seen[-1].nll > best + 0.05  # it did overfit
    assert rnngen.evaluate(run, part="valid").nats_per_token == pytest.approx(best, rel=1e-4)  # as above


def test_patience_stops_a_run_that_stops_improving(corpus: Path) -> None:
    small = Path("small.txt")
    small.write_text("".join(np.random.default_rng(0).choice(list("abcdefgh"), 2000)), encoding="utf-8")
    options = {
        **FAST,
        "hidden_size": 64,
        "steps": 2000,
        "valid_every": 10,
        "patience": 3,
        "learning_rate": 0.02,
        "dropout": 0.0,
    }
    launched = launch.launch({**options, "corpus": [str(small)]}, out=Path("run"))
    finished = finish(launched)
    assert finished.reason == "patience"
    assert finished.step == finished.best_step + 30


@pytest.mark.parametrize("broken", ["loss", "gradient"])
def test_a_step_that_is_not_finite_touches_no_weight(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    learner = Learner(RunConfig.from_flat({**FAST, "device": "cpu"}), 9)
    x = np.random.default_rng(0).integers(9, size=(17, 4))
    learner.step(x[:-1], x[1:], 1.0, 0)
    before = learner.tensors()
    before = {name: t.clone() for name, t in before.items()}
    cross_entropy = torch.nn.functional.cross_entropy

    def poisoned(*arguments: Any) -> torch.Tensor:
        loss = cross_entropy(*arguments)
        if broken == "loss":
            return loss * math.nan
        loss.register_hook(lambda gradient: gradient * math.inf)
        return loss

    monkeypatch.setattr(torch.nn.functional, "cross_entropy", poisoned)
    with pytest.raises(TrainingError, match=rf"the {broken} is not finite at step 2"):
        learner.step(x[:-1], x[1:], 1.0, 1)
    after = learner.tensors()
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_a_run_stopped_before_its_first_validation_can_be_sampled(corpus: Path) -> None:
    train_until(corpus, Path("run"), 3)
    assert "".join(rnngen.load("run").generate(length=5, seed=0))


def test_samples_are_shown_and_written(corpus: Path) -> None:
    events: list[Event] = []
    launched = launch.launch({**DETERMINED, "sample_every": 20, "corpus": [str(corpus)]}, out=Path("run"))
    launch.run_to_end(launched, events.append)
    texts = [e.text for e in events if isinstance(e, Sampled)]
    assert len(texts) == 2
    written = (Path("run") / "samples.txt").read_text(encoding="utf-8")
    assert all(text in written for text in texts)


def test_gradients_stop_at_the_window_while_the_state_is_carried_on(corpus: Path) -> None:
    """One step of T=8 from a carried state has the gradient of its window alone, the state taken as given."""
    config = RunConfig.from_flat({**FAST, "bptt": 8, "clip": 1e9, "device": "cpu"})
    learner = Learner(config, 9)
    streams = Streams(np.random.default_rng(0).integers(9, size=500), 4, 8)
    learner.step(*streams.window(0), 1.0, 0)
    carried = learner.hidden.clone()
    assert not carried.requires_grad
    assert carried.abs().sum() > 0
    model = learner.model
    x, y = (torch.from_numpy(a) for a in streams.window(1))
    logits, _ = model(x, carried)
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten())
    expected = torch.autograd.grad(loss, list(model.parameters()))
    learner.step(*streams.window(1), 1.0, 1)
    for parameter, gradient in zip(model.parameters(), expected, strict=True):
        # the same kernels on the same numbers; a gradient sums over 8 steps of 4 streams and at most 32 units
        rounding = 2 * gamma(8 * 4 * 32) * float(gradient.abs().max())
        torch.testing.assert_close(parameter.grad, gradient, rtol=0, atol=rounding)


def test_a_stream_that_goes_on_elsewhere_has_the_start_state_and_the_others_carry_theirs_on(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {**FAST, "corpus": [str(corpus)], "steps": 12, "contiguous": 3}
    launched = launch.launch(options, out=Path("run"))
    trainer, states, after = launched.trainer, [], []
    learn = trainer.learner.step

    def step(*arguments: Any) -> StepResult:
        states.append(trainer.learner.hidden.clone())
        result = learn(*arguments)
        after.append(trainer.learner.hidden.clone())
        return result

    monkeypatch.setattr(trainer.learner, "step", step)
    launch.run_to_end(launched, lambda event: None)
    start = trainer.learner.model.start_state(4)
    assert len(states) == 12
    for number in range(1, 12):
        moves = trainer.streams.moves(number)
        assert 1 <= moves.sum() <= 2
        for b in range(4):
            before = start if moves[b] else after[number - 1]
            assert torch.equal(states[number][:, :, b], before[:, :, b])
            assert not torch.equal(after[number][:, :, b], start[:, :, b])


def test_what_a_run_learns_when_it_is_trained_further_is_kept_however_long_it_was_before(corpus: Path) -> None:
    train_until(corpus, Path("run"), None, steps=1200, ema=0.999, valid_every=600, save_every=600)
    launched = launch.resume(Path("run"), length={"steps": 100})
    learner = launched.trainer.learner
    before = learner.averaged.weights()["output.weight"].clone()
    finish(launched)
    averaged, last = (model.weights()["output.weight"] for model in (learner.averaged, learner.model))
    assert (averaged - last).norm() < 0.5 * (before - last).norm()


def test_a_damaged_newest_state_is_passed_over_with_a_warning(corpus: Path) -> None:
    whole, damaged = Path("whole"), Path("damaged")
    train_until(corpus, whole, None)
    train_until(corpus, damaged, 30)
    newest = sorted((damaged / "resume").iterdir())[-1] / "state.safetensors"
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    warnings: list[str] = []
    launched = launch.resume(damaged)
    launch.run_to_end(launched, lambda e: warnings.append(e.message) if isinstance(e, Warned) else None)
    assert len(warnings) == 1
    assert "state.safetensors" in warnings[0]
    assert (whole / "model.safetensors").read_bytes() == (damaged / "model.safetensors").read_bytes()
    assert rows(whole) == rows(damaged)


def test_init_from_begins_with_the_weights_and_tokenizer_of_another_run(corpus: Path, trained: Path) -> None:
    other = Path("other.txt")
    other.write_text(make_text(8_000, seed=5) + "ß", encoding="utf-8")
    launched = launch.launch(
        {"steps": 5, "batch_size": 4, "bptt": 16, "device": "cpu", "precision": "float32", "corpus": [str(other)]},
        out=Path("next"),
        init_from=trained,
    )
    first = open_run(trained)
    for name, w in launched.trainer.learner.model.weights().items():
        np.testing.assert_array_equal(w.numpy(), first.weights()[name])
    finish(launched)
    assert (Path("next") / "tokenizer.json").read_bytes() == (trained / "tokenizer.json").read_bytes()


def test_a_state_of_another_network_is_refused(corpus: Path) -> None:
    train_until(corpus, Path("run"), 5)
    path = Path("run") / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["model"]["hidden_size"] = 17
    path.write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"config\.json: is not the one that this run began with"):
        launch.resume(Path("run"))


# a GPU, whose results are not waited for


@pytest.fixture
def runs_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps are treated as on a GPU: queued, and read 16 at a time."""
    monkeypatch.setattr(Learner, "runs_ahead", True)
    monkeypatch.setattr(Learner, "_to_device", lambda self, tokens: torch.from_numpy(tokens))


def test_a_run_whose_steps_are_read_late_is_the_same_run(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    often = {"valid_every": 25, "save_every": 30}
    train_until(corpus, Path("one"), None, **often)
    monkeypatch.setattr(Learner, "runs_ahead", True)
    monkeypatch.setattr(Learner, "_to_device", lambda self, tokens: torch.from_numpy(tokens))
    train_until(corpus, Path("late"), None, **often)
    assert rows(Path("late")) == rows(Path("one"))
    assert (Path("late") / "model.safetensors").read_bytes() == (Path("one") / "model.safetensors").read_bytes()


@pytest.mark.usefixtures("runs_ahead")
def test_what_is_not_finite_is_found_before_anything_is_saved(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    launched = launch.launch({**DETERMINED, "corpus": [str(corpus)]}, out=Path("run"))  # saves every 7 steps
    loss = Learner.loss

    def poisoned(learner: Learner, x: Any, y: Any) -> Any:
        objective, nll, state = loss(learner, x, y)
        return (objective * math.nan, nll, state) if launched.trainer.step == 15 else (objective, nll, state)

    monkeypatch.setattr(Learner, "loss", poisoned)
    with pytest.raises(TrainingError, match="not finite at step 16"):
        finish(launched)
    assert load_state(Path("run")).values["step"] == 14
    assert all(np.isfinite(w).all() for w in open_run("run").weights().values())
