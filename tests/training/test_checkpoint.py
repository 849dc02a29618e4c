"""A saved state is read back whole and sound, or it is refused and what is wrong is named."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save as format_tensors
from torch import Tensor

from rnngen.errors import CheckpointError
from rnngen.options.config import RunConfig
from rnngen.runs.layout import MANIFEST, RESUME, STATE_JSON, STATE_TENSORS, saved_steps
from rnngen.runs.manifest import manifest_bytes
from rnngen.runs.plan_record import Stretch
from rnngen.runs.writer import RunWriter
from rnngen.training.checkpoint import load_state, pack, unpack
from rnngen.training.learner import Learner
from rnngen.training.resuming import resume
from tests.conftest import FAST
from tests.runs.saving import same, state, states_found, writing


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
    assert warning.endswith("Continuing from 000000001 instead.")
    assert name in warning


@pytest.mark.parametrize("manifest", [b'{"format": 1, "files": {"state.json": {"bytes": 3}}}', b"[]", b'{"format": 1}'])
def test_a_newest_state_with_a_manifest_of_another_form_is_passed_over(tmp_path: Path, manifest: bytes) -> None:
    with writing(tmp_path / "run") as writer:
        writer.save_state(1, *state(1))
        writer.save_state(2, *state(2))
    (tmp_path / "run" / RESUME / "000000002" / MANIFEST).write_bytes(manifest)
    assert states_found(tmp_path / "run") == 1


def test_of_very_many_damaged_states_a_few_are_named(tmp_path: Path) -> None:
    with writing(tmp_path / "run") as writer:
        writer.save_state(1, *state(1))
    for step in range(2, 62):
        folder = tmp_path / "run" / RESUME / f"{step:09d}"
        folder.mkdir()
        (folder / STATE_JSON).write_text("{", encoding="utf-8")
    *named, others = load_state(tmp_path / "run").warnings
    assert len(named) == 5
    assert others == "55 more saved states are damaged as well."


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


# what a state says


HUGE = 10**400
PLAN = Stretch(0, 60, 1, "float32").as_dict()
GUARD = {
    "good_step": 60,
    "good_loss": 1.0,
    "good_losses": [1.0, 1.0, 0.0],
    "losses": [None, 0.0, 0.0],
    "high": 0,
    "back": 0,
    "spikes": 0,
}
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
    "due": [None, "validation", {"validation": 1}, [1], [[]], ["saves"], 3],
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
        [{**PLAN, "steps": 10}, {**PLAN, "step": 20}],
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
    "guard": [
        [],
        "good",
        {},
        {**GUARD, "good_step": 61},
        {**GUARD, "good_loss": None},
        {**GUARD, "good_loss": math.inf},
        {**GUARD, "losses": [1.0, 1.0]},
        {**GUARD, "losses": [1.0, 1.0, -1.0]},
        {**GUARD, "good_losses": [1.0, math.nan, 0.0]},
        {**GUARD, "spikes": -1},
        {**GUARD, "high": HUGE},
        {**GUARD, "more": 0},
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
    (newest / MANIFEST).write_bytes(manifest_bytes(content))


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
        said = refusal(trained)
        assert f"state.json: has an invalid {name}; expected " in said or "state.json: is not JSON; found " in said, (
            value
        )
    rewrite_state(trained, {key: value for key, value in sound.items() if key != name})
    if name in ("due", "stretches", "progress", "corpus", "guard"):  # older runs lack them
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


def test_a_random_state_of_dropout_that_is_none_is_refused_before_anything_changes() -> None:
    one = learner()
    before = {name: t.clone() for name, t in one.tensors().items()}
    wrong = {name: torch.full_like(t, 255 if name == "dropout" else 1) for name, t in before.items()}
    with pytest.raises(CheckpointError, match="here: tensor dropout is not the state of a random generator"):
        one.restore(wrong, "here")
    assert same(one.tensors(), before)


def test_a_state_of_a_step_after_the_end_of_its_plan_is_refused(trained: Path) -> None:
    sound = load_state(trained).values
    (trained / RESUME / "plan.jsonl").write_text(json.dumps({**PLAN, "step": 60, "steps": 90}) + "\n")
    rewrite_state(trained, {**sound, "stretches": [{**PLAN, "steps": 10}]})
    assert "step that its plan does not have; expected at most 10; found 60" in refusal(trained)


@pytest.mark.parametrize("mistake", [KeyError, TypeError, ValueError, RuntimeError])
def test_a_mistake_in_this_program_is_not_called_damage(
    trained: Path, monkeypatch: pytest.MonkeyPatch, mistake: type[Exception]
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise mistake

    monkeypatch.setattr(RunWriter, "cut_logs", fail)
    with pytest.raises(mistake):
        resume(trained)


# packing


def test_packed_tensors_come_back_under_their_names() -> None:
    tensors = {"a": torch.ones(2), "b/c": torch.zeros(3).t()}
    packed = {**pack("one", tensors), **pack("other", {"a": torch.zeros(1)})}
    assert sorted(packed) == ["one/a", "one/b/c", "other/a"]
    assert same(unpack("one", packed), tensors)
