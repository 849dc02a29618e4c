"""Training in Python that is interrupted: nothing of it is lost, and it goes on as if nothing had happened."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rnngen
from rnngen.runs.run import Run
from rnngen.training.events import Event, Planned, Stepped
from rnngen.training.trainer import Trainer
from tests.conftest import FAST
from tests.training.interrupted import outcome_of

OPTIONS: dict[str, Any] = {**FAST, "steps": 12, "valid_every": 5, "save_every": 100, "progress": "none"}


def at(step: int, do: Callable[[], object]) -> Callable[[Event], None]:
    """Do something when a step was taken."""

    def on_event(event: Event) -> None:
        if isinstance(event, Stepped) and event.step == step:
            do()

    return on_event


def interrupt() -> None:
    raise KeyboardInterrupt


def press_ctrl_c() -> None:
    signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("how", [interrupt, press_ctrl_c], ids=["on_event", "signal"])
def test_an_interrupted_run_is_resumed_bit_for_bit(corpus: Path, how: Callable[[], object]) -> None:
    whole = rnngen.train(corpus, out="whole", **OPTIONS)
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(rnngen.TrainingInterrupted) as caught:
        rnngen.train(corpus, out="run", on_event=at(7, how), **OPTIONS)
    assert signal.getsignal(signal.SIGINT) is handler
    assert isinstance(caught.value, KeyboardInterrupt)
    assert (caught.value.path, caught.value.step) == (Path("run"), 7)
    assert 'Resume it: rnngen.resume("run")' in str(caught.value)
    assert "".join(rnngen.load(caught.value.run).generate(length=5))
    run = rnngen.resume(caught.value.run, progress="none")
    assert outcome_of(run.path) == outcome_of(whole.path)


def test_the_second_interrupt_is_an_ordinary_one(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[str] = []

    def save_and_be_interrupted(trainer: Trainer) -> None:
        saved.append("now")
        signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt) as caught:
        patch.setattr(Trainer, "_save_state", save_and_be_interrupted)
        rnngen.train(corpus, out="run", on_event=at(3, press_ctrl_c), **OPTIONS)
    assert saved == ["now"]
    assert not isinstance(caught.value, rnngen.TrainingInterrupted)  # nothing had been saved


def test_an_interrupt_within_a_step_falls_back_on_the_last_save(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a thread, or in a program with a handler of its own, it may come at any place."""
    learn = Trainer._train

    def interrupted(trainer: Trainer) -> None:
        if trainer.step == 8:
            trainer.saver.wait()
            raise KeyboardInterrupt
        learn(trainer)

    with monkeypatch.context() as patch, pytest.raises(rnngen.TrainingInterrupted) as caught:
        patch.setattr(Trainer, "_train", interrupted)
        rnngen.train(corpus, out="run", **{**OPTIONS, "save_every": 5})
    assert caught.value.step == 5
    whole = rnngen.train(corpus, out="whole", **{**OPTIONS, "save_every": 5})
    assert outcome_of(rnngen.resume("run", progress="none").path) == outcome_of(whole.path)


def test_a_run_in_another_thread_is_interrupted_by_what_on_event_raises(corpus: Path) -> None:
    handler, ended = signal.getsignal(signal.SIGINT), []

    def train() -> None:
        try:
            rnngen.train(corpus, out="run", on_event=at(4, interrupt), **OPTIONS)
        except rnngen.TrainingInterrupted as error:
            ended.append(error.step)

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert ended == [4]
    assert signal.getsignal(signal.SIGINT) is handler
    assert rnngen.resume("run", progress="none").planned_steps() == 12


def test_a_run_without_weights_says_in_python_how_to_resume_it(trained: Path) -> None:
    (trained / "manifest.json").unlink()
    (trained / "model.safetensors").unlink()
    with pytest.raises(rnngen.RnngenError, match=rf'Resume its training: rnngen.resume\("{trained}"\)'):
        rnngen.TrainingInterrupted(trained, 0).run  # noqa: B018


def test_a_mistake_in_on_event_does_not_lose_the_run(corpus: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        rnngen.train(corpus, out="run", on_event=at(6, lambda: 1 / 0), **OPTIONS)
    assert "raised as it is" in " ".join(str(rnngen.train.__doc__).split())
    seen: list[Event] = []
    rnngen.resume("run", progress="none", on_event=seen.append)
    assert next(event.step for event in seen if isinstance(event, Stepped)) == 7


def test_a_run_that_is_interrupted_before_it_begins_leaves_nothing(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rnngen.training.launch.make_plan", lambda *_, **__: interrupt())
    with pytest.raises(KeyboardInterrupt) as caught:
        rnngen.train(corpus, **OPTIONS)
    assert not isinstance(caught.value, rnngen.TrainingInterrupted)
    assert not list(Path("checkpoints").iterdir())


def test_the_plan_is_the_first_event(corpus: Path) -> None:
    seen: list[Event] = []
    run = rnngen.train(corpus, out="run", on_event=seen.append, **OPTIONS)
    planned = seen[0]
    assert isinstance(planned, Planned)
    assert not any(isinstance(event, Planned) for event in seen[1:])
    weights: dict[str, Any] = Run.open(run.path).weights()
    assert planned.parameters == sum(array.size for array in weights.values())
    assert (planned.path, planned.step, planned.steps) == (Path("run"), 0, 12)
    assert (planned.train_tokens, planned.valid_tokens, planned.test_tokens) == (18_000, 1000, 1000)
    assert planned.vocab_size == run.tokenizer().vocab_size
    assert planned.epochs == pytest.approx(12 * 4 * 16 / 18_000, rel=0.01)
    assert planned.tokens_per_second
    assert planned.seconds
    rnngen.resume(run, steps=3, on_event=seen.append, progress="none")
    again = [event for event in seen if isinstance(event, Planned)]
    assert [(each.step, each.steps) for each in again] == [(0, 12), (12, 15)]
