"""A run from a stranger, who computes correct checksums: every command reads it right, or says what is wrong."""

from __future__ import annotations

import itertools
import json
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load as parse
from safetensors.torch import load as parse_state
from safetensors.torch import save as format_state
from torch import Tensor, zeros

import rnngen
from rnngen.corpus.tokenizer import train_tokenizer
from rnngen.errors import CheckpointError, TrainingError
from rnngen.model import load as loading
from rnngen.runs.finding import open_run
from rnngen.runs.layout import CONFIG, LOGS, MANIFEST, METRICS, MODEL, NGRAM, PLAN, RESUME, TOKENIZER
from rnngen.runs.manifest import manifest_bytes, sha256
from rnngen.training.resuming import resume
from tests.conftest import Outcome
from tests.fuzz.mutations import VALUES, Choices, in_json
from tests.fuzz.targets import OPTIONS, TEXT
from tests.runs.test_run import change_config, rewrite
from tests.runs.test_tensors import safetensors

Cli = Callable[..., Outcome]

RUN = "checkpoints/tiny"
STATE = f"{RESUME}/000000004"
COMMANDS = [
    ("runs",),
    ("runs", "--json"),
    ("inspect", RUN),
    ("inspect", RUN, "--json"),
    ("inspect", "gradients", RUN, "--lags", "20"),
    ("inspect", "gates", RUN),
    ("sample", RUN, "--length", "3", "--seed", "1"),
    ("sample", RUN, "--ngram", "--length", "3", "--seed", "1"),
    ("eval", RUN),
    ("eval", RUN, "text.txt", "--ngram"),
    ("fill", RUN, "a ___ b"),
    ("report", RUN, "--out", "report.html"),
    ("train", "--resume", RUN),
    ("train", "--resume", RUN, "--steps", "1"),
    ("train", "text.txt", "--init-from", RUN, "--out", "new", "--steps", "1"),
]
JSON_FILES = [CONFIG, TOKENIZER, MANIFEST, METRICS, f"{RESUME}/{PLAN}", f"{STATE}/state.json", f"{STATE}/{MANIFEST}"]
CONTENTS = [
    b"",
    b"null",
    b"5",
    b"[null]",
    b"{}",
    b"1" + b"0" * 400,
    b"9" * 5000,
    b"1e999",
    b"NaN",
    b"[" * 100_000,
    b'{"a":' * 500 + b"1" + b"}" * 500,
    b'"' + b"x" * 1_000_000 + b'"',
    '"\ud800"'.encode(errors="surrogatepass"),
]


