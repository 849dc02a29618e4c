"""A run folder is read without trusting it, and each file in it is old or new, never a part."""

from __future__ import annotations

import errno
import json
import os
import pickle
import random
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load as parse
from safetensors.numpy import save as format_

import rnngen
from rnngen.errors import CheckpointError, RnngenError, TokenizerError
from rnngen.runs import run as files
from rnngen.runs.run import MANIFEST, MODEL, Run, manifest_bytes, newest_run, open_run, read_manifest, write_atomically
from rnngen.runs.tensors import parse_safetensors

NEEDED = ["config.json", "tokenizer.json", MODEL, MANIFEST]


def rewrite(run: Path, contents: dict[str, bytes]) -> None:
    """Change files of a run and write a manifest that agrees with them."""
    for name, content in contents.items():
        (run / name).write_bytes(content)
    (run / MANIFEST).write_bytes(manifest_bytes({name: (run / name).read_bytes() for name in read_manifest(run)}))


def change_config(run: Path, **model: Any) -> None:
    config = json.loads((run / "config.json").read_bytes())
    config["model"].update(model)
    rewrite(run, {"config.json": json.dumps(config).encode()})


def no_space(*arguments: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


# writing


@pytest.mark.parametrize("content", [b"", b"new", os.urandom(1 << 16)], ids=len)
def test_write_atomically_puts_the_new_content_there_and_nothing_else(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(b"old")
    write_atomically(tmp_path / "file", content)
    write_atomically(tmp_path / "other", content)
    assert (tmp_path / "file").read_bytes() == (tmp_path / "other").read_bytes() == content
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "other"]


@pytest.mark.parametrize(
    ("where", "name", "after"),
    [(Path, "open", b"old"), (os, "fsync", b"old"), (Path, "replace", b"old"), (files, "sync_folder", b"new")],
)
def test_a_refused_write_is_an_error_that_leaves_a_whole_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: Any, name: str, after: bytes
) -> None:
    (tmp_path / "file").write_bytes(b"old")
    with monkeypatch.context() as patch:
        patch.setattr(where, name, no_space)
        with pytest.raises(CheckpointError, match=r"file: cannot be written \(No space left on device\)"):
            write_atomically(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == after
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_write_into_a_missing_folder_is_a_checkpoint_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be written"):
        write_atomically(tmp_path / "nowhere" / "file", b"new")


# opening


def test_a_sound_run_opens_with_all_it_holds(trained: Path) -> None:
    run = open_run(trained)
    assert run.path == trained
    assert set(run.manifest) >= {"config.json", "tokenizer.json", MODEL}
    assert run.config == json.loads((trained / "config.json").read_bytes())
    assert run.tokenizer().level == "char"
    for name, weight in parse((trained / MODEL).read_bytes()).items():
        assert run.weights()[name].dtype == np.float32
        assert (run.weights()[name] == weight).all()


def test_a_sound_run_writes_text(trained: Path) -> None:
    assert len("".join(rnngen.load(trained).generate("The", length=20, seed=1))) == 20


def test_the_newest_complete_run_is_the_default(trained: Path) -> None:
    import shutil

    for name, age in [("older", 50), ("newest", -50)]:
        shutil.copytree(trained, trained.parent / name)
        os.utime(trained.parent / name / MANIFEST, (time.time() - age, time.time() - age))
    (trained.parent / "unfinished").mkdir()
    assert newest_run() == Path("checkpoints/newest")
    assert open_run().path == Path("checkpoints/newest")


@pytest.mark.parametrize("make", [False, True])
def test_without_a_run_the_error_says_how_to_make_one(make: bool) -> None:
    if make:
        Path("checkpoints/unfinished").mkdir(parents=True)
    with pytest.raises(CheckpointError, match=r"there is no trained model yet.*rnngen train FILE"):
        open_run()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere", "nowhere: is not a run; expected a folder made by rnngen train; found nothing there"),
        ("file", "file: is not a run; expected a folder made by rnngen train; found a file"),
        ("empty", "empty: is not a run"),
        ("tiny", r"tiny: is not a run.*Did you mean checkpoints/tiny\?"),
        ("checkpoints", r"checkpoints: is not a run.*It holds runs: checkpoints/tiny\."),
        ("begun", "begun: has no saved model yet"),
    ],
)
@pytest.mark.usefixtures("trained")
def test_what_is_not_a_run_is_said(path: str, message: str) -> None:
    Path("file").write_text("")
    Path("empty").mkdir()
    Path("begun/resume").mkdir(parents=True)
    with pytest.raises(CheckpointError, match=message):
        open_run(path)


