"""Compressed files are read as what they contain, whole, or told to be damaged."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from rnngen.corpus.files.compressed import decompressed, readable_compression
from rnngen.corpus.sources import TextSource
from rnngen.errors import CorpusError
from tests.conftest import make_text

TEXT = make_text(20_000) + "é漢😀\n"

Pack = Callable[[bytes], bytes]


def zstd_streamed(data: bytes) -> bytes:
    """Without the size of its content, as from a pipe."""
    packer = zstandard.ZstdCompressor(write_checksum=True).compressobj()
    return packer.compress(data) + packer.flush()


PACKS: dict[str, Pack] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.ZstdCompressor(write_checksum=True).compress,
    "streamed.zst": zstd_streamed,
}

packs = pytest.mark.parametrize("name", PACKS)


def read(name: str) -> str:
    return "".join(TextSource([name]))


@packs
def test_a_compressed_text_is_read_by_content_whatever_its_name(name: str) -> None:
    data = PACKS[name](TEXT.encode())
    for file in (f"text.{name}", "text.txt", "no suffix"):
        Path(file).write_bytes(data)
        assert read(file) == TEXT
    assert "".join(TextSource(["-"], stdin=io.BytesIO(data))) == TEXT
    Path("texts").mkdir()
    Path("texts/a.txt").write_text("plain\n")
    Path(f"texts/b.{name}").write_bytes(data)
    for source in ("texts", "texts/*", "texts/**/*"):
        assert "".join(TextSource([source])) == "plain\n" + TEXT


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_compressed_text_comes_through_a_pipe() -> None:
    import threading

    os.mkfifo("pipe")
    thread = threading.Thread(target=lambda: Path("pipe").write_bytes(gzip.compress(TEXT.encode())))
    thread.start()
    assert read("pipe") == TEXT
    thread.join()


@packs
def test_members_that_follow_each_other_are_one_text(name: str) -> None:
    data, pack = TEXT.encode(), PACKS[name]
    Path("text").write_bytes(pack(data[:5_000]) + pack(b"") + pack(data[5_000:]))
    assert read("text") == TEXT


def test_padding_and_frames_to_be_skipped_are_no_text() -> None:
    data = TEXT.encode()
    Path("a.gz").write_bytes(gzip.compress(data) + bytes(100_000) + gzip.compress(data) + bytes(512))
    assert read("a.gz") == TEXT * 2
    frame = b"\x53\x2a\x4d\x18" + (70_000).to_bytes(4, "little") + b"x" * 70_000
    Path("a.zst").write_bytes(frame + PACKS["zst"](data) + frame)
    assert read("a.zst") == TEXT


@settings(deadline=None, max_examples=40)
@given(st.binary(max_size=400), st.integers(1, 500), st.sampled_from(sorted(PACKS)))
def test_any_content_comes_back_in_reads_of_any_size(data: bytes, size: int, name: str) -> None:
    data = data * 700  # more than a piece, in blocks of zstd of every kind
    packed = PACKS[name](data)
    stream = decompressed(io.BytesIO(packed), readable_compression(packed), "it")
    content = b"".join(iter(lambda: stream.read(size * 1000), b""))
    assert content == data


@packs
def test_a_file_that_is_cut_anywhere_is_never_read_as_a_shorter_text(name: str) -> None:
    data = PACKS[name](TEXT.encode()[:2_000])
    for cut in [*range(20), *range(20, len(data) - 20, 23), *range(len(data) - 20, len(data))]:
        Path(f"cut.{name}").write_bytes(data[:cut])
        with pytest.raises(CorpusError, match=rf"^cut\.{name}: is (cut short|damaged): .*after (about )?[\d,]+ bytes"):
            read(f"cut.{name}")


@packs
def test_a_file_with_a_flipped_bit_is_read_as_it_was_or_told_to_be_damaged(name: str) -> None:
    text = TEXT[:2_000]
    data, rng = PACKS[name](text.encode()), random.Random(0)
    damaged = 0
    for _ in range(100):
        at, bit = rng.randrange(len(data)), 1 << rng.randrange(8)
        Path("flipped").write_bytes(bytes(byte ^ bit if i == at else byte for i, byte in enumerate(data)))
        try:
            assert read("flipped") == text  # a flag that changes nothing
        except CorpusError as error:
            assert str(error).startswith("flipped: ")
            damaged += 1
    assert damaged > 80


def test_what_follows_a_member_and_is_none_is_an_error() -> None:
    Path("a.gz").write_bytes(gzip.compress(b"text\n") + b"more text that is not compressed")
    with pytest.raises(CorpusError, match=r"^a\.gz: is damaged: a gzip archive .* after about 5 bytes"):
        read("a.gz")


@pytest.mark.parametrize("name", ["gz", "bz2", "xz", "zst"])
def test_what_expands_a_thousandfold_costs_no_memory(name: str) -> None:
    size = 1 << 25
    packed = PACKS[name](b"a" * size)
    assert len(packed) < size / 500
    stream = decompressed(io.BytesIO(packed), readable_compression(packed), "it")
    tracemalloc.start()
    try:
        assert sum(map(len, iter(lambda: stream.read(1 << 20), b""))) == size
        assert tracemalloc.get_traced_memory()[1] < 1 << 24  # xz remembers 8 MiB of text
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["text.txt.gz", "rows.jsonl.zst"])
@pytest.mark.parametrize("content", [b"", b"\x1f", b"BZh9"])
def test_a_stump_with_the_name_of_a_compressed_file_is_an_error(name: str, content: bytes) -> None:
    Path("texts").mkdir()
    Path("texts/a.txt").write_text("text")
    Path(f"texts/{name}").write_bytes(content)
    for source in (f"texts/{name}", "texts"):
        with pytest.raises(CorpusError, match="is cut short"):
            TextSource([source])


def test_text_that_is_only_named_like_a_compressed_file_is_read() -> None:
    Path("a.txt.gz").write_text(TEXT, encoding="utf-8")
    assert read("a.txt.gz") == TEXT


def test_a_dictionary_and_a_window_beyond_reason_are_refused() -> None:
    samples = [f"sample {n} of some text to learn from".encode() * 3 for n in range(500)]
    learned = zstandard.train_dictionary(2_000, samples)
    Path("a.zst").write_bytes(zstandard.ZstdCompressor(dict_data=learned).compress(samples[0] * 9))
    huge = zstandard.ZstdCompressionParameters(window_log=30, enable_ldm=True)
    packer = zstandard.ZstdCompressor(compression_params=huge).compressobj()
    Path("b.zst").write_bytes(packer.compress(b"text") + packer.flush())
    for name in ("a.zst", "b.zst"):
        with pytest.raises(CorpusError, match=rf"^{name}: is damaged: a zstd archive"):
            read(name)