@pytest.fixture(scope="module")
def _sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound")
    (folder / "text.txt").write_text(TEXT, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RNNGEN_CACHE", str(folder / "cache"))
        rnngen.train(folder / "text.txt", out=folder / "run", ngram=2, **OPTIONS)
    shutil.rmtree(folder / "run" / RESUME / "000000002")  # or it would be used instead of a damaged one
    return folder


@pytest.fixture
def run(_sound: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny run in the current folder, and the text it was trained on."""
    monkeypatch.setenv("RNNGEN_CACHE", str(_sound / "cache"))
    Path("text.txt").write_bytes((_sound / "text.txt").read_bytes())
    put_back(_sound)
    return Path(RUN)


def put_back(sound: Path) -> None:
    for file in (sound / "run").rglob("*"):
        copy = Path(RUN) / file.relative_to(sound / "run")
        copy.parent.mkdir(parents=True, exist_ok=True)
        if file.is_file() and (not copy.exists() or copy.read_bytes() != file.read_bytes()):
            copy.write_bytes(file.read_bytes())


def put(run: Path, name: str, content: bytes) -> None:
    """A file of the run, and every checksum that covers it."""
    (run / name).write_bytes(content)
    folder, state = (run / name).parent, run / STATE
    if name in (CONFIG, TOKENIZER):
        values = json.loads((state / "state.json").read_bytes())
        values["decided"][name] = sha256(content)
        (state / "state.json").write_text(json.dumps(values))
    for each in {folder, state}:
        if (each / MANIFEST).exists() and each / MANIFEST != run / name:
            names = json.loads((each / MANIFEST).read_bytes())["files"]
            (each / MANIFEST).write_bytes(manifest_bytes({n: (each / n).read_bytes() for n in names}))


@pytest.fixture(autouse=True)
def _signal_handlers() -> Iterator[None]:
    """Training takes over SIGINT and SIGTERM; give them back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def tried(cli: Cli, command: tuple[str, ...]) -> Outcome:
    """The outcome of a command, which is one of those that are documented."""
    outcome = cli(*command)
    assert outcome.code in (0, 1, 2), command
    assert "Traceback" not in outcome.err
    assert len(outcome.err) < 20_000
    assert command[0] == "report" or len(outcome.out) < 50_000
    if outcome.code:
        assert outcome.err.strip(), command
    return outcome


@pytest.mark.fault(13)
def test_a_sound_run_is_read_by_every_command_that_is_tried_here(run: Path, cli: Cli) -> None:
    for command in COMMANDS:
        assert tried(cli, command).code == 0, command


@pytest.mark.fault(30)
@pytest.mark.parametrize("name", JSON_FILES)
def test_json_that_holds_anything_is_read_right_or_refused(run: Path, _sound: Path, cli: Cli, name: str) -> None:
    commands = itertools.cycle(COMMANDS)
    for content in CONTENTS:
        put(run, name, content)
        tried(cli, next(commands))
        put_back(_sound)


@pytest.mark.slow
@pytest.mark.fault(30)
@pytest.mark.parametrize("name", JSON_FILES)
def test_json_that_holds_anything_is_read_right_or_refused_by_every_command(
    run: Path, _sound: Path, cli: Cli, name: str
) -> None:
    for content in CONTENTS:
        for command in COMMANDS:
            put(run, name, content)
            tried(cli, command)
            put_back(_sound)


@pytest.mark.slow
@pytest.mark.fault(14)
@pytest.mark.parametrize("name", [name for name in JSON_FILES if not name.endswith(".jsonl")])
def test_any_value_in_any_place_is_read_right_or_refused(run: Path, _sound: Path, cli: Cli, name: str) -> None:
    commands = itertools.cycle(COMMANDS)
    sound = (run / name).read_bytes()
    places = len(list(_places(json.loads(sound))))
    step = max(1, places // 60)
    for place in range(0, places, step):
        for value in range(0, len(VALUES), 3):
            edits = bytes([0, *place.to_bytes(1 if places <= 256 else 3, "little"), 5, value])
            put(run, name, in_json(Choices(edits), sound))
            tried(cli, next(commands))
            put_back(_sound)


def _places(tree: Any) -> Iterator[Any]:
    for value in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield value
        yield from _places(value)


# sizes


@pytest.fixture
def _no_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever makes a network fails."""

    def make(*_: object) -> None:
        raise AssertionError("a network is made before its weights are known to be there")

    monkeypatch.setattr(loading, "make_network", make)
    monkeypatch.setattr("rnngen.training.learner.make_network", make)


HUGE = [{"hidden_size": 16384}, {"hidden_size": 65536, "num_layers": 64}, {"embedding_size": 65536}]


@pytest.mark.fault(13)
@pytest.mark.usefixtures("_no_networks")
@pytest.mark.parametrize("model", HUGE, ids=json.dumps)
def test_a_huge_network_beside_a_tiny_file_is_refused_before_it_is_made(
    run: Path, cli: Cli, model: dict[str, Any]
) -> None:
    config = json.loads((run / CONFIG).read_bytes())
    config["model"].update(model)
    put(run, CONFIG, json.dumps(config).encode())
    for command in COMMANDS:
        outcome = tried(cli, command)
        if command[0] not in ("runs", "report") and command[:2] != ("inspect", RUN):
            assert outcome.code == 1, command
            assert "does not fit config.json" in outcome.err, command


@pytest.mark.fault(13)
@pytest.mark.parametrize(
    "model", [{"num_layers": 10**6}, {"num_layers": 10**18}, {"hidden_size": 10**9}], ids=json.dumps
)
def test_more_layers_or_units_than_any_network_has_end_inspect_and_runs_at_once(
    run: Path, cli: Cli, model: dict[str, Any]
) -> None:
    change_config(run, **model)
    assert "is invalid; expected an integer from 1 to" in tried(cli, ("inspect", RUN)).err
    assert "is invalid; expected an integer from 1 to" in tried(cli, ("runs",)).out


@pytest.mark.fault(13)
def test_a_saved_state_that_is_larger_than_any_of_its_network_is_not_read(run: Path, cli: Cli) -> None:
    file = run / STATE / "state.safetensors"
    with file.open("r+b") as stream:
        stream.truncate(1 << 40)  # a hole, which takes no space
    assert "state.safetensors: is too large for the network" in tried(cli, ("train", "--resume", RUN)).err


@pytest.mark.fault(13)
@pytest.mark.parametrize("name", [CONFIG, TOKENIZER, MANIFEST, f"{RESUME}/{PLAN}", f"{STATE}/state.json"])
def test_a_file_that_is_a_huge_hole_is_not_read(run: Path, cli: Cli, name: str) -> None:
    manifest = (run / name).parent / MANIFEST
    if manifest.exists() and manifest.name != Path(name).name:
        values = json.loads(manifest.read_bytes())
        values["files"][Path(name).name]["bytes"] = 1 << 40
        manifest.write_text(json.dumps(values))
    with (run / name).open("ab") as stream:
        stream.truncate(1 << 40)
    outcome = tried(cli, ("train", "--resume", RUN) if name.startswith(RESUME) else ("inspect", RUN))
    assert outcome.code == 1
    assert "more than" in outcome.err or "is too large" in outcome.err


@pytest.mark.fault(13)
@pytest.mark.parametrize("name", LOGS)
def test_of_a_log_that_is_a_huge_hole_no_more_is_read_than_what_was_saved(run: Path, cli: Cli, name: str) -> None:
    length = json.loads((run / STATE / "state.json").read_bytes())["logs"][name]
    before = (run / name).read_bytes()[:length]
    with (run / name).open("ab") as stream:
        stream.truncate(1 << 40)
    assert f"{name}  " in tried(cli, ("verify", RUN)).out
    assert tried(cli, ("train", "--resume", RUN)).code == 0
    assert (run / name).stat().st_size < 1 << 20
    assert (run / name).read_bytes()[:length] == before


@pytest.mark.fault(13)
@pytest.mark.parametrize("name", [*LOGS, f"{STATE}/state.safetensors", CONFIG, TOKENIZER])
def test_verify_does_not_read_a_huge_hole_that_the_manifest_knows(run: Path, cli: Cli, name: str) -> None:
    manifest = (run / name).parent / MANIFEST
    values = json.loads(manifest.read_bytes())
    values["files"][Path(name).name]["bytes"] = 1 << 40
    manifest.write_text(json.dumps(values))
    with (run / name).open("ab") as stream:
        stream.truncate(1 << 40)
    outcome = cli("verify", RUN)
    assert (outcome.code, outcome.err) == (1, "")  # what is wrong is what it was asked for
    assert f"{Path(name).name}: is too large" in outcome.out


# saved states


@pytest.mark.fault(26)
@pytest.mark.usefixtures("_no_networks")
@pytest.mark.parametrize("name", ["weights/output.bias", "hidden"])
@pytest.mark.parametrize("shape", [(1,), (0, 7), (2, 2, 2, 2, 2)], ids=str)
def test_a_state_of_other_shapes_is_refused_before_a_network_is_made(run: Path, name: str, shape: tuple[int]) -> None:
    _put_tensor(run, name, zeros(shape))
    with pytest.raises(CheckpointError, match=rf"tensor {name} does not fit .*; expected .*; found \({shape[0]}"):
        resume(run)


@pytest.mark.fault(26)
@pytest.mark.parametrize("shape", [(1,), (0, 1 << 40), (3, 4)], ids=str)
@pytest.mark.parametrize("name", ["optimizer/0/0/momentum", "optimizer/1/0/exp_avg", "average/output.bias"])
def test_moments_of_other_shapes_are_refused_before_a_step_is_taken(run: Path, name: str, shape: tuple[int]) -> None:
    _put_tensor(run, name, zeros(shape))
    with pytest.raises(CheckpointError, match=rf"tensor {name} does not fit .*; expected .*; found \({shape[0]}"):
        resume(run)


@pytest.mark.fault(26)
def test_a_shape_that_no_tensor_has_is_refused_before_the_library_sees_it(run: Path) -> None:
    entry = {"dtype": "F32", "shape": [0, 1 << 62], "data_offsets": [0, 0]}
    put(run, f"{STATE}/state.safetensors", safetensors(json.dumps({"hidden": entry}).encode()))
    with pytest.raises(CheckpointError, match="a shape of hidden that no tensor has"):
        resume(run)


@pytest.mark.fault(26)
def test_random_numbers_that_are_no_state_of_a_generator_are_refused(run: Path) -> None:
    _put_tensor(run, "dropout", parse_state((run / STATE / "state.safetensors").read_bytes())["dropout"] * 0 + 255)
    with pytest.raises((CheckpointError, TrainingError)):
        resume(run)


def _put_tensor(run: Path, name: str, tensor: Tensor) -> None:
    file = f"{STATE}/state.safetensors"
    put(run, file, format_state({**parse_state((run / file).read_bytes()), name: tensor}))


# what does not belong together


@pytest.mark.fault(14)
def test_configuration_weights_and_vocabulary_that_disagree_are_named_with_both_shapes(run: Path, cli: Cli) -> None:
    found = {name: w.shape for name, w in parse((run / MODEL).read_bytes()).items()}
    change_config(run, hidden_size=5)
    said = tried(cli, ("sample", RUN)).err
    assert (
        f"tensor layers.0.bias_hh_l0 does not fit config.json and tokenizer.json; expected (20,); found ({16},)" in said
    )
    change_config(run, hidden_size=4)
    rewrite(run, {TOKENIZER: train_tokenizer("char", ["abc"]).to_json().encode()})
    said = tried(cli, ("sample", RUN)).err
    assert "tensor embedding.weight does not fit config.json and tokenizer.json; expected (4, 3); found" in said
    assert f"found {found['embedding.weight']}" in said


# names


@pytest.mark.fault(13)
@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "a/b", "..", "a\0b", "C:x", ".lock", "x" * 300, "é", ""])
def test_a_name_in_a_manifest_that_is_not_one_of_a_file_in_the_folder_is_refused(
    run: Path, cli: Cli, name: str
) -> None:
    for folder in (run, run / STATE):
        manifest = json.loads((folder / MANIFEST).read_bytes())
        manifest["files"][name] = {"sha256": sha256(b""), "bytes": 0}
        (folder / MANIFEST).write_text(json.dumps(manifest))
    for command in (("sample", RUN), ("train", "--resume", RUN)):
        outcome = tried(cli, command)
        assert outcome.code == 1
        assert "has an entry that is not a file of this folder" in outcome.err


@pytest.mark.fault(13)
def test_a_run_with_an_ngram_model_of_other_tensors_is_refused(run: Path, cli: Cli) -> None:
    entry = {"dtype": "F64", "shape": [0, 1 << 62], "data_offsets": [0, 0]}
    put(run, NGRAM, safetensors(json.dumps({"shares": entry}).encode()))
    outcome = tried(cli, ("sample", RUN, "--ngram"))
    assert outcome.code == 1
    assert "a shape of shares that no tensor has" in outcome.err
    assert open_run(run).weights()  # which are sound
