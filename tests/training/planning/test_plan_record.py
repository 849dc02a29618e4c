"""A run that was planned again, or moved to another machine, follows its record, bit for bit."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

import rnngen
from rnngen.errors import CheckpointError, UsageError
from rnngen.runs.card import make_card
from rnngen.runs.finding import open_run
from rnngen.runs.manifest import sha256
from rnngen.runs.plan_record import Stretch, recorded_plan
from rnngen.runs.writer import RunWriter
from rnngen.training import launch, resuming, trainer
from rnngen.training.checkpoint import TrainingState, load_state
from rnngen.training.events import Event, Planned, Replanned, Saved, Stepped, Warned
from rnngen.training.planning import plan as planning
from rnngen.training.planning import speed
from rnngen.training.planning.pace import Pace
from tests.conftest import FAST
from tests.training.interrupted import finish, rows
from tests.training.test_checkpoint import rewrite_state

OPTIONS = {**FAST, "minutes": 60, "valid_every": 10, "save_every": 7, "dropout": 0.2, "patience": 0}
FIRST, SECOND, THIRD = 60, 40, 50  # steps of the run, as planned at first, from step 12 on, and from step 30 on


def weights(run: Path) -> bytes:
    return (run / "model.safetensors").read_bytes()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a new run: decides at step 12 that it has fewer steps and at step 30 that it has more."""
    most = planning.Plan

    def capped(**values: Any) -> planning.Plan:
        config = values["config"]
        train = config.train.changed(steps=FIRST)
        return most(**{**values, "config": dataclasses.replace(config, train=train)})

    monkeypatch.setattr("rnngen.training.planning.plan.Plan", capped)

    def next_stretch(self: Pace, step: int, current: Stretch) -> Stretch | None:
        if step not in (12, 30):
            return None
        return Stretch(step, SECOND if step == 12 else THIRD, current.threads, "float32")

    monkeypatch.setattr(Pace, "next_stretch", next_stretch)


def start(corpus: Path, out: Path, stop_at: int | None = None, kill_at: int | None = None) -> list[Event]:
    return finish(launch.launch({**OPTIONS, "corpus": [str(corpus)]}, out=out), stop_at, kill_at)


@pytest.mark.usefixtures("clock")
def test_a_new_plan_is_an_event_and_a_row_and_ends_the_run_where_it_says(corpus: Path) -> None:
    events = start(corpus, Path("run"))
    told = [(e.plan.step, e.before.steps, e.plan.steps) for e in events if isinstance(e, Replanned)]
    assert told == [(12, FIRST, SECOND), (30, SECOND, THIRD)]
    assert max(e.step for e in events if isinstance(e, Stepped)) == THIRD
    planned = [(row["step"], row["planned_steps"]) for row in rows(Path("run")) if "planned_steps" in row]
    assert planned == [(12, SECOND), (30, THIRD)]
    rates = [row["learning_rate"] for row in rows(Path("run")) if "learning_rate" in row]
    assert rates[-1] < 0.2 * max(rates)


@pytest.mark.usefixtures("clock")
def test_the_card_of_a_run_shows_its_last_plan(corpus: Path) -> None:
    start(corpus, Path("run"))
    card = make_card(open_run("run"))
    assert (card.steps, card.planned_steps) == (THIRD, THIRD)
    start(corpus, Path("checkpoints/stopped"), stop_at=20)
    assert make_card(open_run("checkpoints/stopped")).planned_steps == SECOND
    (Path("checkpoints/stopped") / "resume/plan.jsonl").write_text('{"steps": "x"}\n[]\n{"steps"', encoding="utf-8")
    assert open_run("checkpoints/stopped").planned_steps() == FIRST


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("stop_at", [12, 13, 31, *(pytest.param(n, marks=pytest.mark.slow) for n in (5, 30, 45))])
def test_a_stopped_run_follows_the_recorded_plans(corpus: Path, stop_at: int) -> None:
    """Stopped before a plan was made, the run ends as it was planned until then: a resumed run is not planned again."""
    start(corpus, Path("whole"))
    start(corpus, Path("parts"), stop_at=stop_at)
    finish(launch.resume(Path("parts")))
    last = [row["step"] for row in rows(Path("parts")) if "train_nll" in row][-1]
    if stop_at > 30:
        assert rows(Path("parts")) == rows(Path("whole"))
        assert weights(Path("parts")) == weights(Path("whole"))
    else:
        assert last == (FIRST if stop_at <= 12 else SECOND)


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("kill_at", [33, 48, pytest.param(35, marks=pytest.mark.slow)])
def test_a_killed_run_goes_through_the_plans_it_had_made_after_its_last_save(corpus: Path, kill_at: int) -> None:
    start(corpus, Path("whole"))
    start(corpus, Path("killed"), kill_at=kill_at)
    if kill_at < 35:  # the last save is of step 28, before the second plan
        assert load_state(Path("killed")).values["step"] == 28
    for again in (38, None):  # and killed once more
        finish(launch.resume(Path("killed")), kill_at=again)
    assert rows(Path("killed")) == rows(Path("whole"))
    assert weights(Path("killed")) == weights(Path("whole"))
    states = [load_state(Path(run)).tensors for run in ("killed", "whole")]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


