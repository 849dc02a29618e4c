from __future__ import annotations

import json
import math
from typing import Any

import pytest

from rnngen.options.training import TrainConfig
from rnngen.runs.plan_record import Cycle, Stretch
from rnngen.training.progress import Progress
from rnngen.training.schedule import Schedule

TRAIN = TrainConfig(steps=20, valid_every=5, save_every=4, sample_every=0, patience=2)


def schedule(**changes: Any) -> Schedule:
    return Schedule([Stretch(0, 20, 1, "float32", **changes)])


def due(train: TrainConfig, plan: Schedule, *, save: bool = False) -> dict[int, set[str]]:
    progress, after = Progress(), {}
    for step in range(1, plan.steps + 1):
        progress.stepped(train, plan, save=save)
        after[step] = progress.due
    return {step: parts for step, parts in after.items() if parts}


def test_what_is_due_follows_from_the_intervals_and_everything_is_after_the_last_step() -> None:
    assert due(TRAIN, schedule()) == {
        4: {"save"},
        5: {"validation"},
        8: {"save"},
        10: {"validation"},
        12: {"save"},
        15: {"validation"},
        16: {"save"},
        20: {"validation", "save"},
    }
    assert due(TRAIN.changed(sample_every=15), schedule())[20] == {"validation", "sample", "save"}
    assert all("save" in parts for parts in due(TRAIN, schedule(), save=True).values())


def test_a_run_that_is_trained_further_has_the_intervals_of_its_cycle() -> None:
    parts = due(TRAIN, schedule(cycle=Cycle(None, valid_every=8, sample_every=6)))
    assert [step for step in parts if "validation" in parts[step]] == [8, 16, 20]
    assert [step for step in parts if "sample" in parts[step]] == [6, 12, 18, 20]


def test_the_best_score_is_kept_and_random_weights_have_none() -> None:
    progress = Progress()
    assert not progress.validated(0.5, trained=False)
    assert progress.validated(0.5, trained=True)
    progress.step = 5
    assert [progress.validated(nll, trained=False) for nll in (0.6, 0.5, 0.4)] == [False, False, True]
    assert (progress.best_nll, progress.best_step) == (0.4, 5)


def test_patience_counts_from_the_best_validation_of_the_cycle() -> None:
    progress = Progress(step=5)
    progress.validated(1.0, trained=False)
    for step, over in ((14, False), (15, True)):
        progress.step = step
        assert progress.is_over(TRAIN, schedule()) == over
        assert not progress.is_over(TRAIN.changed(patience=0), schedule())
    progress.begin_cycle(15)
    assert not progress.is_over(TRAIN, schedule())
    progress.step = 20
    assert progress.is_over(TRAIN, schedule())


@pytest.mark.parametrize(
    "progress",
    [
        Progress(),
        Progress(step=9, best_nll=0.5, best_step=5, cycle_nll=0.75, cycle_step=7, due={"sample", "save"}),
        Progress(step=9, due=set()),
    ],
    ids=["begun", "with some due", "with none due"],
)
def test_progress_is_read_back_as_it_was_saved(progress: Progress) -> None:
    read = Progress.from_values(json.loads(json.dumps(progress.values())))
    assert read == Progress(**{**vars(progress), "due": progress.due | ({"save"} if progress.due else set())})


def test_the_state_of_an_older_run_has_neither_cycles_nor_anything_due() -> None:
    read = Progress.from_values({"step": 9, "best_nll": 0.5, "best_step": 5})
    assert read == Progress(step=9, best_nll=0.5, best_step=5, cycle_nll=0.5, cycle_step=5, due=set())
    assert Progress.from_values({"step": 9, "best_nll": None, "best_step": 0}).cycle_nll == math.inf