# damage


def load_or_refuse(run: Path) -> str:
    """``loaded`` or ``refused``; any other exception ends the test."""
    try:
        list(rnngen.load(run).generate("The", length=3, seed=1))
    except (CheckpointError, TokenizerError) as error:
        assert "\n" not in str(error)
        return "refused"
    return "loaded"


@pytest.mark.parametrize("name", NEEDED)
def test_a_file_cut_anywhere_is_refused(trained: Path, name: str) -> None:
    content = (trained / name).read_bytes()
    last = len(content) - (2 if name == MANIFEST else 1)  # JSON does not need its last newline
    lengths = {0, 1, 2, 7, 8, 9, last, *(last * k // 40 for k in range(40))}
    for length in sorted(lengths):
        (trained / name).write_bytes(content[:length])
        with pytest.raises((CheckpointError, TokenizerError)):
            rnngen.load(trained)
    (trained / name).write_bytes(content)
    assert load_or_refuse(trained) == "loaded"


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", MODEL])
def test_a_single_flipped_bit_is_refused_and_the_file_named(trained: Path, name: str) -> None:
    content = (trained / name).read_bytes()
    rng = random.Random(name)
    for at in [0, 7, 8, len(content) - 1, *(rng.randrange(len(content)) for _ in range(40))]:
        flipped = bytes([content[at] ^ (1 << rng.randrange(8))])
        (trained / name).write_bytes(content[:at] + flipped + content[at + 1 :])
        with pytest.raises(CheckpointError, match=f"{name}: is damaged: it is not what the manifest says"):
            rnngen.load(trained)


def test_any_flipped_bit_of_the_manifest_is_refused_or_harmless(trained: Path) -> None:
    content = (trained / MANIFEST).read_bytes()
    rng = random.Random(0)
    outcomes = []
    for at in range(len(content)):
        (trained / MANIFEST).write_bytes(
            content[:at] + bytes([content[at] ^ (1 << rng.randrange(8))]) + content[at + 1 :]
        )
        outcomes.append(load_or_refuse(trained))  # harmless: in the entry of a log, or white space
    assert outcomes.count("refused") > len(content) // 2


@pytest.mark.parametrize("name", NEEDED)
def test_random_bytes_in_place_of_a_file_are_refused(trained: Path, name: str) -> None:
    rng = random.Random(name)
    for length in (1, 8, 100, 5000):
        (trained / name).write_bytes(rng.randbytes(length))
        with pytest.raises((CheckpointError, TokenizerError)):
            rnngen.load(trained)


@pytest.mark.parametrize("name", NEEDED)
def test_a_missing_file_is_named(trained: Path, name: str) -> None:
    (trained / name).unlink()
    with pytest.raises(CheckpointError, match=r"is missing|has no saved model yet"):
        rnngen.load(trained)


@pytest.mark.parametrize("name", NEEDED)
def test_a_folder_in_place_of_a_file_is_refused(trained: Path, name: str) -> None:
    (trained / name).unlink()
    (trained / name).mkdir()
    with pytest.raises(CheckpointError, match=name):
        rnngen.load(trained)


@pytest.mark.parametrize("name", NEEDED)
def test_a_linked_file_is_refused_though_its_content_is_right(trained: Path, tmp_path: Path, name: str) -> None:
    (trained / name).rename(tmp_path / "elsewhere")
    (trained / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CheckpointError, match=f"{name}: is a link"):
        rnngen.load(trained)


# hostile runs


@pytest.mark.parametrize(
    "name", ["../config.json", "/etc/passwd", "..", ".", "", "a/b", "resume/../../x", "./config.json", "a/"]
)
def test_a_manifest_that_names_a_file_elsewhere_is_refused(trained: Path, name: str) -> None:
    manifest = json.loads((trained / MANIFEST).read_bytes())
    manifest["files"][name] = {"sha256": files.sha256(b""), "bytes": 0}
    (trained / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match=r"manifest\.json: has an entry that is not a file of this folder"):
        open_run(trained)


@pytest.mark.parametrize(
    "manifest",
    [
        [],
        None,
        {},
        {"format": 1},
        {"format": 2, "files": {}},
        {"format": 1, "files": []},
        {"format": 1, "files": {"config.json": None}},
        {"format": 1, "files": {"config.json": {}}},
        {"format": 1, "files": {"config.json": {"bytes": 3}}},
        {"format": 1, "files": {"config.json": {"bytes": 3, "sha256": None}}},
        {"format": 1, "files": {"config.json": {"bytes": 3, "sha256": 3}}},
        {"format": 1, "files": {"config.json": {"bytes": -1, "sha256": ""}}},
        {"format": 1, "files": {"config.json": {"bytes": "3", "sha256": ""}}},
        {"format": 1, "files": {}},
    ],
    ids=json.dumps,
)
def test_a_manifest_of_another_form_is_refused(trained: Path, manifest: Any) -> None:
    (trained / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError):
        open_run(trained)


@pytest.mark.parametrize("config", [[], None, 3, {}, {"model": None}, {"model": []}, {"model": {}}], ids=json.dumps)
def test_a_config_of_another_form_is_refused(trained: Path, config: Any) -> None:
    rewrite(trained, {"config.json": json.dumps(config).encode()})
    with pytest.raises(CheckpointError, match=r"config\.json"):
        rnngen.load(trained)


@pytest.mark.parametrize("corpus", [None, [], "text", {}, {"fingerprint": None}], ids=json.dumps)
def test_a_config_that_says_nothing_of_its_corpus_still_opens(trained: Path, corpus: Any) -> None:
    config = json.loads((trained / "config.json").read_bytes())
    rewrite(trained, {"config.json": json.dumps({**config, "corpus": corpus}).encode()})
    assert isinstance(open_run(trained).corpus_fingerprint, str)


@pytest.mark.parametrize(
    "model",
    [
        {"hidden_size": 10**9},
        {"hidden_size": 10**30},
        {"embedding_size": 10**9},
        {"num_layers": 10**12},
        {"hidden_size": 17},
        {"hidden_size": 0},
        {"hidden_size": -16},
        {"hidden_size": 16.0},
        {"hidden_size": True},
        {"hidden_size": "16"},
        {"hidden_size": None},
        {"num_layers": 2},
        {"cell": "gru"},
        {"cell": "transformer"},
        {"cell": ["lstm"]},
        {"nonlinearity": "exec"},
        {"tied": True},
        {"tied": None},
    ],
    ids=json.dumps,
)
def test_a_config_that_does_not_fit_the_weights_is_refused_at_once(trained: Path, model: dict[str, Any]) -> None:
    change_config(trained, **model)
    begin = time.perf_counter()
    with pytest.raises(CheckpointError):
        rnngen.load(trained)
    assert time.perf_counter() - begin < 2


def test_the_tensor_that_does_not_fit_is_named_with_both_shapes(trained: Path) -> None:
    change_config(trained, hidden_size=17)
    with pytest.raises(
        CheckpointError, match=r"tensor layers\.0\.bias_hh_l0 does not .*expected \(68,\); found \(64,\)"
    ):
        rnngen.load(trained)


def _without(weights: dict[str, Any]) -> dict[str, Any]:
    return {name: w for name, w in weights.items() if name != "output.bias"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_without, r"output\.bias.*found no such tensor"),
        (lambda w: {**w, "extra": np.zeros(3, np.float32)}, r"extra.*expected no such tensor; found \(3,\)"),
        (lambda w: {**w, "output.bias": w["output.bias"][:-1]}, r"output\.bias does not fit"),
        (lambda w: {**w, "output.bias": w["output.bias"][None]}, r"output\.bias does not fit"),
        (lambda w: {}, "does not fit"),
    ],
)
def test_weights_that_do_not_fit_the_config_are_refused(
    trained: Path, change: Callable[[dict[str, Any]], dict[str, Any]], message: str
) -> None:
    rewrite(trained, {MODEL: format_(change(parse((trained / MODEL).read_bytes())))})
    with pytest.raises(CheckpointError, match=message):
        rnngen.load(trained)


