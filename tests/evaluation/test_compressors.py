"""How many bytes compressors take for a text after another, against their definition and their limits."""

from __future__ import annotations

import bz2
import lzma
import random
import zlib

import numpy as np
import pytest

from rnngen.evaluation.baselines import compressors
from tests.conftest import make_text


def quiet() -> None:
    """Nothing is told of the progress."""


def noise(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def prose(size: int, seed: int = 0) -> bytes:
    return make_text(size, seed).encode()


PRIMED = {
    "bz2": lambda content: len(bz2.compress(content)),
    "xz": lambda content: len(lzma.compress(content, preset=9 | lzma.PRESET_EXTREME)),
    "gzip": lambda content: len(zlib.compress(content, 9)),
}


@pytest.mark.parametrize("name", PRIMED)
def test_a_compressor_takes_what_a_text_adds_to_the_training_text(name: str) -> None:
    train, text = prose(20_000), prose(4_000, seed=1)
    added = PRIMED[name](train + text) - PRIMED[name](train)
    assert compressors.compressors()[name](train, text, quiet) == pytest.approx(added, abs=0.05 * added)


@pytest.mark.parametrize("name", compressors.compressors())
def test_a_compressor_copies_what_the_training_text_has(name: str) -> None:
    page = noise(3_000)
    compress = compressors.compressors()[name]
    assert compress(page + noise(5_000, 1), page, quiet) < 1_500
    assert 2_900 < compress(noise(8_000, 2), page, quiet) < 3_200


@pytest.mark.parametrize(("name", "reaches"), [("gzip", False), ("xz", True), ("zstd", True), ("PPMd", True)])
def test_long_windows_reach_what_gzip_has_forgotten(name: str, reaches: bool) -> None:
    if name not in compressors.compressors():
        pytest.skip("pyppmd is not installed")
    page = noise(2_000)
    length = compressors.compressors()[name](page + noise(100_000, 1), page, quiet)
    assert (length < 500) == reaches


def test_bz2_is_primed_with_what_fits_into_its_block(monkeypatch: pytest.MonkeyPatch) -> None:
    page = noise(2_000)
    monkeypatch.setattr(compressors, "_BLOCK", 2_500)
    assert compressors.bz2(page + noise(10_000, 1), page, quiet) > 1_900


def test_ppmd_reads_no_more_of_the_training_text_than_its_memory_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    if "PPMd" not in compressors.compressors():
        pytest.skip("pyppmd is not installed")
    for kind in (noise, prose):
        recent = kind(1 << 14)
        monkeypatch.setattr(compressors, "_PPMD_MEMORY", 1 << 24)
        roomy = compressors.ppmd(recent, recent[:1_000], quiet)
        monkeypatch.setattr(compressors, "_PPMD_MEMORY", 1 << 20)  # 64 times as much as is recent
        assert compressors.ppmd(recent, recent[:1_000], quiet) == roomy  # so it has forgotten nothing
        for older in (80_000, 81_000):
            assert compressors.ppmd(kind(older, 1) + recent, recent[:1_000], quiet) == roomy


def test_a_text_of_several_chunks_is_all_compressed(monkeypatch: pytest.MonkeyPatch) -> None:
    train, text = prose(9_000), prose(3_000, seed=1)
    whole = {name: compress(train, text, quiet) for name, compress in compressors.compressors().items()}
    monkeypatch.setattr(compressors, "_CHUNK", 100)
    for name, compress in compressors.compressors().items():
        assert compress(train, text, quiet) == pytest.approx(whole[name], rel=0.1), name


def test_a_compressor_is_left_out_where_its_error_would_be_more_than_a_fraction_of_a_bit_per_byte() -> None:
    train, text = prose(20_000), prose(1_000, seed=1)
    for name, compress in compressors.compressors().items():
        error = 8 * compress(train, text[:1], quiet) - 8  # what a single byte takes beyond its bits
        assert name == "bz2" or error / compressors.FEWEST_BYTES[name] < 0.06, name
    lengths = [8 * compressors.bz2(train, text[:n], quiet) for n in range(1, 200)]
    assert np.std(np.diff(lengths)) / compressors.FEWEST_BYTES["bz2"] < 0.06
