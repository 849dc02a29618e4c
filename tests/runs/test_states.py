"""Saving a state: killed or refused at any moment, the old or the new one is there, whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from rnngen.errors import CheckpointError
from rnngen.runs.layout import MANIFEST, RESUME, STATE_JSON, STATE_TENSORS, saved_steps
from rnngen.runs.manifest import manifest_bytes
from rnngen.runs.writer import RunWriter
from rnngen.training.checkpoint import load_state
from tests.runs.saving import Killed, fault_at, full, leftovers, state, states_found, steps_of, writing


def with_states(run: Path, before: list[int]) -> RunWriter:
    """A new run with states of these steps."""
    shutil.rmtree(run, ignore_errors=True)
    writer = RunWriter(run)
    for k in before:
        writer.save_state(k, *state(k))
    return writer


def save_state_at_every_step(
    run: Path, before: list[int], step: int, when: str, fault: Callable[[], BaseException]
) -> None:
    writer = with_states(run, before)
    steps = steps_of(lambda: writer.save_state(step, *state(step)), when)
    writer.close()
    assert len(steps) >= 3 or step in before  # to save again what is there may be no work
    for k in steps:
        writer = with_states(run, before)
        with fault_at(k, when, fault), suppress(Killed, CheckpointError):  # pruning may fail in silence
            writer.save_state(step, *state(step))
        writer.close()
        assert states_found(run) in {max(before), step}, f"step {k}"
        with writing(run) as writer:
            assert leftovers(run) == []
            assert states_found(run) in {max(before), step}
            writer.save_state(step + 1, *state(step + 1))
        assert states_found(run) == step + 1


@pytest.mark.parametrize("fault", [Killed, full])
@pytest.mark.parametrize("when", ["before", "half", "after"])
@pytest.mark.parametrize("before", [[1], [1, 2]], ids=str)
def test_killed_or_refused_at_any_step_of_saving_a_state_leaves_the_old_or_the_new(
    tmp_path: Path, before: list[int], when: str, fault: Callable[[], BaseException]
) -> None:
    save_state_at_every_step(tmp_path / "run", before, 3, when, fault)


@pytest.mark.parametrize("fault", [Killed, full])
@pytest.mark.parametrize("when", ["before", "half", "after"])
@pytest.mark.parametrize("before", [[3], [1, 3]], ids=str)
def test_saving_the_same_step_again_never_loses_it(
    tmp_path: Path, before: list[int], when: str, fault: Callable[[], BaseException]
) -> None:
    save_state_at_every_step(tmp_path / "run", before, 3, when, fault)


@pytest.mark.parametrize("fault", [Killed, full])
@pytest.mark.parametrize("when", ["before", "half", "after"])
@pytest.mark.parametrize("before", [[3], [1, 3]], ids=str)
def test_a_state_that_is_replaced_at_its_step_is_there_before_and_after(
    tmp_path: Path, before: list[int], when: str, fault: Callable[[], BaseException]
) -> None:
    """As when something that was due at a step has been done since."""
    run, (tensors, values) = tmp_path / "run", state(3)
    done = {**values, "due": []}

    writer = with_states(run, before)
    steps = steps_of(lambda: writer.save_state(3, tensors, done), when)
    writer.close()
    assert load_state(run).values == done
    assert len(steps) >= 3
    for k in steps:
        writer = with_states(run, before)
        with fault_at(k, when, fault), suppress(Killed, CheckpointError):
            writer.save_state(3, tensors, done)
        writer.close()
        if fault is full:
            assert load_state(run).values in (values, done), f"step {k}"
        with writing(run):  # which puts back what a killed process had moved away
            assert leftovers(run) == []
            assert load_state(run).values in (values, done), f"step {k}"


def test_a_state_is_read_back_as_it_was_saved(tmp_path: Path) -> None:
    with writing(tmp_path / "run") as writer:
        folder = writer.save_state(7, *state(7))
    assert folder == tmp_path / "run" / RESUME / "000000007"
    assert states_found(tmp_path / "run") == 7
    assert load_state(tmp_path / "run").warnings == ()


def test_the_last_two_states_are_kept(tmp_path: Path) -> None:
    with writing(tmp_path / "run") as writer:
        for k in [1, 5, 40, 1_000_000_000]:
            writer.save_state(k, *state(k))
            assert len(saved_steps(tmp_path / "run")) <= 2
    assert [p.name for p in saved_steps(tmp_path / "run")] == ["1000000000", "000000040"]


@pytest.mark.parametrize("name", [".DS_Store", ".000000009", "resume"])
def test_a_stray_file_in_the_resume_folder_does_not_stop_a_run(tmp_path: Path, name: str) -> None:
    with writing(tmp_path / "run") as writer:
        writer.save_state(1, *state(1))
    (tmp_path / "run" / RESUME / name).write_bytes(b"stray")
    with writing(tmp_path / "run") as writer:
        writer.save_state(2, *state(2))
    assert states_found(tmp_path / "run") == 2


def test_what_a_failed_save_could_not_put_back_survives_another_failed_save(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the copy that was moved away is left of its step then."""
    tensors, values = state(3)
    with writing(tmp_path / "run") as writer:
        writer.save_state(3, tensors, values)
        replace, done = os.replace, []

        def once(source: Path, target: Path, **within: Any) -> None:
            done.append(source)
            if len(done) > 1:
                raise full()
            replace(source, target, **within)

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", once)
            with pytest.raises(CheckpointError, match="No space left on device"):
                writer.save_state(3, tensors, {**values, "due": []})
            assert len(done) == 3  # the old one away, the new one in, the old one back
            assert saved_steps(tmp_path / "run") == []

            def no_space(*arguments: object) -> None:
                raise full()

            patch.setattr(os, "write", no_space)
            with pytest.raises(CheckpointError, match="No space left on device"):
                writer.save_state(3, tensors, {**values, "due": []})
    with writing(tmp_path / "run"):
        assert states_found(tmp_path / "run") == 3
        assert leftovers(tmp_path / "run") == []


def test_a_state_whose_tensors_cannot_be_read_is_replaced_at_its_step(tmp_path: Path) -> None:
    """Its hashes are right all the same."""
    with writing(tmp_path / "run") as writer:
        folder = writer.save_state(3, *state(3))
        contents = {STATE_TENSORS: b"no tensors", STATE_JSON: (folder / STATE_JSON).read_bytes()}
        for name, content in {**contents, MANIFEST: manifest_bytes(contents)}.items():
            (folder / name).write_bytes(content)
        writer.save_state(3, *state(3))
    assert states_found(tmp_path / "run") == 3
