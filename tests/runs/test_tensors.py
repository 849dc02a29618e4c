"""Weights on disk are those of this run, whole and sound, or they are refused."""

from __future__ import annotations

import json
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
from rnngen.errors import CheckpointError
from rnngen.runs.finding import open_run
from rnngen.runs.layout import MODEL
from rnngen.runs.tensors import parse_safetensors
from tests.runs.test_run import rewrite


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
        safetensors(_header(a=F32, b=F32), b"\0" * 16),  # the same bytes for two tensors
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