@pytest.mark.usefixtures("clock")
def test_a_line_of_the_record_that_was_cut_off_is_passed_over(corpus: Path) -> None:
    start(corpus, Path("run"), kill_at=33)
    record = Path("run/resume/plan.jsonl")
    record.write_bytes(record.read_bytes() + b'{"step": 40, "st')
    finish(launch.resume(Path("run")), kill_at=34)
    writer = RunWriter(Path("run"))
    writer.record_plan([Stretch(41, 55, 1, "float32")])
    assert recorded_plan(Path("run"))[-1] == Stretch(41, 55, 1, "float32")
    assert len(recorded_plan(Path("run"))) == 3
    writer.close()


@pytest.mark.usefixtures("clock")
def test_a_lost_record_does_not_stop_a_resume(corpus: Path) -> None:
    start(corpus, Path("run"), stop_at=20)
    (Path("run") / "resume/plan.jsonl").unlink()
    finish(launch.resume(Path("run")))
    assert rows(Path("run"))[-1]["step"] == SECOND


@pytest.mark.usefixtures("clock")
def test_a_link_in_place_of_the_record_is_refused(corpus: Path) -> None:
    start(corpus, Path("run"), stop_at=20)
    outside = Path("outside.txt")
    outside.write_text("mine", encoding="utf-8")
    (Path("run") / "resume/plan.jsonl").unlink()
    (Path("run") / "resume/plan.jsonl").symlink_to(outside.absolute())
    with pytest.raises(CheckpointError, match="is a link"):
        launch.resume(Path("run"))
    assert outside.read_text(encoding="utf-8") == "mine"


GOOD = Stretch(0, 20, 1, "float32").as_dict()


@pytest.mark.parametrize(
    "bad", [7, [], [{}], [{**GOOD, "steps": 0}], [{**GOOD, "step": 19}], [GOOD, {**GOOD, "step": 15}]]
)
def test_a_saved_plan_that_is_damaged_is_a_clear_error(corpus: Path, bad: Any) -> None:
    launched = launch.launch({**OPTIONS, "steps": 20, "minutes": None, "corpus": [str(corpus)]}, out=Path("run"))
    finish(launched, stop_at=5)
    rewrite_state(Path("run"), {**resuming.load_state(Path("run")).values, "stretches": bad})
    with pytest.raises(CheckpointError, match=r"state\.json: has an invalid stretches"):
        launch.resume(Path("run"))