def test_a_vocabulary_that_does_not_fit_the_weights_is_refused(trained: Path) -> None:
    from rnngen.corpus.tokenizer import train_tokenizer

    rewrite(trained, {"tokenizer.json": train_tokenizer("char", ["abc"]).to_json().encode()})
    with pytest.raises(CheckpointError, match=r"tensor embedding\.weight does not fit.*expected \(4, 8\)"):
        rnngen.load(trained)


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.bool_, np.float16, np.float64])
def test_weights_of_another_type_are_refused_or_turned_into_float32(trained: Path, dtype: type) -> None:
    weights = parse((trained / MODEL).read_bytes())
    rewrite(trained, {MODEL: format_({name: w.astype(dtype) for name, w in weights.items()})})
    try:
        read = open_run(trained).weights()
    except CheckpointError:
        return
    assert {w.dtype for w in read.values()} == {np.dtype(np.float32)}


def safetensors(header: bytes, data: bytes = b"", length: int | None = None) -> bytes:
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def _header(**tensors: Any) -> bytes:
    return json.dumps(tensors).encode()


F32 = {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 7,
        safetensors(b"{}", length=2**63),
        safetensors(b"{}", length=2**64 - 1),
        safetensors(b"{}", length=10**9),
        safetensors(b"[]"),
        safetensors(b"\xff\xff"),
        safetensors(b"{" * 10_000),
        safetensors(_header(a=F32, b={**F32, "data_offsets": [8, 24]}), b"\0" * 24),  # overlapping
        safetensors(_header(a=F32, b=F32), b"\0" * 16),  # one place, two tensors
        safetensors(_header(a={**F32, "data_offsets": [0, 2**62]}), b"\0" * 16),
        safetensors(_header(a={**F32, "data_offsets": [16, 0]}), b"\0" * 16),
        safetensors(_header(a={**F32, "shape": [2**40, 2**40]}), b"\0" * 16),
        safetensors(_header(a={**F32, "shape": [-4]}), b"\0" * 16),
        safetensors(_header(a={**F32, "dtype": "BF16", "shape": [8]}), b"\0" * 16),
        safetensors(_header(a={**F32, "dtype": "F8_E4M3", "shape": [16]}), b"\0" * 16),
        safetensors(_header(a={**F32, "dtype": "OBJECT"}), b"\0" * 16),
        safetensors(_header(a=F32), b"\0" * 15),
        safetensors(_header(a=F32), b"\0" * 17),
        safetensors(json.dumps({"../../a": F32}).encode(), b"\0" * 16),
    ],
    ids=lambda c: repr(c[:60]),
)
def test_hostile_weights_are_refused_before_anything_large_is_allocated(trained: Path, content: bytes) -> None:
    rewrite(trained, {MODEL: content})
    begin = time.perf_counter()
    with pytest.raises(CheckpointError, match=r"model\.safetensors: "):
        rnngen.load(trained)
    assert time.perf_counter() - begin < 2


