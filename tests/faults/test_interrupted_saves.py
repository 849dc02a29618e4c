"""A process that is killed, or refused by the disk, at any write, rename or fsync of anything that it does to a run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch

from rnngen.corpus.tokenizer import train_tokenizer
from rnngen.errors import CheckpointError
from rnngen.options.network import ModelConfig
from rnngen.runs.finding import never_saved, open_run
from rnngen.runs.layout import LOGS, MANIFEST, MODEL, NGRAM, PASSING, UNSAVED, saved_steps
from rnngen.runs.plan_record import Stretch, recorded_plan
from rnngen.runs.writer import RunWriter
from rnngen.training.checkpoint import format_weights, load_state
from tests.runs.saving import Killed, fault_at, full, leftovers, read_only, state, states_found, steps_of, writing

TOKENIZER = train_tokenizer("char", ["abc"])
NETWORK = ModelConfig(hidden_size=2, embedding_size=2)
CONFIG = {"rnngen": "1", "model": vars(NETWORK), "train": {"steps": 9}, "data": {"corpus": ["text"]}}
PLAN = Stretch(0, 9, 1, "float32")
ROW = '{"step": 1}\n'


def weights(value: float) -> bytes:
    shapes = NETWORK.shapes(TOKENIZER.vocab_size)
    return format_weights({name: torch.full(shape, value) for name, shape in shapes.items()})


def value_of(run: Path) -> float:
    """Of the weights, which must all be of the same save."""
    values = {float(v) for w in open_run(run).weights().values() for v in w.flat}
    assert len(values) == 1
    return values.pop()


def cut(writer: RunWriter) -> None:
    writer.cut_logs(dict.fromkeys(LOGS, len(ROW)))


LIFE: list[Callable[[RunWriter], object]] = [
    lambda writer: writer.begin(CONFIG, TOKENIZER),
    lambda writer: writer.record_plan([PLAN]),
    lambda writer: writer.append("metrics.jsonl", ROW),
    lambda writer: writer.save_model(weights(1.0)),
    lambda writer: writer.save_state(1, *state(1)),
    lambda writer: writer.append("metrics.jsonl", ROW),
    lambda writer: writer.save_model(weights(2.0)),
    lambda writer: writer.save_state(2, *state(2)),
    cut,
    lambda writer: writer.save_ngram(b"fitted to 2"),
    lambda writer: writer.save_state(3, *state(3)),
    lambda writer: writer.save_model(weights(3.0)),
    lambda writer: writer.save_state(2, *state(2)),
]
"""Everything that is done to a run, in an order that occurs, with states from before the newest one at the end."""


def live(run: Path, parts: list[int]) -> None:
    """Do all of it, and count the parts that are done."""
    with writing(run) as writer:
        for do in LIFE:
            do(writer)
            parts.append(len(parts))


def is_whole(run: Path, parts: int) -> None:
    """What was saved before the part that did not come to its end can be used, or what that part saved."""
    if parts >= 4:
        saved = [value for part, value in ((3, 1.0), (6, 2.0), (11, 3.0)) if part < parts]
        value = value_of(run)
        assert value in saved[-1:] or value == saved[-1] + 1
        for log in LOGS:
            open_run(run).read(log)
        if NGRAM in open_run(run).manifest:
            assert (open_run(run).read(NGRAM), value) == (b"fitted to 2", 2.0)
    if parts >= 5:
        assert states_found(run) in {2, 3} if parts >= 8 else {1, 2}
        assert load_state(run).warnings == ()
    if parts >= 2:
        assert recorded_plan(run) == [PLAN]


def can_be_begun_again(run: Path) -> bool:
    return never_saved(run) and {path.name for path in run.iterdir()} <= PASSING | set(UNSAVED)


@pytest.mark.fault(1, 9)
@pytest.mark.parametrize(
    ("fault", "when"),
    [
        pytest.param(Killed, "before", marks=pytest.mark.slow),
        (Killed, "half"),
        pytest.param(full, "before", marks=pytest.mark.slow),
        (full, "half"),
        pytest.param(Killed, "after", marks=pytest.mark.slow),
        pytest.param(full, "after", marks=pytest.mark.slow),
        pytest.param(read_only, "before", marks=pytest.mark.slow),
    ],
)
def test_whenever_a_run_is_cut_short_what_was_saved_is_whole_and_the_next_process_continues(
    tmp_path: Path, fault: Callable[[], BaseException], when: str
) -> None:
    steps = steps_of(lambda: live(tmp_path / "whole", []), when)
    assert len(steps) >= (20 if when == "half" else 100)
    for k in steps:
        run, parts = tmp_path / str(k) / "run", []  # type: ignore[var-annotated]
        with fault_at(k, when, fault), suppress(Killed, CheckpointError):
            live(run, parts)
        is_whole(run, len(parts))
        with writing(run) as writer:
            assert leftovers(run) == []
            is_whole(run, len(parts))
            if not (run / MANIFEST).exists() and not saved_steps(run):
                assert not (run / "config.json").exists() or can_be_begun_again(run)
                writer.clear()
            for do in LIFE if k % 5 == 0 else ():
                do(writer)
        if k % 5:
            continue
        assert value_of(run) == 3.0
        assert states_found(run) == 2
        assert [path.name for path in saved_steps(run)] == ["000000002", "000000001"][: len(saved_steps(run))]


@pytest.fixture(autouse=True)
def _fast_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is synced matters here, not that it is."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[Path]:
    """A run with everything that killed saves can leave, all at once."""
    run = tmp_path / "run"
    live(run, [])
    for name in (MODEL, NGRAM):
        (run / f"{name}.new").write_bytes(b"half")
    for name in ("config.json", "tokenizer.json", *LOGS, MANIFEST):
        (run / f".{name}.tmp").write_bytes(b"half")
    for name in (".000000009", ".000000002.replaced", ".000000007.replaced"):
        (run / "resume" / name).mkdir()
        (run / "resume" / name / "state.json").write_text("{}")
    return run


@pytest.mark.fault(1)
def test_killed_while_cleaning_what_a_killed_save_left_the_next_process_cleans_the_rest(killed: Path) -> None:
    shutil.copytree(killed, killed.parent / "copy")
    steps = steps_of(lambda: RunWriter(killed.parent / "copy").close(), "before")
    assert len(steps) >= 12
    for k in steps:
        run = killed.parent / str(k) / "run"
        shutil.copytree(killed, run)
        with fault_at(k, "before", Killed), suppress(Killed):
            RunWriter(run).close()
        assert value_of(run) == 3.0
        RunWriter(run).close()
        assert leftovers(run) == []
        assert value_of(run) == 3.0


@pytest.mark.fault(1, 9)
def test_nothing_of_a_row_that_the_disk_refused_is_in_a_log(tmp_path: Path) -> None:
    with writing(tmp_path / "run") as writer:
        writer.begin(CONFIG, TOKENIZER)
        writer.append("metrics.jsonl", ROW)
        for when in ("before", "half"):
            with (
                fault_at(1, when, full),
                pytest.raises(CheckpointError, match=r"metrics\.jsonl: cannot be written \(No space left on device\)"),
            ):
                writer.append("metrics.jsonl", ROW)
        writer.append("metrics.jsonl", ROW)
    assert (tmp_path / "run" / "metrics.jsonl").read_text() == ROW * 2


@pytest.mark.fault(1)
def test_what_a_save_refers_to_is_on_the_disk_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order in which it must survive a power cut: logs and new files, then their manifest, then its name."""
    done: list[str] = []

    def noting(name: str, real: Callable[..., None]) -> Callable[..., None]:
        def note(*arguments: Any, **options: Any) -> None:
            file = Path(f"/proc/self/fd/{arguments[0]}").readlink().name if name == "fsync" else arguments[1]
            done.append(f"{name} {file}")
            real(*arguments, **options)

        return note

    for name in ("fsync", "replace"):
        monkeypatch.setattr(os, name, noting(name, getattr(os, name)))
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("no /proc")
    with writing(tmp_path / "run") as writer:
        writer.begin(CONFIG, TOKENIZER)
        done.clear()
        writer.save_model(weights(1.0))
        assert done == [
            "fsync model.safetensors.new",
            "fsync metrics.jsonl",
            "fsync samples.txt",
            "fsync .manifest.json.tmp",
            "replace manifest.json",
            "fsync run",
            "replace model.safetensors",
            "fsync run",
        ]
        done.clear()
        writer.save_state(5, *state(5))
    assert done == [
        "fsync metrics.jsonl",
        "fsync samples.txt",
        "fsync run",
        *(f"fsync {name}" for name in ("state.safetensors", "state.json", "manifest.json", ".000000005")),
        "replace 000000005",
        "fsync resume",
    ]
