"""A tiny run cut at every byte, and with every bit of its headers flipped, with checksums that are right.

What is accepted must be what it was, or what an independent reader finds in the same bytes.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors import SafetensorError
from safetensors.numpy import load as library

import rnngen
from rnngen.corpus.tokenizer import load_tokenizer
from rnngen.errors import CheckpointError, RnngenError
from rnngen.ngram.file import parse_mixture
from rnngen.runs.finding import open_run
from rnngen.runs.layout import CONFIG, MANIFEST, METRICS, MODEL, NGRAM, RESUME, TOKENIZER
from rnngen.runs.manifest import manifest_bytes, read_manifest
from rnngen.runs.plan_record import parse_record
from rnngen.runs.tensors import map_safetensors, read_header
from rnngen.training.checkpoint import load_state
from rnngen.untrusted import parse_json
from tests.fuzz.targets import OPTIONS, TEXT
from tests.runs.test_run import rewrite

pytestmark = pytest.mark.fault(13)

STATE = f"{RESUME}/000000004"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny run with one saved state, which these tests do not change."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "text.txt").write_text(TEXT, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RNNGEN_CACHE", str(folder / "cache"))
        rnngen.train(folder / "text.txt", out=folder / "run", ngram=2, **OPTIONS)
    shutil.rmtree(folder / "run" / RESUME / "000000002")
    return folder / "run"


def flipped(content: bytes, length: int) -> Iterator[bytes]:
    """The same with each bit of its first bytes flipped."""
    for at in range(length):
        for bit in range(8):
            yield content[:at] + bytes([content[at] ^ (1 << bit)]) + content[at + 1 :]


def header_length(content: bytes) -> int:
    return 8 + int.from_bytes(content[:8], "little")


@pytest.mark.parametrize("name", [MODEL, NGRAM, pytest.param(f"{STATE}/state.safetensors", marks=pytest.mark.slow)])
def test_every_bit_of_a_header_flipped_is_refused_or_read_as_the_library_reads_it(run: Path, name: str) -> None:
    content = (run / name).read_bytes()
    refused = accepted = 0
    for changed in flipped(content, header_length(content)):
        try:
            header = read_header(changed, run / name)
        except CheckpointError:
            refused += 1
            continue
        accepted += 1  # a letter of a name, mostly
        try:
            expected = library(changed)
        except (SafetensorError, KeyError):  # the library knows more types than NumPy
            continue
        assert {tensor: entry.shape for tensor, entry in header.items()} == {t: a.shape for t, a in expected.items()}
        for tensor, entry in header.items():
            assert changed[entry.begin : entry.begin + expected[tensor].nbytes] == expected[tensor].tobytes()
    assert refused > accepted > 0


def test_every_bit_of_the_header_of_weights_flipped_is_refused_where_it_matters(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    content = (copy / MODEL).read_bytes()
    expected = {name: w.shape for name, w in open_run(copy).weights().items()}
    for changed in flipped(content, header_length(content)):
        try:
            found = map_safetensors(changed, copy / MODEL)  # type: ignore[arg-type]
        except CheckpointError:
            continue
        if {name: w.shape for name, w in found.items()} == expected and {w.dtype.str for w in found.values()} == {
            "<f4"
        }:
            rewrite(copy, {MODEL: changed})
            read = open_run(copy).weights()
            assert all(np.array_equal(read[name], library(changed)[name]) for name in expected)


READERS: dict[str, Callable[[bytes, Path], object]] = {
    MODEL: read_header,
    NGRAM: lambda content, where: parse_mixture(content, 40, where),
    f"{STATE}/state.safetensors": read_header,
    TOKENIZER: lambda content, where: load_tokenizer(where, content),
}


@pytest.mark.parametrize("name", READERS)
def test_a_file_cut_at_any_byte_is_refused(run: Path, name: str) -> None:
    content = (run / name).read_bytes()
    end = len(content.rstrip())  # JSON does not need its last newline
    whole = header_length(content) + 100 if name.endswith("state.safetensors") else end  # then every 16th
    for length in (*range(min(whole, end)), *range(whole, end, 16), end - 1):
        with pytest.raises(RnngenError):
            READERS[name](content[:length], run / name)


@pytest.mark.parametrize("name", [CONFIG, MANIFEST, f"{STATE}/state.json", f"{STATE}/{MANIFEST}"])
def test_json_cut_at_any_byte_is_refused(run: Path, name: str) -> None:
    content = (run / name).read_bytes()
    for length in range(len(content.rstrip())):
        with pytest.raises(ValueError):
            parse_json(content[:length])


def test_a_record_of_plans_cut_at_any_byte_is_that_of_the_rows_before(run: Path) -> None:
    content = b"".join(
        json.dumps({**row, "cycle": None}).encode() + b"\n"
        for row in (
            {"step": 0, "steps": 40, "threads": 2, "precision": "float32", "trial": False},
            {"step": 9, "steps": 30, "threads": 1, "precision": "bf16", "trial": True},
        )
    )
    whole = parse_record(content)
    assert len(whole) == 2
    for length in range(len(content)):
        assert parse_record(content[:length]) == whole[: content[: length + 1].count(b"\n")]


@pytest.mark.slow
@pytest.mark.parametrize("name", [CONFIG, TOKENIZER, MODEL, NGRAM, METRICS, MANIFEST])
def test_a_run_with_a_file_cut_at_any_byte_is_refused_or_as_it_was(run: Path, tmp_path: Path, name: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    content = (copy / name).read_bytes()
    text = rnngen.generate("The", run=copy, ngram=True, length=5, seed=1)
    for length in range(len(content)):
        if name == MANIFEST:
            (copy / name).write_bytes(content[:length])
        else:
            rewrite(copy, {name: content[:length]})
        try:
            found = rnngen.generate("The", run=copy, ngram=True, length=5, seed=1)
        except RnngenError:
            continue
        assert found == text
        assert name == METRICS or length >= len(content.rstrip())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["state.safetensors", "state.json", MANIFEST])
def test_a_saved_state_with_a_file_cut_at_any_byte_is_refused_or_as_it_was(
    run: Path, tmp_path: Path, name: str
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    content, state = (copy / STATE / name).read_bytes(), copy / STATE
    sound = load_state(copy).values
    for length in range(len(content.rstrip())):
        (state / name).write_bytes(content[:length])
        if name != MANIFEST:
            (state / MANIFEST).write_bytes(
                manifest_bytes({each: (state / each).read_bytes() for each in read_manifest(run / STATE)})
            )
        with pytest.raises(CheckpointError):
            load_state(copy)
    shutil.copytree(run, copy, dirs_exist_ok=True)
    assert load_state(copy).values == sound
