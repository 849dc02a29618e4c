"""Saving: killed or refused at any moment, what was saved before or what is being saved is there, whole."""

from __future__ import annotations

import errno
import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save as format_tensors
from torch import Tensor

from rnngen.corpus.tokenizer import train_tokenizer
from rnngen.errors import CheckpointError
from rnngen.options.config import RunConfig
from rnngen.runs import run as files
from rnngen.runs.run import MANIFEST, NEW, NGRAM, RESUME, open_run, saved_steps
from rnngen.runs.stretches import Stretch
from rnngen.training.checkpoint import (
    STATE_JSON,
    STATE_TENSORS,
    RunWriter,
    load_state,
    metrics_row,
    new_run_folder,
    pack,
    pack_optimizers,
    unpack,
    unpack_optimizers,
)
from rnngen.training.learner import Learner
from rnngen.training.resuming import resume
from tests.conftest import FAST


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the package may catch it."""


STEPS: list[tuple[Any, str]] = [
    (files, "write_synced"),
    (files, "sync_folder"),
    (Path, "replace"),
    (Path, "rename"),
    (Path, "mkdir"),
    (Path, "unlink"),
    (os, "unlink"),
    (os, "rmdir"),
]
"""Everything a save does to the disk."""


@contextmanager
def fault_at(k: int, when: str, fault: Callable[[], BaseException]) -> Iterator[list[str]]:
    """The ``k``-th step of a save fails: ``before`` it did anything, ``half`` way through a write, or ``after`` it."""
    done: list[str] = []

    def wrap(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **options: Any) -> Any:
            done.append(name)
            if len(done) - 1 != k:
                return real(*arguments, **options)
            if when == "after":
                real(*arguments, **options)
            elif when == "half" and name == "write_synced":
                path, content = arguments
                path.write_bytes(content[: len(content) // 2])
            raise fault()

        return step

    with pytest.MonkeyPatch.context() as patch:
        for where, name in STEPS:
            patch.setattr(where, name, wrap(name, getattr(where, name)))
        yield done


def full() -> OSError:
    return OSError(errno.ENOSPC, "No space left on device")


def steps_of(save: Callable[[], object], when: str) -> list[int]:
    """The steps of a save that can fail ``when``: only a write can fail half way."""
    with fault_at(-1, "before", Killed) as done:
        save()
    return [k for k, name in enumerate(done) if when != "half" or name == "write_synced"]


def weights_of(run: Path) -> dict[str, Tensor]:
    return {name: torch.from_numpy(w.copy()) for name, w in open_run(run).weights().items()}


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@contextmanager
def writing(run: Path) -> Iterator[RunWriter]:
    writer = RunWriter(run)
    try:
        yield writer
    finally:
        writer.close()


def leftovers(run: Path) -> list[str]:
    """What should not lie in a run after it was cleaned."""
    found = [p for p in run.rglob("*") if p.name.endswith((NEW, ".tmp")) or p.parent.name == RESUME]
    return [p.name for p in found if p.parent.name != RESUME or p.name.startswith(".")]


def save_model_at_every_step(trained: Path, when: str, fault: Callable[[], BaseException]) -> None:
    with writing(trained) as writer:
        old = weights_of(trained)
        steps = steps_of(lambda: writer.save_model(old), when)
    assert len(steps) >= 2
    for k in steps:
        new = {name: w + k + 1 for name, w in old.items()}
        with writing(trained) as writer, fault_at(k, when, fault), pytest.raises((Killed, CheckpointError)):
            writer.save_model(new)
        found = weights_of(trained)
        assert same(found, old) or same(found, new), f"step {k}"
        writer = RunWriter(trained)
        assert leftovers(trained) == []
        assert same(weights_of(trained), found)  # cleaning changes nothing
        writer.save_model(old)  # and the next save works
        writer.close()
        assert same(weights_of(trained), old)


@pytest.mark.parametrize("when", ["before", "half", "after"])
def test_killed_at_any_step_of_saving_weights_leaves_the_old_or_the_new(trained: Path, when: str) -> None:
    save_model_at_every_step(trained, when, Killed)


@pytest.mark.parametrize("when", ["before", "half", "after"])
def test_refused_at_any_step_of_saving_weights_leaves_the_old_or_the_new(trained: Path, when: str) -> None:
    save_model_at_every_step(trained, when, full)


@pytest.mark.parametrize("fault", [Killed, full])
@pytest.mark.parametrize("when", ["before", "half", "after"])
def test_a_fault_at_any_step_of_saving_an_ngram_model_leaves_the_old_or_the_new_and_the_weights(
    trained: Path, when: str, fault: Callable[[], BaseException]
) -> None:
    weights = weights_of(trained)
    with writing(trained) as writer:
        writer.save_ngram(b"old")
        steps = steps_of(lambda: writer.save_ngram(b"old"), when)
    assert len(steps) >= 2
    for k in steps:
        with writing(trained) as writer, fault_at(k, when, fault), pytest.raises((Killed, CheckpointError)):
            writer.save_ngram(b"new %d" % k)
        found = open_run(trained).read(NGRAM)
        assert found in (b"old", b"new %d" % k), f"step {k}"
        with writing(trained) as writer:
            assert leftovers(trained) == []
            assert open_run(trained).read(NGRAM) == found
            assert same(weights_of(trained), weights)
            writer.save_ngram(b"old")


def test_new_weights_drop_the_ngram_model_that_was_fitted_to_the_old(trained: Path) -> None:
    with writing(trained) as writer:
        writer.save_ngram(b"fitted to the old")
        writer.save_model(weights_of(trained))
    assert NGRAM not in open_run(trained).manifest
    assert not (trained / NGRAM).exists()


def test_weights_that_were_saved_are_read_back(trained: Path) -> None:
    new = {name: w * 2 for name, w in weights_of(trained).items()}
    with writing(trained) as writer:
        assert writer.has_model
        writer.save_model(new)
    assert same(weights_of(trained), new)
    assert leftovers(trained) == []


def state(k: int) -> tuple[dict[str, Tensor], dict[str, Any]]:
    return {"a/b": torch.arange(k % 9 + 3), "half": torch.full((2,), k % 9, dtype=torch.bfloat16)}, {
        "step": k,
        "best_nll": 0.5,
        "best_step": 0,
        "seconds": 1.0,
        "logs": dict.fromkeys(files.LOGS, 0),
        "decided": {files.CONFIG: "", files.TOKENIZER: ""},
    }


def states_found(run: Path) -> int:
    """The step of the newest sound state, which must be whole."""
    found = load_state(run)
    tensors, values = state(found.values["step"])
    assert found.values == values
    assert same(found.tensors, tensors)
    assert {name: t.dtype for name, t in found.tensors.items()} == {name: t.dtype for name, t in tensors.items()}
    return int(values["step"])


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


def damage(file: Path, fault: str) -> None:
    content = file.read_bytes()
    if fault == "missing":
        file.unlink()
    elif fault == "flip":
        at = 0 if file.name == MANIFEST else len(content) // 2  # a length in the manifest of a state is not looked at
        file.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    else:
        file.write_bytes({"cut": content[:-9], "empty": b"", "noise": os.urandom(99)}[fault])


@pytest.mark.parametrize("fault", ["missing", "flip", "cut", "empty", "noise"])
@pytest.mark.parametrize("name", [STATE_TENSORS, STATE_JSON, MANIFEST])
def test_a_damaged_newest_state_is_passed_over_with_a_warning_that_names_the_file(
    tmp_path: Path, name: str, fault: str
) -> None:
    with writing(tmp_path / "run") as writer:
        writer.save_state(1, *state(1))
        writer.save_state(2, *state(2))
    damage(tmp_path / "run" / RESUME / "000000002" / name, fault)
    assert states_found(tmp_path / "run") == 1
    (warning,) = load_state(tmp_path / "run").warnings
    assert "000000002" in warning
    assert warning.endswith("Going on from 000000001 instead.")
    assert name in warning


@pytest.mark.parametrize("manifest", [b'{"format": 1, "files": {"state.json": {"bytes": 3}}}', b"[]", b'{"format": 1}'])
def test_a_newest_state_with_a_manifest_of_another_form_is_passed_over(tmp_path: Path, manifest: bytes) -> None:
    with writing(tmp_path / "run") as writer:
        writer.save_state(1, *state(1))
        writer.save_state(2, *state(2))
    (tmp_path / "run" / RESUME / "000000002" / MANIFEST).write_bytes(manifest)
    assert states_found(tmp_path / "run") == 1


def test_when_every_state_is_damaged_there_is_an_error_and_no_fresh_start(tmp_path: Path) -> None:
    with writing(tmp_path / "run") as writer:
        writer.save_state(1, *state(1))
        writer.save_state(2, *state(2))
    for folder in saved_steps(tmp_path / "run"):
        damage(folder / STATE_TENSORS, "flip")
    with pytest.raises(CheckpointError, match=r"resume: every saved state is damaged; found .*000000002.*safetensors"):
        load_state(tmp_path / "run")


def test_a_run_without_a_state_cannot_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="has no state to resume from"):
        load_state(tmp_path)


def test_folders_that_are_no_state_are_ignored(tmp_path: Path) -> None:
    with writing(tmp_path / "run") as writer:
        writer.save_state(1, *state(1))
    for name in ["notes", "2", ".000000009", "000000003.old"]:
        (tmp_path / "run" / RESUME / name).mkdir()
    assert states_found(tmp_path / "run") == 1


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
    """It lies beside its place then, and is all that is left of its step."""
    tensors, values = state(3)
    with writing(tmp_path / "run") as writer:
        writer.save_state(3, tensors, values)
        rename, done = Path.rename, []

        def once(path: Path, target: Path) -> object:
            done.append(path)
            if len(done) > 1:
                raise full()
            return rename(path, target)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "rename", once)
            with pytest.raises(CheckpointError, match="No space left on device"):
                writer.save_state(3, tensors, {**values, "due": []})
            assert len(done) == 3  # away, into its place, and back
            assert saved_steps(tmp_path / "run") == []

            def no_space(*arguments: object) -> None:
                raise full()

            patch.setattr(files, "write_synced", no_space)
            with pytest.raises(CheckpointError, match="No space left on device"):
                writer.save_state(3, tensors, {**values, "due": []})
    with writing(tmp_path / "run"):
        assert states_found(tmp_path / "run") == 3
        assert leftovers(tmp_path / "run") == []


def begun(run: Path) -> None:
    """A run that was begun and planned again, and never saved."""
    with writing(run) as writer:
        writer.begin({"rnngen": "1", "model": {}, "train": {}}, train_tokenizer("char", ["abc"]))
        writer.record_plan([Stretch(0, 9, 1, "float32")])


@pytest.mark.parametrize("fault", [Killed, full])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_folder_that_was_being_cleared_can_be_begun_again(
    tmp_path: Path, when: str, fault: Callable[[], BaseException]
) -> None:
    run = tmp_path / "run"
    begun(run)
    with writing(run) as writer:
        steps = steps_of(writer.clear, when)
    assert [path.name for path in run.iterdir() if path.name in files.UNSAVED] == []
    assert len(steps) >= 6
    for k in steps:
        begun(run)
        with writing(run) as writer, fault_at(k, when, fault), suppress(Killed, CheckpointError):
            writer.clear()
        left = {path.name for path in run.iterdir()} & set(files.UNSAVED)
        assert files.never_saved(run) or not left, f"step {k}"
        with writing(run) as writer:
            writer.clear()
        assert {path.name for path in run.iterdir()} & set(files.UNSAVED) == set()


def test_clearing_leaves_what_no_run_wrote(tmp_path: Path) -> None:
    run = tmp_path / "run"
    begun(run)
    (run / "resume" / "notes").mkdir()
    (run / "resume" / "notes" / "file").write_text("somebody's")
    with writing(run) as writer:
        writer.clear()
    assert (run / "resume" / "notes" / "file").read_text() == "somebody's"
    assert sorted(path.name for path in run.rglob("*") if not path.name.startswith(".")) == ["file", "notes", "resume"]


# what a state says


HUGE = 10**400
PLAN = Stretch(0, 60, 1, "float32").as_dict()
WRONG: dict[str, list[Any]] = {
    "step": [None, "60", 60.0, True, -1, 10**30, HUGE, 59, [], {}],
    "best_step": [None, "1", 1.0, -1, 61, 10**30, []],
    "best_nll": ["0.5", math.nan, math.inf, -math.inf, HUGE, [], True],
    "seconds": [None, "1", -1, -0.5, math.nan, math.inf, -math.inf, HUGE, [], True],
    "logs": [
        None,
        [],
        "logs",
        3,
        {},
        {"metrics.jsonl": 3},
        {"metrics.jsonl": -1, "samples.txt": 0},
        {"metrics.jsonl": 1.5, "samples.txt": 0},
        {"metrics.jsonl": None, "samples.txt": 0},
        {"metrics.jsonl": HUGE, "samples.txt": 0},
        {"metrics.jsonl": 0, "samples.txt": 0, "../outside": 0},
    ],
    "decided": [None, [], "hash", {}, {"config.json": 3, "tokenizer.json": ""}, {"config.json": ""}],
    "due": [None, "validation", {"validation": 1}, [1], [[]], ["save"], 3],
    "stretches": [
        None,
        {},
        [],
        "plan",
        [3],
        [[]],
        [{}],
        [PLAN, None],
        [{**PLAN, "step": 10**30}],
        [{**PLAN, "steps": "60"}],
        [{**PLAN, "step": 3}],
        [PLAN, {**PLAN, "step": 61, "steps": 90}],
        [PLAN, {**PLAN, "step": 9}, PLAN],
        [{**PLAN, "cycle": 3}],
        [{**PLAN, "precision": []}],
        [{**PLAN, "trial": 1}],
    ],
    "progress": [None, {}, [], [1.0], ["1", 0], [math.nan, 0], [HUGE, 0], [1.0, -1], [1.0, 61], [1.0, 0, 0]],
    "corpus": [
        None,
        [],
        "text",
        {},
        {"fingerprint": 3, "sources": []},
        {"fingerprint": "", "sources": "text"},
        {"fingerprint": "", "sources": [3]},
    ],
}
"""By field of state.json: what it cannot be."""


def rewrite_state(run: Path, values: Any = None, tensors: dict[str, Tensor] | None = None) -> None:
    """Change the newest state, and its hashes with it; the others go."""
    newest, *others = saved_steps(run)
    for other in others:
        shutil.rmtree(other)
    content = {name: (newest / name).read_bytes() for name in (STATE_JSON, STATE_TENSORS)}
    if values is not None:
        content[STATE_JSON] = json.dumps(values).encode()  # with NaN and Infinity, as Python's JSON has them
    if tensors is not None:
        content[STATE_TENSORS] = format_tensors(tensors)
    for name, each in content.items():
        (newest / name).write_bytes(each)
    (newest / MANIFEST).write_bytes(files.manifest_bytes(content))


def refusal(run: Path) -> str:
    """What is said when a run is resumed that cannot be: one line."""
    with pytest.raises(CheckpointError) as error:
        resume(run)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 1000
    return str(error.value)


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_value_in_a_state_is_named_with_what_it_has_to_be(trained: Path, name: str) -> None:
    sound = load_state(trained).values
    assert sound["step"] == 60
    for value in WRONG[name]:
        rewrite_state(trained, {**sound, name: value})
        assert f"state.json: has an invalid {name}; expected " in refusal(trained), value
    rewrite_state(trained, {key: value for key, value in sound.items() if key != name})
    if name in ("due", "stretches", "progress", "corpus"):  # older runs lack them
        assert load_state(trained).values["step"] == 60
    else:
        assert f"state.json: lacks {name}; expected " in refusal(trained)


@pytest.mark.parametrize("values", [[], None, 3, "state", [[]]], ids=json.dumps)
def test_a_state_that_is_no_object_is_refused(trained: Path, values: Any) -> None:
    rewrite_state(trained, values if values is not None else 0)
    assert "state.json: is not the state of a run; expected an object; found" in refusal(trained)


def test_a_sound_state_is_written_and_read_with_every_field_that_is_checked(trained: Path) -> None:
    assert load_state(trained).values.keys() == WRONG.keys()


@pytest.mark.parametrize("change", ["shape", "transposed", "more", "scalar", "integer", "half", "double", "missing"])
@pytest.mark.parametrize(
    "name",
    [
        "optimizer/0/0/momentum",
        "optimizer/1/0/exp_avg",
        "optimizer/1/1/exp_avg_sq",
        "optimizer/1/0/step",
        "hidden",
        "dropout",
        "weights/embedding.weight",
        "average/output.bias",
    ],
)
def test_a_tensor_that_does_not_fit_is_named_with_what_it_has_to_be(trained: Path, name: str, change: str) -> None:
    tensors = dict(load_state(trained).tensors)
    sound = tensors.pop(name)
    if change == "transposed" and (sound.ndim < 2 or sound.shape[0] == sound.shape[-1]):
        change = "more"  # transposed it would be the same
    changes: dict[str, Callable[[], Tensor]] = {
        "shape": lambda: sound.flatten()[:-1] if sound.ndim else sound.reshape(1, 1),
        "transposed": lambda: sound.transpose(0, -1).contiguous(),
        "more": lambda: torch.stack([sound, sound]),
        "scalar": lambda: torch.zeros(2, 0, dtype=sound.dtype),
        "integer": lambda: sound.to(torch.int32),
        "half": lambda: sound.to(torch.float16),
        "double": lambda: sound.to(torch.complex64),
    }
    if change != "missing":
        tensors[name] = changes[change]()
    rewrite_state(trained, tensors=tensors)
    said = refusal(trained)
    assert f"tensor {name} does not fit config.json; expected {tuple(sound.shape)} " in said
    assert f"found {'no such tensor' if change == 'missing' else str(tuple(tensors[name].shape))}" in said


@pytest.mark.parametrize(
    "name",
    [
        "optimizer/0/99/momentum",
        "optimizer/9/0/exp_avg",
        "optimizer/0/0/exp_avg",
        "optimizer/0/x/momentum",
        "optimizer/-1/0/momentum",
        "optimizer/0",
        "optimizer/",
        "weights/extra",
        "average/",
        "averaging/count",
        "extra",
    ],
)
def test_a_tensor_that_is_unknown_is_named(trained: Path, name: str) -> None:
    tensors = load_state(trained).tensors
    rewrite_state(trained, tensors={**tensors, name: torch.zeros(3)})
    assert f"tensor {name} does not fit config.json; expected no such tensor; found (3,) float32" in refusal(trained)


def learner(**options: Any) -> Learner:
    return Learner(RunConfig.from_flat({**FAST, **options}), 9)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"cell": "gru", "num_layers": 2},
        {"cell": "rnn", "nonlinearity": "identity"},
        {"bidirectional": True},
        {"tied": True, "embedding_size": 16},
        {"optimizer": "asgd"},
        {"dropout": 0.5, "weight_dropout": 0.5},
    ],
    ids=json.dumps,
)
def test_what_a_learner_saves_fits_it_before_and_after_a_step(options: dict[str, Any]) -> None:
    one = learner(**options)
    tokens = np.random.default_rng(0).integers(9, size=(17, 4))
    for stepped in (False, True):
        saved = {name: t.clone() for name, t in one.tensors().items()}
        other = learner(**options)
        other.restore(saved, "here", stepped=stepped)
        assert same(other.tensors(), saved)
        one.step(tokens[:-1], tokens[1:], 1.0, 0)


def test_moments_that_are_all_missing_are_refused_where_a_step_had_been_taken() -> None:
    with pytest.raises(CheckpointError, match=r"here: tensor optimizer/0/0/momentum .*found no such tensor"):
        learner().restore(learner().tensors(), "here", stepped=True)


def test_the_losses_of_averaged_gradient_descent_may_have_any_number_but_one_type() -> None:
    one = learner(optimizer="asgd")
    tensors = one.tensors()
    losses = torch.tensor([3.0, 2.0], dtype=torch.float64)
    one.restore({**tensors, "averaging/losses": losses}, "here")
    for wrong in (losses.reshape(1, 2), losses.float(), losses[0]):
        with pytest.raises(CheckpointError, match=r"tensor averaging/losses .*expected \(any,\) float64"):
            one.restore({**tensors, "averaging/losses": wrong}, "here")


# one writer at a time


def test_a_second_writer_of_the_same_folder_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    with writing(tmp_path / "run"):
        for _ in range(2):  # being refused must not take anything from the holder
            with pytest.raises(
                CheckpointError, match=f"another process is writing this run; found process {os.getpid()} on"
            ):
                RunWriter(tmp_path / "run")
    with writing(tmp_path / "run") as writer:  # closed: free again
        writer.save_state(1, *state(1))


HOLD = """
import sys
from pathlib import Path
from rnngen.training.checkpoint import RunWriter
writer = RunWriter(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_writer_in_another_process_holds_the_folder_until_it_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path / "run")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(CheckpointError, match=f"found process {other.pid} on"):
            RunWriter(tmp_path / "run")
        other.kill()
        other.wait()
        with writing(tmp_path / "run") as writer:
            writer.save_state(1, *state(1))


