"""Every step of a training, as its log has it, and columns in which no step is hidden."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from rnngen.runs.failure import Failure
from rnngen.runs.finding import open_run
from rnngen.runs.steps import Jump, Steps, largest, read_steps


def made(norms: list[float], clip: float = 1.0, first: int = 1) -> Steps:
    numbers = np.arange(first, first + len(norms), dtype=float)
    return Steps(Path("run"), numbers, 5 - np.array(norms) / 10, np.array(norms), clip, (), None)


def test_the_steps_are_those_of_the_log(trained: Path) -> None:
    log = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    written = [row for row in log if "train_nll" in row]
    steps = read_steps(open_run(trained))
    assert steps.numbers.tolist() == [row["step"] for row in written] == list(range(1, 61))
    assert steps.losses.tolist() == [row["train_nll"] for row in written]
    assert steps.norms.tolist() == [row["grad_norm"] for row in written]
    assert steps.after.tolist() == [row["clipped_norm"] for row in written]
    assert steps.clip == 1.0
    assert steps.clipped == sum(row["grad_norm"] > 1 for row in written)
    assert (steps.jumps, steps.failure) == ((), None)


def test_jumps_and_the_failure_are_read_and_damaged_rows_are_passed_over(trained: Path) -> None:
    rows = [
        {"step": 61, "jump": 9.0, "expected": 2.0, "back_to": 40},
        {"step": 62, "jump": 9.0, "expected": 2.0, "skipped": 1},
        {"step": 62, "train_nll": None, "grad_norm": 3.0},
        {"step": 3, "train_nll": 1.0, "grad_norm": 3.0},  # after step 60: no step of this run
        {"step": 63, "failed": "gradient", "kept_step": 60, "loss": 2.5, "norm": "inf"},
    ]
    with (trained / "metrics.jsonl").open("a") as log:
        log.write("".join(json.dumps(row) + "\n" for row in rows))
    steps = read_steps(open_run(trained))
    assert steps.numbers.tolist() == list(range(1, 61))
    assert steps.jumps == (Jump(61, 40), Jump(62, None))
    assert steps.failure == Failure(63, "the gradient was not finite", 60, 2.5, math.inf)
    assert steps.last == 63


@pytest.mark.parametrize(("count", "columns"), [(1, 5), (5, 5), (7, 5), (1000, 66), (1001, 66), (65, 66)])
def test_each_step_is_in_one_column_and_no_spike_is_hidden(count: int, columns: int) -> None:
    norms = np.random.default_rng(0).lognormal(0, 1, count).tolist()
    steps = made(norms)
    bins = [each for each in steps.bins(columns) if each]
    assert len(bins) == min(count, columns)
    assert [bins[0].first, bins[-1].last] == [1, count]
    assert all(after.first == before.last + 1 for before, after in pairwise(bins))
    for each in bins:
        part = norms[each.first - 1 : each.last]
        assert (each.norm.low, each.norm.high) == (min(part), max(part))
        assert each.norm.median == pytest.approx(float(np.median(part)))
        assert each.after.high == min(1.0, max(part))
        assert (each.clipped, each.steps) == (sum(norm > 1 for norm in part), len(part))
        assert each.loss.high == pytest.approx(5 - min(part) / 10)
    assert sum(each.clipped for each in bins) == steps.clipped


def test_runs_of_different_lengths_share_an_axis() -> None:
    bins = made([1.0] * 50).bins(10, last=100)
    assert [each is not None for each in bins] == [True] * 5 + [False] * 5
    assert made([]).bins(10) == [None]
    assert made([], clip=math.inf).clipped == 0


def test_the_largest_norms_come_first() -> None:
    assert list(largest(made([1, 5, 2, 5, 9]), 3)) == [4, 1, 3]