class Canary:
    """Makes a folder when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, ("canary",))


def test_the_canary_sings() -> None:
    pickle.loads(pickle.dumps(Canary()))
    assert Path("canary").is_dir()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", MODEL, MANIFEST])
def test_a_pickle_is_refused_and_never_unpickled(trained: Path, name: str, protocol: int) -> None:
    content = pickle.dumps(Canary(), protocol)
    if name == MANIFEST:
        (trained / name).write_bytes(content)
    else:
        rewrite(trained, {name: content})
    with pytest.raises(RnngenError, match=name):
        rnngen.load(trained)
    assert not Path("canary").exists()


def test_a_pickle_given_as_a_run_is_refused_and_never_unpickled() -> None:
    Path("model.pt").write_bytes(pickle.dumps(Canary()))
    with pytest.raises(CheckpointError, match=r"model\.pt: is not a run; .*found a file"):
        rnngen.load("model.pt")
    assert not Path("canary").exists()


# what the manifest promises


def test_a_log_that_has_grown_is_read_up_to_where_the_manifest_was_written(trained: Path) -> None:
    run = open_run(trained)
    before = run.read("metrics.jsonl")
    with (trained / "metrics.jsonl").open("ab") as stream:
        stream.write(b"more\n")
    assert run.read("metrics.jsonl") == before


def test_a_file_that_is_not_in_the_manifest_is_not_read(trained: Path) -> None:
    (trained / "extra.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"extra\.json: is not in the run's manifest"):
        open_run(trained).read("extra.json")


def test_weights_not_yet_in_place_are_read_from_the_new_file(trained: Path) -> None:
    content = (trained / MODEL).read_bytes()
    (trained / MODEL).rename(trained / (MODEL + files.NEW))
    assert open_run(trained).read(MODEL) == content
    (trained / MODEL).write_bytes(b"the ones before")
    assert open_run(trained).read(MODEL) == content


def test_a_new_file_that_was_never_committed_is_not_read(trained: Path) -> None:
    content = (trained / MODEL).read_bytes()
    (trained / (MODEL + files.NEW)).write_bytes(b"half")
    assert open_run(trained).read(MODEL) == content


def test_manifest_of_contents_is_what_a_run_checks_against(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    (tmp_path / MANIFEST).write_bytes(manifest_bytes({"a": b"content"}))
    assert Run(tmp_path, read_manifest(tmp_path), {}).read("a") == b"content"


def test_weights_that_take_their_place_while_they_are_read_are_read(trained: Path) -> None:
    content = (trained / MODEL).read_bytes()
    (trained / MODEL).rename(trained / (MODEL + ".new"))  # the moment between the manifest and the weights
    run = open_run(trained)
    run.read_ahead()
    run._ahead[0].result()
    (trained / (MODEL + ".new")).rename(trained / MODEL)
    read = run.weights()
    assert {name: w.tobytes() for name, w in read.items()} == {
        name: w.tobytes() for name, w in parse_safetensors(content, trained).items()
    }


def test_an_empty_file_in_the_weights_place_hides_nothing(trained: Path) -> None:
    (trained / MODEL).rename(trained / (MODEL + ".new"))
    (trained / MODEL).touch()
    assert open_run(trained).weights()
    (trained / (MODEL + ".new")).unlink()
    with pytest.raises(CheckpointError, match="is damaged"):
        open_run(trained).weights()


def test_an_error_of_reading_ahead_comes_when_the_weights_are_asked_for(trained: Path) -> None:
    (trained / MODEL).write_bytes(b"other")
    run = open_run(trained)
    run.read_ahead()
    with pytest.raises(CheckpointError, match="is damaged"):
        run.weights()


def test_mapped_weights_are_those_of_the_library_and_need_the_file_no_more(trained: Path) -> None:
    run = open_run(trained)
    generator = rnngen.load(run)
    text = "".join(generator.generate("The ", length=30, seed=1))
    (trained / MODEL).write_bytes(b"")  # what a trainer never does: nothing of the map may be left
    assert "".join(generator.generate("The ", length=30, seed=1)) == text
