"""A log that was cut short, within a row or between two, or that holds something else, costs rows and nothing more."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rnngen.runs.layout import METRICS, SAMPLES, saved_steps
from rnngen.training import launch
from rnngen.training.checkpoint import load_state
from tests.conftest import FAST
from tests.training.interrupted import finish


@pytest.fixture
def stopped(corpus: Path) -> Path:
    options = {**FAST, "steps": 40, "save_every": 20, "valid_every": 20, "sample_every": 10, "patience": 0}
    finish(launch.launch({**options, "corpus": [str(corpus)]}, out=Path("run")), stop_at=30)
    return Path("run")


@pytest.mark.fault(3)
@pytest.mark.parametrize("log", [METRICS, SAMPLES])
@pytest.mark.parametrize("bytes_lost", [1, 7, 1000])
def test_a_run_whose_log_was_cut_is_resumed_and_its_rows_are_whole(stopped: Path, log: str, bytes_lost: int) -> None:
    content = (stopped / log).read_bytes()
    (stopped / log).write_bytes(content[:-bytes_lost])
    finish(launch.resume(stopped))
    assert load_state(stopped).values["step"] == 40
    steps = [json.loads(line)["step"] for line in (stopped / METRICS).read_text(encoding="utf-8").splitlines()]
    assert steps == sorted(steps)
    assert steps[-1] == 40
    assert (stopped / log).read_bytes().startswith(content[: content[:-bytes_lost].rfind(b"\n") + 1])


@pytest.mark.fault(3)
@pytest.mark.parametrize("row", [b"null", b"[]", b'{"grad_norm": "high"}', b"{", b"\xff", b'{"grad_norm": 1e999}'])
def test_rows_that_are_none_of_ours_do_not_keep_a_run_from_being_resumed(stopped: Path, row: bytes) -> None:
    lines = (stopped / METRICS).read_bytes().splitlines(keepends=True)
    lines[5] = row + b"\n"
    (stopped / METRICS).write_bytes(b"".join(lines))
    finish(launch.resume(stopped))
    assert saved_steps(stopped)[0].name == "000000040"