def test_a_run_from_before_there_was_a_record_is_resumed(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("whole", "old"):
        launched = launch.launch({**OPTIONS, "steps": 20, "minutes": None, "corpus": [str(corpus)]}, out=Path(name))
        finish(launched, stop_at=None if name == "whole" else 9)
    load = resuming.load_state

    def old(path: Path) -> Any:
        state = load(path)
        del state.values["stretches"]
        return state

    monkeypatch.setattr(resuming, "load_state", old)
    finish(launch.resume(Path("old")))
    assert weights(Path("old")) == weights(Path("whole"))


# on another machine


@pytest.fixture
def begun_in_bf16(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that was begun in bf16, stopped at step 9 of 20; on this machine whatever it has for kernels."""
    options = {**OPTIONS, "steps": 20, "minutes": None, "corpus": [str(corpus)], "precision": "bf16"}
    with monkeypatch.context() as patch:
        patch.setattr(speed, "has_bf16_kernels", lambda device: True)
        patch.setattr(speed, "gradients_agree", lambda *_: True)
        # what is computed does not matter here, and this machine may have no kernels for it
        patch.setattr("rnngen.training.learner.autocast", lambda device, precision: torch.enable_grad())
        patch.setattr("rnngen.evaluation.reading.autocast", lambda device, precision: torch.enable_grad())
        patch.setattr(torch, "bfloat16", torch.float32)
        finish(launch.launch(options, out=Path("run")), stop_at=9)
    config = json.loads(Path("run/config.json").read_text(encoding="utf-8"))
    assert config["train"]["precision"] == "bf16"
    return Path("run")


@pytest.fixture
def without_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "has_bf16_kernels", lambda device: False)

    def refused(device: torch.device, precision: str) -> Any:
        assert precision == "float32", "bf16 is computed on a machine without it"
        return torch.enable_grad()

    monkeypatch.setattr("rnngen.training.learner.autocast", refused)


@pytest.mark.usefixtures("without_bf16")
def test_a_run_begun_in_bf16_continues_in_float32_on_a_machine_without_it_and_says_so(begun_in_bf16: Path) -> None:
    events = finish(launch.resume(begun_in_bf16))
    warnings = [e.message for e in events if isinstance(e, Warned)]
    assert len(warnings) == 1
    assert "bf16: not available on this processor. It continues in float32. From step 9 on" in warnings[0]
    assert "no longer identical, bit for bit" in warnings[0]
    recorded = [row for row in rows(begun_in_bf16) if "precision" in row]
    assert recorded == [{"step": 9, "planned_steps": 20, "threads": 1, "precision": "float32", "trial": False}]
    assert rows(begun_in_bf16)[-1]["step"] == 20
    assert len("".join(rnngen.load(begun_in_bf16).generate(length=9, seed=0))) == 9
    assert rnngen.evaluate(begun_in_bf16).nats_per_token > 0


@pytest.mark.usefixtures("without_bf16")
def test_a_run_that_continued_in_float32_stays_in_float32_bit_for_bit(begun_in_bf16: Path) -> None:
    shutil.copytree(begun_in_bf16, "twin")
    finish(launch.resume(begun_in_bf16))
    finish(launch.resume(Path("twin")), stop_at=14)
    events = finish(launch.resume(Path("twin")))
    assert not any(isinstance(e, Warned) for e in events)
    assert weights(Path("twin")) == weights(begun_in_bf16)
    assert rows(Path("twin")) == rows(begun_in_bf16)


@pytest.fixture
def two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (resuming, planning):
        monkeypatch.setattr(module, "processors", lambda: 2)


def begin(corpus: Path, stop_at: int, **options: Any) -> None:
    """A run of 20 steps, stopped."""
    given = {**OPTIONS, "steps": 20, "minutes": None, "corpus": [str(corpus)], **options}
    finish(launch.launch(given, out=Path("run")), stop_at=stop_at)


def continue_on_record(*stretches: Stretch) -> tuple[list[Event], list[int]]:
    """Resume the run with this added to its record; the events, and the threads of each step."""
    writer = RunWriter(Path("run"))
    writer.record_plan(stretches)
    writer.close()
    threads: list[int] = []
    launched = launch.resume(Path("run"))
    events: list[Event] = []

    def on_event(event: Event) -> None:
        events.append(event)
        if isinstance(event, Stepped):
            threads.append(torch.get_num_threads())

    launch.run_to_end(launched, on_event)
    return events, threads


@pytest.mark.usefixtures("two_processors")
def test_a_run_of_more_threads_than_there_are_processors_continues_with_those(corpus: Path) -> None:
    before = torch.get_num_threads()
    begin(corpus, stop_at=3)
    events, threads = continue_on_record(Stretch(3, 20, 64, "float32"), Stretch(9, 20, 1, "float32"))
    warnings = [e.message for e in events if isinstance(e, Warned)]
    assert len(warnings) == 1
    assert "it has 2 processors for 64 threads. It continues with 2. From step 3 on" in warnings[0]
    assert threads == [2] * 6 + [1] * 11
    assert torch.get_num_threads() == before


@pytest.mark.usefixtures("two_processors")
def test_a_resumed_run_has_the_threads_on_record_and_no_others(corpus: Path) -> None:
    """Stopped while one thread was tried in place of two: it ends with the number that was in use."""
    begin(corpus, stop_at=3, threads=2)
    tried = Stretch(5, 20, 1, "float32", trial=True)
    events, threads = continue_on_record(tried, Stretch(8, 20, 2, "float32"), Stretch(12, 20, 1, "float32", trial=True))
    assert not any(isinstance(e, Warned) for e in events)
    assert threads == [2, 2, 1, 1, 1, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 2]
    assert [e.plan.trial for e in events if isinstance(e, Replanned)] == [True, False, True, False]


@pytest.mark.usefixtures("two_processors")
def test_more_threads_than_processors_are_refused(corpus: Path) -> None:
    with pytest.raises(UsageError, match="`threads` is more than this machine has; expected at most 2"):
        begin(corpus, stop_at=1, threads=3)


@pytest.mark.usefixtures("without_bf16")
def test_a_run_that_adapts_twice_before_its_first_save_says_so_once(begun_in_bf16: Path) -> None:
    finish(launch.resume(begun_in_bf16), kill_at=11)
    events = finish(launch.resume(begun_in_bf16))
    assert not any(isinstance(e, Warned) for e in events)
    assert len([row for row in rows(begun_in_bf16) if "precision" in row]) == 1


def test_an_error_in_on_event_restores_the_number_of_threads(corpus: Path) -> None:
    before = torch.get_num_threads()
    options = {**OPTIONS, "steps": 3, "minutes": None, "corpus": [str(corpus)], "threads": 2}
    with pytest.raises(ZeroDivisionError):
        launch.run_to_end(launch.launch(options, out=Path("run")), lambda event: 1 / 0)
    assert torch.get_num_threads() == before


def test_a_run_that_has_become_slow_is_saved_nevertheless(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "MAX_UNSAVED", 0.0)
    options = {**OPTIONS, "steps": 5, "minutes": None, "corpus": [str(corpus)], "save_every": 1000}
    events: list[Event] = []
    launch.run_to_end(launch.launch(options, out=Path("run")), events.append)
    assert [e.step for e in events if isinstance(e, Saved)] == [1, 2, 3, 4, 5]


def test_a_gpu_run_is_resumed_without_the_gpu_with_a_warning(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(corpus, stop_at=3)
    saved = resuming.load_state(Path("run"))
    config = json.loads(Path("run/config.json").read_text(encoding="utf-8"))
    config["train"]["device"] = "cuda"
    Path("run/config.json").write_text(json.dumps(config), encoding="utf-8")
    Path("run/manifest.json").unlink()  # as if it had been saved with this configuration, but no weights yet
    Path("run/model.safetensors").unlink()
    decided = {**saved.values["decided"], "config.json": sha256(Path("run/config.json").read_bytes())}
    # the random numbers of a GPU have another kind of state
    tensors = {**saved.tensors, "dropout": torch.zeros(16, dtype=torch.uint8)}
    state = TrainingState(tensors, {**saved.values, "decided": decided})
    monkeypatch.setattr(resuming, "load_state", lambda path: state)
    with pytest.raises(UsageError, match="`device=cuda` cannot be used here"):
        resuming.resume(Path("run"), device="cuda")
    events = finish(resuming.resume(Path("run")))
    (warned,) = (e.message for e in events if isinstance(e, Warned))
    assert "trained on cuda, which cannot be used here (no such device); it continues on cpu" in warned
    assert events[-1].step == 20
    assert not [e for e in finish(resuming.resume(Path("run"), device="cpu")) if isinstance(e, Warned)]


def test_threads_are_recorded_and_restored(corpus: Path) -> None:
    before = torch.get_num_threads()
    options = {**OPTIONS, "steps": 3, "minutes": None, "corpus": [str(corpus)], "threads": 2}
    seen: list[int] = []
    launched = launch.launch(options, out=Path("run"))
    assert torch.get_num_threads() == before
    launch.run_to_end(launched, lambda e: isinstance(e, Planned) or seen.append(torch.get_num_threads()))
    assert set(seen) == {2}
    assert torch.get_num_threads() == before
    assert load_state(Path("run")).values["stretches"] == [
        {"step": 0, "steps": 3, "threads": 2, "precision": "float32", "trial": False, "cycle": None}
    ]
