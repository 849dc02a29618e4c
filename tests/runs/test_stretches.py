"""The record of how a run was planned is read back as it was written, and nothing else is taken for it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rnngen.runs.plan_record import Cycle, Stretch, is_over, latest_cycle, parse_record


def test_a_stretch_survives_its_record() -> None:
    one = Stretch(7, 100, 3, "bf16")
    assert Stretch.from_dict(one.as_dict()) == one


GOOD = Stretch(7, 100, 1, "float32").as_dict()


@pytest.mark.parametrize(
    "bad",
    [
        {**GOOD, "step": -1},
        {**GOOD, "step": 1.5},
        {**GOOD, "step": True},
        {**GOOD, "step": 100},
        {**GOOD, "steps": 0},
        {**GOOD, "steps": 2**63},
        {**GOOD, "threads": 0},
        {**GOOD, "threads": 10**6},
        {**GOOD, "precision": "float64"},
        {**GOOD, "trial": 1},
        {**GOOD, "more": 1},
        {"step": 7},
        [],
        None,
        "x",
    ],
)
def test_what_is_no_stretch_is_refused(bad: Any) -> None:
    with pytest.raises(ValueError, match="plan"):
        Stretch.from_dict(bad)


def test_lines_that_are_no_stretches_are_passed_over() -> None:
    good = json.dumps(GOOD).encode()
    content = b"\n".join([good, b"", b"[]", b'{"steps": 1e400}', b"[" * 100_000, b"\xff\xfe", good, good[:-9]])
    assert parse_record(content) == [Stretch(7, 100, 1, "float32")]


def test_a_stretch_replaces_all_that_were_written_before_it_and_begin_later() -> None:
    rows = [Stretch(5, 90, 1, "float32"), Stretch(40, 80, 1, "float32"), Stretch(20, 70, 1, "float32")]
    content = "".join(json.dumps(row.as_dict()) + "\n" for row in rows).encode()
    assert parse_record(content) == [rows[0], rows[2]]


def test_a_record_of_before_there_were_learning_rate_cycles_is_read() -> None:
    row = {name: value for name, value in GOOD.items() if name != "cycle"}
    assert parse_record(json.dumps(row).encode()) == [Stretch(7, 100, 1, "float32")]


@pytest.mark.parametrize(
    "bad",
    [
        {"peak": 0},
        {"peak": -1},
        {"peak": True},
        {"peak": 1e9},
        {"peak": "1"},
        {"valid_every": 0},
        {"valid_every": 1.5},
        {"sample_every": -1},
        {"more": 1},
    ],
)
def test_what_is_no_learning_rate_cycle_is_refused(bad: dict[str, Any]) -> None:
    good = {"peak": 0.5, "valid_every": 10, "sample_every": 0}
    assert Stretch.from_dict({**GOOD, "cycle": good}).cycle == Cycle(0.5, 10, 0)
    with pytest.raises(ValueError, match=r"cycle|plan"):
        Stretch.from_dict({**GOOD, "cycle": good | bad})


@pytest.mark.parametrize(
    ("step", "best_step", "patience", "over"),
    [
        (100, 100, 0, True),  # all steps were taken
        (101, 100, 0, True),
        (99, 10, 0, False),  # no early stopping
        (30, 10, 2, True),
        (29, 10, 2, False),
        (30, 11, 2, False),
        (30, None, 2, False),  # no validation yet
    ],
)
def test_training_is_over_at_its_end_or_without_improvement(
    step: int, best_step: int | None, patience: int, over: bool
) -> None:
    assert is_over(step, 100, best_step=best_step, patience=patience, valid_every=10) is over


def test_the_latest_cycle_is_that_of_the_last_stretch_that_has_one() -> None:
    one, other = Cycle(0.5, 10, 0), Cycle(None, 20, 0)
    plain = Stretch(0, 9, 1, "float32")
    assert latest_cycle([plain]) is None
    stretches = [plain, Stretch(1, 9, 1, "float32", cycle=one), Stretch(2, 9, 1, "float32", cycle=other), plain]
    assert latest_cycle(stretches) == other