@pytest.mark.parametrize("path", ["file", "file/run"])
def test_a_folder_that_cannot_be_is_a_clear_error(path: str) -> None:
    Path("file").write_text("in the way")
    with pytest.raises(CheckpointError, match=f"{path}: cannot be written"):
        RunWriter(Path(path))


def test_a_refused_start_lets_others_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(*arguments: object, **options: object) -> None:
        raise full()

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", no_space)
        with pytest.raises(CheckpointError, match="No space left on device"):
            RunWriter(tmp_path / "run")
    RunWriter(tmp_path / "run").close()


# logs


def test_logs_are_cut_to_what_they_held_when_the_state_was_saved(trained: Path) -> None:
    with writing(trained) as writer:
        before = {name: (trained / name).read_bytes() for name in files.LOGS}
        lengths = writer.log_lengths()
        assert lengths == {name: len(content) for name, content in before.items()}
        writer.append("metrics.jsonl", metrics_row(step=1, loss=2.5))
        writer.append("samples.txt", "é\n")
        assert (trained / "samples.txt").read_bytes() == before["samples.txt"] + "é\n".encode()
        last = (trained / "metrics.jsonl").read_text().splitlines()[-1]
        assert json.loads(last) == {"step": 1, "loss": 2.5}
        writer.cut_logs(lengths)
    assert {name: (trained / name).read_bytes() for name in files.LOGS} == before


