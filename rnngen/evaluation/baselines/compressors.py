"""General compressors, primed with the training text: how many bytes each takes for a text that comes after it.

What a compressor takes for a text x after a text y is C(y + x) - C(y), where C is the length of the output. Some need
less work for the same number: a dictionary takes the place of y, or the output is flushed between y and x. Each is
given as much of the training text as its format lets it use, and its strongest common settings:

- gzip copies from the last 32 KiB, so that is all of y.
- bz2 sorts blocks of 900 kB, each alone: y fills up the first block of x.
- xz and zstd copy from anywhere in y.
- PPMd predicts each byte from those before it, by context. When its memory is full, it forgets everything and begins
  again, after 5 to 10 MB of text. So y is at most its last 4 MB, after which it did so on none of the texts tried
  (prose, source code, a manual, random bytes); a longer x makes it begin again too.

The PPMd order of 32 is that of 7-Zip's strongest setting. On prose an order of 6 takes 1 % less, on source code three
times as much.

Lengths are whole bytes, and C(y + x) - C(y) has an error that does not grow with x: up to 7 bytes for most of them,
since a stream has to be ended; for bz2 about 80 (standard deviation), for one byte more changes how a whole block is
cut. So each is for texts that are long enough that this is at most 0.06 bits per byte: see ``FEWEST_BYTES``.
"""

from __future__ import annotations

import lzma
from bz2 import BZ2Compressor
from collections.abc import Callable, Iterator
from importlib.util import find_spec

PRIMED_BYTES = 1 << 24
"""Bytes of the training text, from its end, that a compressor reads at most."""
_WINDOW = 1 << 15  # of gzip
_BLOCK = 900_000 - 20  # bz2 begins a new block this many bytes before it is full
_CHUNK = 1 << 18  # bytes compressed at a time
_PPMD_ORDER, _PPMD_MEMORY = 32, 1 << 28
_PPMD_SHARE = 64  # bytes of memory for a byte of the training text, so that it never fills the memory alone
FEWEST_BYTES = {"gzip": 1_000, "bz2": 20_000, "xz": 1_000, "zstd": 1_000, "PPMd": 1_000}
"""Bytes of a text from which what a compressor takes for it means something."""

OnChunk = Callable[[], object]
"""Called between the parts of the work, which an exception from it ends."""


Compressor = Callable[[bytes, bytes, OnChunk], int]


def compressors() -> dict[str, Compressor]:
    """The compressors that are installed: name → bytes that the second text takes after the first."""
    every: dict[str, Compressor] = {"gzip": gzip, "bz2": bz2, "xz": xz, "zstd": zstd}
    return every | ({"PPMd": ppmd} if find_spec("pyppmd") else {})


def gzip(train: bytes, text: bytes, on_chunk: OnChunk) -> int:
    """By DEFLATE."""
    import zlib

    compressor = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, train[-_WINDOW:])
    return sum(len(compressor.compress(chunk)) for chunk in _chunks(text, on_chunk)) + len(compressor.flush())


def bz2(train: bytes, text: bytes, on_chunk: OnChunk) -> int:
    """By the Burrows-Wheeler transform."""
    filling = -len(text) % _BLOCK
    before = train[-filling:] if filling else b""

    def length(content: bytes) -> int:
        compressor = BZ2Compressor(9)
        return sum(len(compressor.compress(chunk)) for chunk in _chunks(content, on_chunk)) + len(compressor.flush())

    return length(before + text) - (length(before) if before else 0)


def xz(train: bytes, text: bytes, on_chunk: OnChunk) -> int:
    """By LZMA, without the container and its chunks."""
    size = max(4096, len(train) + len(text))
    filters = [{"id": lzma.FILTER_LZMA1, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": min(size, 2 * PRIMED_BYTES)}]

    def length(content: bytes) -> int:
        compressor = lzma.LZMACompressor(lzma.FORMAT_RAW, filters=filters)
        return sum(len(compressor.compress(chunk)) for chunk in _chunks(content, on_chunk)) + len(compressor.flush())

    return length(train + text) - length(train)


def zstd(train: bytes, text: bytes, on_chunk: OnChunk) -> int:
    """By Zstandard, with a window over all of both texts."""
    import zstandard

    log = min(27, max(10, (len(train) + len(text)).bit_length()))
    parameters = zstandard.ZstdCompressionParameters.from_level(19, window_log=log)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    for chunk in _chunks(train, on_chunk):
        compressor.compress(chunk)
    compressor.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    return sum(len(compressor.compress(chunk)) for chunk in _chunks(text, on_chunk)) + len(compressor.flush())


def ppmd(train: bytes, text: bytes, on_chunk: OnChunk) -> int:
    """By prediction by partial matching, variant H, as 7-Zip does it."""
    from pyppmd import Ppmd7Encoder

    encoder = Ppmd7Encoder(_PPMD_ORDER, _PPMD_MEMORY)
    for chunk in _chunks(train[-(_PPMD_MEMORY // _PPMD_SHARE) :], on_chunk):
        encoder.encode(chunk)
    return sum(len(encoder.encode(chunk)) for chunk in _chunks(text, on_chunk)) + len(encoder.flush())


def _chunks(content: bytes, on_chunk: OnChunk) -> Iterator[bytes]:
    for start in range(0, len(content), _CHUNK):
        on_chunk()
        yield content[start : start + _CHUNK]
