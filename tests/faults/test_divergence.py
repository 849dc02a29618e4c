"""A loss that jumps or is not finite: found, named, and undone, and never mistaken for a text that is merely harder."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from rnngen.errors import TrainingError
from rnngen.runs.finding import open_run
from rnngen.runs.layout import saved_steps
from rnngen.training import launch
from rnngen.training.checkpoint import load_state
from rnngen.training.events import Event, Finished, Spiked, Stepped, Validated
from rnngen.training.guard import Jump
from rnngen.training.learner import Learner, StepResult
from rnngen.training.optim.recipe import Recipe
from tests.conftest import FAST, Outcome
from tests.training.interrupted import finish, rows

Cli = Callable[..., Outcome]

OPTIONS = {**FAST, "steps": 90, "valid_every": 30, "save_every": 20, "dropout": 0.2, "patience": 0, "num_layers": 2}


@pytest.fixture
def spoiled(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[int]]:
    """The steps after which all weights are multiplied by 30, as a far too long step would leave them."""
    steps: set[int] = set()
    original = Recipe.step

    def step(self: Recipe, number: int, factor: float) -> None:
        original(self, number, factor)
        if number in steps and factor:  # not while the speed is measured
            with torch.no_grad():
                for optimizer in self.optimizers:
                    for group in optimizer.param_groups:
                        for weight in group["params"]:
                            weight.mul_(30)

    monkeypatch.setattr(Recipe, "step", step)
    yield steps


def begun(corpus: Path, out: str = "run", **options: Any) -> launch.Launched:
    return launch.launch({**OPTIONS, "corpus": [str(corpus)], **options}, out=Path(out))


def jumps(events: list[Event]) -> list[Spiked]:
    return [event for event in events if isinstance(event, Spiked)]


def outcome(run: Path) -> tuple[object, ...]:
    state = load_state(run)
    tensors = {name: tensor.numpy().tobytes() for name, tensor in state.tensors.items()}
    return rows(run), tensors, state.values["guard"], (run / "model.safetensors").read_bytes()


@pytest.mark.fault(8)
def test_weights_that_go_astray_are_those_of_the_last_good_save_again(
    corpus: Path, spoiled: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    clean = finish(begun(corpus, "clean"))
    spoiled.add(50)
    launched = begun(corpus)
    learner, states = launched.trainer.learner, {}
    learn = learner.step

    def step(x: Any, y: Any, factor: float, number: int, accepts: Any) -> StepResult:
        states[number] = learner.hidden.clone()
        return learn(x, y, factor, number, accepts)

    monkeypatch.setattr(learner, "step", step)
    events = finish(launched)
    (jump,) = jumps(events)
    start = learner.model.start_state(OPTIONS["batch_size"])
    assert torch.equal(states[jump.step], start)  # the good state's are those of other places
    assert not torch.equal(states[jump.step + 1], start)
    assert (jump.back_to, 50 < jump.step < 60) == (40, True)
    assert jump.loss > jump.expected + 1
    assert "of the training text, in" in jump.place
    last = {k: e.nll for k, es in (("clean", clean), ("run", events)) for e in es if isinstance(e, Validated)}
    assert last["run"] < last["clean"] + 0.3  # 14 steps of 90 are lost
    row = next(row for row in rows(Path("run")) if "back_to" in row)
    assert row == {"step": jump.step, "jump": jump.loss, "expected": jump.expected, "back_to": 40}


@pytest.mark.fault(8)
@pytest.mark.parametrize(
    "stop_at", [pytest.param(n, marks=[pytest.mark.slow] * (n != 54)) for n in (40, 47, 52, 54, 58, 60)]
)
def test_a_run_that_is_stopped_around_a_jump_is_resumed_bit_for_bit(
    corpus: Path, spoiled: set[int], stop_at: int
) -> None:
    spoiled.add(50)
    assert len(jumps(finish(begun(corpus, "whole")))) == 1
    before = finish(begun(corpus, "parts"), stop_at=stop_at)
    after = finish(launch.resume(Path("parts")))
    assert len(jumps(before + after)) == 1
    assert outcome(Path("parts")) == outcome(Path("whole"))


@pytest.mark.fault(8)
def test_what_a_gpu_computed_before_the_jump_was_noticed_does_not_end_the_run(
    corpus: Path, monkeypatch: pytest.MonkeyPatch, spoiled: set[int]
) -> None:
    """Its steps are read up to 16 at a time: the weights go astray at the second of them, and are NaN at the last."""
    original, steps = Learner.step, set()

    def step(self: Learner, *arguments: Any) -> StepResult:
        result = original(self, *arguments)
        if result.number == 56 and not steps:
            steps.add(56)
            return replace(result, loss=torch.tensor(math.nan))
        return result

    monkeypatch.setattr(Learner, "step", step)
    monkeypatch.setattr(Learner, "runs_ahead", True)
    monkeypatch.setattr(Learner, "_to_device", lambda self, tokens: torch.from_numpy(tokens))
    spoiled.add(42)
    events = finish(begun(corpus))
    assert [jump.back_to for jump in jumps(events)] == [40]
    assert steps
    (finished,) = [event for event in events if isinstance(event, Finished)]
    assert finished.step == OPTIONS["steps"]


@pytest.mark.fault(8)
def test_weights_that_go_astray_again_and_again_end_the_run_with_advice(corpus: Path, spoiled: set[int]) -> None:
    spoiled.update(range(50, 90))
    events: list[Event] = []
    launched = begun(corpus, max_spikes=2)
    with pytest.raises(TrainingError) as error:
        launch.run_to_end(launched, events.append)
    assert [jump.back_to for jump in jumps(events)] == [40, 40]
    said = str(error.value)
    assert "training diverges: the weights went astray 3 times within a few steps, at last at step" in said
    assert "The best weights so far (step 30) are intact. Begin a new run with lower rates: " in said
    for folder in saved_steps(Path("run")):
        assert all(t.isfinite().all() for t in load_state(Path("run")).tensors.values()), folder
    weights = open_run("run").weights()
    assert max(abs(w).max() for w in weights.values()) < 10


@pytest.mark.fault(8)
@pytest.mark.parametrize("rate", [1e3, 1e10, 1e30])
def test_a_run_with_an_absurd_learning_rate_ends_and_keeps_no_diverged_weights(corpus: Path, rate: float) -> None:
    events: list[Event] = []
    launched = begun(corpus, learning_rate=rate, decay="none", valid_every=1, save_every=1)
    with pytest.raises(TrainingError, match=r"Begin a new run with `learning_rate=0\.01`"):
        launch.run_to_end(launched, events.append)
    assert len(jumps(events)) <= 3
    uniform = math.log(launched.trainer.corpus.tokenizer.vocab_size)
    assert all(event.nll < uniform + 1 for event in events if isinstance(event, Validated) and event.best)


@pytest.mark.slow
@pytest.mark.fault(8)
def test_a_text_that_becomes_much_harder_is_no_jump_of_the_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(0)
    digits = "".join(rng.choice("0123456789abcdef") for _ in range(6000))
    text = tmp_path / "mixed.txt"
    text.write_text("the cat sat on the mat. " * 300 + digits + "the dog ran to the tree. " * 300, encoding="utf-8")
    launched = begun(text, batch_size=1, bptt=16, steps=1200, num_layers=1, save_every=50, dropout=0.0, contiguous=0)
    guard = launched.trainer.guard
    assert guard is not None
    watch, lasting = guard.watch, []

    def watched(loss: float) -> Jump | None:
        jump = watch(loss)
        lasting.append(jump is not None and jump.lasts)
        return jump

    monkeypatch.setattr(guard, "watch", watched)
    events = finish(launched)
    assert any(lasting)
    losses = [event.loss for event in events if isinstance(event, Stepped)]
    assert max(losses[300:]) > min(losses[:600]) + 2  # the text is that much harder
    assert not jumps(events)


@pytest.mark.fault(8)
def test_skip_learns_nothing_from_a_batch_that_is_to_blame_itself(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launched = begun(corpus, on_spike="skip", dropout=0.0)
    learner, streams = launched.trainer.learner, launched.trainer.streams
    original = streams.window
    seen: dict[str, dict[str, torch.Tensor]] = {}

    def window(step: int) -> Any:
        x, y = original(step)
        if step == 70:
            seen["before"] = learner.tensors()
            y = (y + 7) % launched.trainer.corpus.tokenizer.vocab_size
        if step == 71 and "after" not in seen:
            seen["after"] = learner.tensors()
        return x, y

    monkeypatch.setattr(streams, "window", window)
    (jump,) = jumps(finish(launched))
    assert (jump.step, jump.back_to) == (71, None)
    assert {"step": 71, "jump": jump.loss, "expected": jump.expected, "skipped": 1} in rows(Path("run"))
    changed = [name for name, tensor in seen["before"].items() if not torch.equal(tensor, seen["after"][name])]
    assert changed == []


@pytest.mark.fault(8)
def test_ignore_only_trains(corpus: Path, spoiled: set[int]) -> None:
    spoiled.add(50)
    assert not jumps(finish(begun(corpus, on_spike="ignore")))
    assert load_state(Path("run")).values["guard"] is None


@pytest.mark.fault(8)
def test_a_jump_is_told_on_the_command_line(cli: Cli, corpus: Path, spoiled: set[int]) -> None:
    spoiled.add(50)
    options = [word for name, value in OPTIONS.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    outcome = cli("train", corpus, *options)
    assert outcome.code == 0
    assert "back to the weights of step 40, and on with the text that follows" in outcome.err


@pytest.mark.fault(7)
@pytest.mark.parametrize("part", ["weights", "hidden", "gradient"])
def test_the_tensor_and_the_place_of_what_is_not_finite_are_named(corpus: Path, part: str) -> None:
    launched = begun(corpus)
    learner = launched.trainer.learner
    name = list(dict(learner.model.named_parameters()))[2]

    def on_event(event: Event) -> None:
        if isinstance(event, Stepped) and event.step == 45:
            weight = dict(learner.model.named_parameters())[name]
            if part == "weights":
                with torch.no_grad():
                    weight[0] = math.nan
            elif part == "hidden":
                learner.hidden[..., 0] = math.nan
            else:
                weight.register_hook(lambda gradient: gradient * math.inf)

    with pytest.raises(TrainingError) as error:
        launch.run_to_end(launched, on_event)
    expected = {"weights": f"tensor {name}", "hidden": "the hidden state", "gradient": f"the gradient of {name}"}
    said = str(error.value)
    assert "is not finite at step 46" in said
    assert f"{expected[part]} is not finite, and the loss is highest at token " in said
    assert "of the training text, in '" in said
    position = int(said.split(" at token ")[1].split()[0].replace(",", "")) - 1
    shown = said.split(" in '", 1)[1].split("'. ")[0].encode().decode("unicode_escape")
    tokens = launched.trainer.corpus.train.tokens
    around = launched.trainer.corpus.tokenizer.decode([int(t) for t in tokens[max(0, position - 12) : position + 12]])
    assert shown == around
    assert load_state(Path("run")).values["step"] == 40


@pytest.mark.fault(8)
def test_what_the_guard_remembers_is_part_of_the_saved_state(corpus: Path) -> None:
    events = finish(begun(corpus), stop_at=47)
    assert isinstance(events[-1], Finished)
    state = load_state(Path("run"))
    assert state.values["guard"]["good_step"] == 40
    assert {f"good/{name}" for name in state.tensors if not name.startswith("good/")} <= state.tensors.keys()
    assert json.loads((saved_steps(Path("run"))[0] / "state.json").read_text())["guard"] == state.values["guard"]