@pytest.mark.parametrize("lengths", [{"metrics.jsonl": 10**9}, {"config.json": 0}, {"../outside": 0}], ids=str)
def test_cutting_never_grows_a_log_nor_touches_another_file(trained: Path, lengths: dict[str, int]) -> None:
    (trained.parent / "outside").write_text("stays")
    before = {p: p.read_bytes() for p in trained.parent.rglob("*") if p.is_file()}
    with writing(trained) as writer:
        writer.cut_logs(lengths)
    assert {p: p.read_bytes() for p in before} == before


def test_a_log_line_on_a_full_disk_is_a_clear_error(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(*arguments: object, **options: object) -> None:
        raise full()

    with writing(trained) as writer, monkeypatch.context() as patch:
        patch.setattr(Path, "open", no_space)
        with pytest.raises(CheckpointError, match=r"metrics\.jsonl: cannot be written \(No space left on device\)"):
            writer.append("metrics.jsonl", "{}\n")


# names and packing


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        ("text", "text-1"),
        ("my text.txt", "my-text.txt-1"),
        ("../../etc", "etc-1"),
        ("", "run-1"),
        ("..", "run-1"),
        ("a/b", "a-b-1"),
    ],
)
def test_a_new_run_has_a_free_name_in_its_folder(tmp_path: Path, stem: str, expected: str) -> None:
    first = new_run_folder(tmp_path, stem)
    assert first == tmp_path / expected
    first.mkdir()
    assert new_run_folder(tmp_path, stem) == tmp_path / f"{expected[:-1]}2"


