"""A run folder is read without trusting it."""

from __future__ import annotations

import json
import os
import pickle
import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load as parse

import rnngen
from rnngen.errors import CheckpointError, RnngenError, TokenizerError
from rnngen.runs.finding import open_run
from rnngen.runs.layout import MANIFEST, MODEL
from rnngen.runs.manifest import manifest_bytes, read_manifest

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
    with pytest.raises(CheckpointError, match=r"is missing|has lost its manifest"):
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


@pytest.mark.fault(13)
def test_weights_that_are_larger_than_any_of_this_network_are_refused_before_they_are_hashed(trained: Path) -> None:
    manifest = json.loads((trained / MANIFEST).read_bytes())
    manifest["files"][MODEL]["bytes"] = 1 << 40
    with (trained / MODEL).open("r+b") as file:
        file.truncate(1 << 40)  # sparse: to hash it takes longer than anybody waits
    (trained / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"is too large.*at most .* bytes"):
        open_run(trained).weights()


def test_a_vocabulary_that_does_not_fit_the_weights_is_refused(trained: Path) -> None:
    from rnngen.corpus.tokenizer import train_tokenizer

    rewrite(trained, {"tokenizer.json": train_tokenizer("char", ["abc"]).to_json().encode()})
    with pytest.raises(CheckpointError, match=r"tensor embedding\.weight does not fit.*expected \(4, 8\)"):
        rnngen.load(trained)


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
