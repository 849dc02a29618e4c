"""A run that is trained further, or begins with another run's weights, never ends worse than it began."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rnngen
from rnngen.errors import CheckpointError, UsageError
from rnngen.evaluation import pseudo_perplexity, reading
from rnngen.ngram import counts
from rnngen.runs.card import make_card
from rnngen.runs.finding import open_run
from rnngen.runs.layout import saved_steps
from rnngen.runs.plan_record import Cycle, Stretch, recorded_plan
from rnngen.runs.writer import RunWriter
from rnngen.training import launch, resuming
from rnngen.training.checkpoint import format_state, load_state
from rnngen.training.events import Event, Finished, Stepped, Validated
from rnngen.training.resuming import resume
from tests.conftest import FAST, Outcome
from tests.training.interrupted import finish, outcome_of, rows

Cli = Callable[..., Outcome]

OPTIONS = {**FAST, "steps": 20, "valid_every": 10, "save_every": 7, "dropout": 0.2, "patience": 0}


def finished(corpus: Path, out: str = "run", **options: Any) -> Path:
    finish(launch.launch({**OPTIONS, "corpus": [str(corpus)], **options}, out=Path(out)))
    return Path(out)


def valid(run: Path) -> dict[int, float]:
    return {row["step"]: row["valid_nll"] for row in rows(run) if "valid_nll" in row}


# trained further


def test_a_finished_run_is_trained_further_in_a_new_learning_rate_cycle(corpus: Path) -> None:
    run = finished(corpus)
    before = rows(run)
    launched = resume(run, length={"steps": 30})
    assert launched.plan is not None
    assert launched.plan.config.train.steps == 30
    events = finish(launched)
    assert [e.step for e in events if isinstance(e, Stepped)] == list(range(21, 51))
    rates = {e.step: e.learning_rate for e in events if isinstance(e, Stepped)}
    highest = max(row["learning_rate"] for row in before if "learning_rate" in row)
    assert max(rates.values()) == pytest.approx(resuming.CYCLE_PEAK * highest, rel=1e-12)  # a product of two floats
    assert rates[50] < 0.2 * rates[30]
    assert rows(run)[: len(before)] == before  # one record, which is continued
    assert min(valid(run)) == 0
    assert max(valid(run)) == 50


def test_further_training_keeps_the_best_weights_that_the_run_has_seen(corpus: Path) -> None:
    run = finished(corpus)
    weights, best = (run / "model.safetensors").read_bytes(), min(valid(run).values())
    finish(resume(run, length={"steps": 5}))
    later = {step: nll for step, nll in valid(run).items() if step > 20}
    kept = (run / "model.safetensors").read_bytes()
    assert (kept == weights) == (min(later.values()) >= best)
    assert load_state(run).values["best_nll"] == min(best, *later.values())


@pytest.mark.parametrize(
    ("how", "at"),
    [
        ("stop", 33),
        ("kill", 29),
        *(pytest.param(*each, marks=pytest.mark.slow) for each in (("stop", 21), ("kill", 21), ("kill", 41))),
    ],
)
def test_further_training_that_is_interrupted_is_resumed_bit_for_bit(corpus: Path, how: str, at: int) -> None:
    whole = finished(corpus)
    launched = resume(whole, length={"steps": 30})
    shutil.copytree(whole, "parts", ignore=shutil.ignore_patterns(".lock*"))  # as if it had been killed here
    finish(launched)
    finish(resume(Path("parts")), **{f"{how}_at": at})
    finish(resume(Path("parts")))
    assert outcome_of(Path("parts")) == outcome_of(whole)


def test_a_run_can_be_trained_further_again_and_again(corpus: Path) -> None:
    run = finished(corpus)
    for steps in (5, 9, 3):
        finish(resume(run, length={"steps": steps}))
    assert [s.steps for s in recorded_plan(run)] == [25, 34, 37]
    (last,) = (e for e in finish(resume(run)) if isinstance(e, Finished))
    assert (last.step, last.first_step) == (37, 37)


def test_epochs_are_counted_from_where_the_run_is(corpus: Path) -> None:
    run = finished(corpus)
    launched = resume(run, length={"epochs": 0.1})
    assert launched.plan is not None
    steps = launched.plan.config.train.steps
    assert steps == round(0.1 * launched.trainer.streams.steps_per_epoch)
    assert finish(launched)[-1].step == 20 + steps  # type: ignore[union-attr]


def test_minutes_are_those_of_the_command(corpus: Path) -> None:
    run = finished(corpus)
    launched = resume(run, length={"minutes": 0.02})
    assert launched.plan is not None
    assert launched.plan.deadline is not None
    events = finish(launched)
    assert isinstance(events[-1], Finished)
    assert events[-1].step > 20


def test_a_stopped_run_gets_another_end_without_a_jump_of_its_rates(corpus: Path) -> None:
    launched = launch.launch({**OPTIONS, "corpus": [str(corpus)], "steps": 40}, out=Path("run"))
    stopped = [e for e in finish(launched, stop_at=10) if isinstance(e, Stepped)]
    events = [e for e in finish(resume(Path("run"), length={"steps": 15})) if isinstance(e, Stepped)]
    assert [e.step for e in events] == list(range(11, 26))
    assert events[0].learning_rate == stopped[-1].learning_rate  # still at its top
    assert events[-1].learning_rate < 0.25 * events[0].learning_rate
    (recorded,) = recorded_plan(Path("run"))
    assert (recorded.step, recorded.steps) == (10, 25)
    assert recorded.cycle
    assert recorded.cycle.peak is None  # the rates go on


def test_a_new_end_takes_the_place_of_plans_that_lay_ahead(corpus: Path) -> None:
    finish(launch.launch({**OPTIONS, "corpus": [str(corpus)], "steps": 40}, out=Path("run")), stop_at=10)
    writer = RunWriter(Path("run"))
    writer.record_plan([Stretch(20, 60, 1, "float32")])
    writer.close()
    finish(resume(Path("run"), length={"steps": 30}), kill_at=16)
    (last,) = (e for e in finish(resume(Path("run"))) if isinstance(e, Finished))
    assert last.step == 40


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2))])
def test_a_run_that_ended_without_improvement_is_saved_and_trained_further(corpus: Path, seed: int) -> None:
    run = finished(
        corpus, steps=2000, learning_rate=0.1, valid_every=1, valid_tokens=20, patience=1, save_every=1000, seed=seed
    )
    ended = load_state(run).values["step"]
    assert ended == max(valid(run)) < 2000
    assert make_card(open_run(run)).finished
    launched = resume(run)
    assert launched.trainer.is_over
    assert launched.trainer.step == ended
    launched.trainer.writer.close()
    launched = resume(run, length={"steps": 6})
    assert not launched.trainer.is_over
    last = finish(launched)[-1]
    assert isinstance(last, Finished)
    assert ended < last.step <= ended + 6
    assert load_state(run).values["step"] == last.step


def test_patience_in_a_new_cycle_counts_improvement_within_it(corpus: Path) -> None:
    """What the run reached before may be out of reach until its rates have fallen."""
    run = finished(corpus, steps=60, patience=2)
    state = load_state(run)
    assert state.values["best_nll"] < 4
    writer = RunWriter(run)
    unbeatable = {**state.values, "best_nll": 0.001, "best_step": 60}
    writer.save_state(60, format_state(state.tensors), unbeatable)
    writer.close()
    launched = resume(run, length={"steps": 60})
    reached: dict[int, float] = {}
    for event in finish(launched):
        if isinstance(event, Validated):
            assert not event.best
            reached[event.step] = event.nll
    *_, before, last = sorted(reached)
    if last < 120:  # then it had not become better than before within the cycle, for as long as patience says
        assert min(reached, key=lambda step: reached[step]) <= before
    assert load_state(run).values["best_nll"] == 0.001
    assert len(reached) >= 3


def test_a_run_that_gets_an_earlier_end_says_what_it_leaves_out(corpus: Path) -> None:
    finish(launch.launch({**OPTIONS, "corpus": [str(corpus)], "steps": 60}, out=Path("run")), stop_at=29)
    launched = resume(Path("run"), length={"steps": 3})
    assert [note for note in launched.notes if "31 steps were left of its plan" in note and "`steps`" in note]
    finish(launched)
    launched = resume(Path("run"), length={"steps": 3})
    assert not [note for note in launched.notes if "left of its plan" in note]
    finish(launched)


def test_patience_with_another_end_counts_from_there_in_its_own_validations(corpus: Path) -> None:
    """A few steps have validations after each of them; the last one before was many such steps ago."""
    launched = launch.launch({**OPTIONS, "corpus": [str(corpus)], "steps": 60, "patience": 2}, out=Path("run"))
    finish(launched, stop_at=29)
    launched = resume(Path("run"))
    threads = launched.trainer.schedule.current.threads
    launched.trainer.follow(Stretch(29, 32, threads, "float32", cycle=Cycle(None, 1, 0)), [])
    events = finish(launched)
    assert [e.step for e in events if isinstance(e, Stepped)] == [30, 31, 32]
    assert isinstance(events[-1], Finished)
    assert events[-1].reason == "steps"


def test_further_training_that_never_began_keeps_its_cycle_when_it_gets_another_length(corpus: Path) -> None:
    run = finished(corpus)
    resume(run, length={"steps": 30}).trainer.writer.close()  # and no step of it
    rates = [e.learning_rate for e in finish(resume(run, length={"steps": 10})) if isinstance(e, Stepped)]
    assert len(rates) == 10
    assert max(rates) > 0.001
    (recorded,) = recorded_plan(run)
    assert (recorded.steps, recorded.cycle is not None) == (30, True)


def test_a_run_that_was_stopped_near_its_end_gets_a_new_cycle(corpus: Path) -> None:
    finish(launch.launch({**OPTIONS, "corpus": [str(corpus)]}, out=Path("run")), stop_at=19)
    rates = [e.learning_rate for e in finish(resume(Path("run"), length={"steps": 20})) if isinstance(e, Stepped)]
    assert max(rates) == pytest.approx(0.5 * 0.02, rel=1e-12)


def test_an_older_state_leads_to_the_end_that_was_planned_after_it(corpus: Path) -> None:
    run = finished(corpus, steps=20, save_every=10)
    launched = resume(run, length={"steps": 30})
    shutil.copytree(run, "parts", ignore=shutil.ignore_patterns(".lock*"))
    finish(launched)
    finish(resume(Path("parts")), kill_at=25)
    damaged = next(folder for folder in saved_steps(Path("parts")) if int(folder.name) == 20)
    (damaged / "state.json").write_text("{")
    finish(resume(Path("parts")))
    assert outcome_of(Path("parts")) == outcome_of(run)


def test_what_the_user_gave_when_the_run_was_begun_holds_when_it_is_trained_further(corpus: Path) -> None:
    run = finished(corpus, valid_every=3)
    finish(resume(run, length={"steps": 7}))
    assert sorted(valid(run)) == [0, 3, 6, 9, 12, 15, 18, 20, 21, 24, 27]
    assert (run / "samples.txt").read_text() == ""  # sample_every was 0


@pytest.mark.slow
def test_scores_start_over_on_a_different_text(corpus: Path) -> None:
    Path("easy.txt").write_text("ab" * 5000, encoding="utf-8")
    run = finished(Path("easy.txt"), steps=200)
    easy = min(valid(run).values())
    launched = resume(run, [str(corpus)], length={"steps": 20}, allow_changed_corpus=True)
    assert launched.notes == ()
    events = finish(launched, stop_at=215)
    scores = [(e.step, e.best) for e in events if isinstance(e, Validated)]
    assert scores[0] == (200, True)  # the weights are scored on the new text
    state = load_state(run).values
    assert state["best_nll"] > easy
    assert state["best_step"] >= 200
    (last,) = (e for e in finish(resume(run)) if isinstance(e, Finished))  # which is remembered
    assert last.step == 220


@pytest.mark.parametrize(
    ("length", "said"),
    [({"steps": 0}, "`steps`"), ({"minutes": -1}, "`minutes`"), ({"steps": 5, "minutes": 1}, "cannot both be given")],
)
def test_an_invalid_length_is_refused_and_the_run_is_as_it_was(
    corpus: Path, length: dict[str, float], said: str
) -> None:
    run = finished(corpus)
    with pytest.raises(UsageError, match=said):
        resume(run, length=length)
    assert not (run / "resume" / "plan.jsonl").exists()


def test_a_finished_run_that_is_resumed_says_so_and_how_to_train_it_further(cli: Cli, corpus: Path) -> None:
    finished(corpus)
    said = cli("train", "--resume", "run")
    assert said.code == 0
    assert "This run is finished after step 20. Best validation: " in said.err
    assert "To train it further: rnngen train --resume run --minutes 5" in said.err
    assert cli("train", "--resume", "run", "--steps", "3", "--json").out.count('"step": 23') == 1


def test_what_cannot_change_when_a_run_is_resumed_is_named(cli: Cli, corpus: Path) -> None:
    finished(corpus)
    said = cli("train", "--resume", "run", "--steps", "3", "--learning-rate", "1")
    assert said.code == 2
    assert "--learning-rate cannot be given with --resume" in said.err
    assert "rnngen train TEXT --init-from run" in said.err


# begun with another run's weights


def test_the_weights_that_a_run_begins_with_are_scored_and_kept_if_nothing_beats_them(corpus: Path) -> None:
    first = finished(corpus, steps=60)
    kept = min(valid(first).values())
    events = finish(
        launch.launch(
            {
                "steps": 4,
                "learning_rate": 5.0,
                "muon_learning_rate": 5.0,
                "corpus": [str(corpus)],
                "precision": "float32",
                "device": "cpu",
            },
            out=Path("worse"),
            init_from=first,
        )
    )
    start = next(e for e in events if isinstance(e, Validated))
    assert (start.step, start.best) == (0, True)
    assert start.nll == pytest.approx(kept, rel=1e-6)  # the same sum of float32 terms, from weights that were saved
    (last,) = (e for e in events if isinstance(e, Finished))
    assert last.best_step == 0
    assert last.best_nll == start.nll
    assert open_run("worse").manifest["model.safetensors"] == open_run(first).manifest["model.safetensors"]


def test_random_weights_are_scored_but_are_no_model(corpus: Path) -> None:
    launched = launch.launch({**OPTIONS, "corpus": [str(corpus)]}, out=Path("run"))
    seen: list[bool] = []

    def on_event(event: Event) -> None:
        if isinstance(event, Validated):
            launched.trainer.saver.wait()
            seen.append(Path("run/manifest.json").exists())
            assert event.best == (event.step > 0)

    launch.run_to_end(launched, on_event)
    assert seen == [False, True, True]


@pytest.mark.parametrize("stop_at", [1, 9])
def test_a_run_with_trained_weights_is_resumed_bit_for_bit(corpus: Path, stop_at: int) -> None:
    first = finished(corpus, "first")
    options = {**{k: v for k, v in OPTIONS.items() if "size" not in k or k == "batch_size"}, "corpus": [str(corpus)]}
    for name in ("hidden_size", "embedding_size"):
        options.pop(name, None)
    finish(launch.launch(options, out=Path("whole"), init_from=first))
    finish(launch.launch(options, out=Path("parts"), init_from=first), stop_at=stop_at)
    finish(resume(Path("parts")))
    assert outcome_of(Path("parts")) == outcome_of(Path("whole"))
    assert json.loads(Path("whole/config.json").read_text())["init_from"]["run"] == str(first.absolute())


def test_the_rates_of_fine_tuning_are_not_raised_for_few_steps(corpus: Path) -> None:
    first = finished(corpus, "first")
    fresh = launch.launch({**OPTIONS, "corpus": [str(corpus)]}, out=Path("fresh"))
    tuned = launch.launch({"steps": 20, "corpus": [str(corpus)]}, out=Path("tuned"), init_from=first)
    for launched in (fresh, tuned):
        launched.trainer.writer.close()
    rates = [each.trainer.config.optimizer.muon_learning_rate for each in (fresh, tuned)]
    assert rates == [0.04, 0.02]


# stopped in the middle of what follows a step


@pytest.mark.parametrize("when", [0, 10, 20])
def test_a_stop_leaves_what_follows_the_step_for_later_and_nothing_is_lost(
    corpus: Path, monkeypatch: pytest.MonkeyPatch, when: int
) -> None:
    whole = finished(corpus, "whole")
    launched = launch.launch({**OPTIONS, "corpus": [str(corpus)]}, out=Path("parts"))
    if when == 0:
        launched.trainer.stop("SIGTERM")
    (stopped,) = (e for e in finish(launched, stop_at=when) if isinstance(e, Finished))
    assert stopped.step == when
    assert when not in valid(Path("parts"))
    finish(resume(Path("parts")))
    assert outcome_of(Path("parts")) == outcome_of(whole)


# runs that never saved


def never_saved(corpus: Path) -> None:
    """A run whose process was killed before its first save."""
    launch.launch({**OPTIONS, "corpus": [str(corpus)]}, out=Path("run")).trainer.writer.close()


def test_the_folder_of_a_run_that_never_saved_is_used_again(cli: Cli, corpus: Path) -> None:
    never_saved(corpus)
    for command in (["train", "--resume", "run"], ["sample", "run"], ["eval", "run"]):
        said = cli(*command)
        assert said.code == 1
        assert "Begin it again in the same folder: rnngen train " in said.err
        assert said.err.strip().endswith("--out run.")
    again = [f"--{name.replace('_', '-')}={value}" for name, value in OPTIONS.items()]
    assert cli("train", corpus, *again, "--out", "run").code == 0
    assert sorted(valid(Path("run"))) == [0, 10, 20]


def test_a_folder_with_a_file_of_the_user_is_not_used_again(corpus: Path) -> None:
    never_saved(corpus)
    Path("run/notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="there is a run in this folder already"):
        launch.launch({**OPTIONS, "corpus": [str(corpus)]}, out=Path("run"))
    assert Path("run/notes.txt").read_text() == "mine"


def test_the_folder_of_a_run_that_is_being_written_is_not_used(corpus: Path) -> None:
    begun = launch.launch({**OPTIONS, "corpus": [str(corpus)]}, out=Path("run"))  # it has not saved yet
    with pytest.raises(CheckpointError, match="another process is writing this run"):
        launch.launch({**OPTIONS, "corpus": [str(corpus)]}, out=Path("run"))
    assert finish(begun)[-1].step == 20  # type: ignore[union-attr]


# stopped in the middle of something long


def stop_after(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, calls: int) -> dict[str, Any]:
    """Stops the trainer in ``box`` at this call of a function."""
    original, box = getattr(module, name), {"calls": 0}

    def counted(*arguments: Any, **more: Any) -> Any:
        box["calls"] += 1
        if box["calls"] == calls:
            box["trainer"].stop("SIGTERM")
        return original(*arguments, **more)

    monkeypatch.setattr(module, name, counted)
    return box


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_stop_in_a_long_validation_does_not_wait_for_its_end(
    corpus: Path, monkeypatch: pytest.MonkeyPatch, bidirectional: bool
) -> None:
    module = pseudo_perplexity if bidirectional else reading
    options = {"bidirectional": bidirectional, "split": (0.5, 0.5)}
    whole = finished(corpus, "whole", **options)
    launched = launch.launch({**OPTIONS, "corpus": [str(corpus)], **options}, out=Path("parts"))
    with monkeypatch.context() as patch:
        box = stop_after(patch, module, "ids_at", calls=3)  # a window of the first validation
        box["trainer"] = launched.trainer
        (stopped,) = (e for e in finish(launched) if isinstance(e, Finished))
        assert (stopped.step, stopped.reason) == (0, "SIGTERM")
        assert box["calls"] < 10
    finish(resume(Path("parts")))
    assert outcome_of(Path("parts")) == outcome_of(whole)


def test_a_stop_while_ngrams_are_counted_leaves_them_for_later(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    launched = launch.launch({**OPTIONS, "corpus": [str(corpus)], "ngram": 3}, out=Path("run"))
    with monkeypatch.context() as patch:
        stop_after(patch, counts, "find", calls=1)["trainer"] = launched.trainer
        (stopped,) = (e for e in finish(launched) if isinstance(e, Finished))
        assert (stopped.step, stopped.reason, stopped.mixed) == (20, "SIGTERM", None)
    assert "ngram.safetensors" not in open_run("run").manifest
    (last,) = (e for e in finish(resume(Path("run"))) if isinstance(e, Finished))
    assert last.mixed is not None
    assert "ngram.safetensors" in open_run("run").manifest
    (again,) = (e for e in finish(resume(Path("run"))) if isinstance(e, Finished))
    assert again.mixed is None  # it has been done


def test_in_python_a_run_is_trained_further(corpus: Path) -> None:
    run = finished(corpus)
    steps: list[int] = []
    further = rnngen.resume(
        open_run(run), corpus, steps=3, on_event=lambda e: steps.append(e.step) if isinstance(e, Stepped) else None
    )
    assert steps == [21, 22, 23]
    assert further.planned_steps() == 23
    assert rnngen.resume(run).path == run  # nothing is left to do