def test_packed_tensors_come_back_under_their_names() -> None:
    tensors = {"a": torch.ones(2), "b/c": torch.zeros(3).t()}
    packed = {**pack("one", tensors), **pack("other", {"a": torch.zeros(1)})}
    assert sorted(packed) == ["one/a", "one/b/c", "other/a"]
    assert same(unpack("one", packed), tensors)


def test_an_optimizer_goes_on_exactly_after_packing() -> None:
    def steps(model: torch.nn.Module, optimizer: torch.optim.Optimizer, seeds: range) -> None:
        for seed in seeds:
            x = torch.randn(4, 3, generator=torch.Generator().manual_seed(seed))
            optimizer.zero_grad()
            model(x).square().sum().backward()
            optimizer.step()

    def fresh() -> tuple[torch.nn.Module, torch.optim.Optimizer]:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = torch.nn.Linear(3, 2)
        return model, torch.optim.AdamW(model.parameters(), lr=0.1)

    model, optimizer = fresh()
    steps(model, optimizer, range(5))
    packed = {name: t.clone() for name, t in pack_optimizers([optimizer]).items()}  # as a save would
    weights = {name: w.clone() for name, w in model.state_dict().items()}
    steps(model, optimizer, range(5, 9))
    resumed, other = fresh()
    resumed.load_state_dict(weights)
    unpack_optimizers([other], packed)
    steps(resumed, other, range(5, 9))
    assert same(dict(resumed.state_dict()), dict(model.state_dict()))
