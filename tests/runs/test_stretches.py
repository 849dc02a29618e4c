"""The record of how a run was planned is read back as it was written, and nothing else is taken for it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rnngen.runs.stretches import Cycle, Stretch, parse_record


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
