"""Memory does not grow with the text: not while it is read, learned from and encoded, nor in training."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rnngen.corpus.tokens import cached_corpus, fingerprint_of
from rnngen.options.training import DataConfig
from tests.conftest import FAST, make_text

pytestmark = [
    pytest.mark.fault(24),
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is measured as Linux tells it"),
]

MB = 1 << 20

PREPARE = """
from rnngen.corpus.tokens import prepare
from rnngen.options.training import DataConfig
prepare(DataConfig(corpus=("text.txt",), tokenizer={level!r}, vocab_size={vocab_size}))
"""

TRAIN = """
import rnngen
rnngen.train("text.txt", out="run", tokenizer={level!r}, split=(0.998, 0.001, 0.001), steps=20, **{options})
"""

PEAK = """
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def peak(script: str, **values: object) -> float:
    """The most memory that a process of its own had, in MB."""
    done = subprocess.run(
        [sys.executable, "-c", script.format(**values) + PEAK],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"},
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout) / 1024


def write(size: int, piece: str) -> None:
    content = piece.encode()
    with Path("text.txt").open("wb") as file:
        for _ in range(size // len(content)):
            file.write(content)


@pytest.fixture(autouse=True)
def _nothing_large_is_left(tmp_path: Path) -> Iterator[None]:
    yield
    for file in (*tmp_path.rglob("*.txt"), *tmp_path.rglob("*.bin")):
        file.unlink()


@pytest.mark.slow
def test_memory_does_not_grow_with_a_text_that_is_read_and_encoded() -> None:
    write(MB, make_text(MB))
    small = peak(PREPARE, level="char", vocab_size=None)
    write(50 * MB, make_text(MB))
    large = peak(PREPARE, level="char", vocab_size=None)
    assert large < small + 25, f"{small:.0f} MB, then {large:.0f} MB"


@pytest.mark.slow
@pytest.mark.parametrize(("level", "vocab_size"), [("char", 50), ("word", 400), ("bpe", 400)])
def test_memory_does_not_grow_with_a_text_that_is_learned_from(level: str, vocab_size: int) -> None:
    write(5 * MB, make_text(MB))
    small = peak(PREPARE, level=level, vocab_size=vocab_size)
    write(50 * MB, make_text(MB))
    large = peak(PREPARE, level=level, vocab_size=vocab_size)
    assert large < small + 30, f"{small:.0f} MB, then {large:.0f} MB"


@pytest.mark.slow
@pytest.mark.fault(15)
@pytest.mark.parametrize(("level", "vocab_size"), [("char", None), ("byte", None), ("word", 300), ("bpe", 300)])
def test_one_line_of_100_mb_needs_little_more_memory_than_one_of_20_mb(level: str, vocab_size: int | None) -> None:
    write(20 * MB, "abcdefghij" * 1000)
    small = peak(PREPARE, level=level, vocab_size=vocab_size)
    write(100 * MB, "abcdefghij" * 1000)
    large = peak(PREPARE, level=level, vocab_size=vocab_size)
    assert large < small + 200, f"{small:.0f} MB, then {large:.0f} MB"


@pytest.mark.slow
def test_training_on_1_gb_needs_the_memory_that_training_on_a_little_needs() -> None:
    write(MB, make_text(MB))
    small = peak(TRAIN, level="byte", options=FAST)
    Path("run").rename("small")
    write(1 << 30, make_text(MB))
    data = DataConfig(corpus=("text.txt",), tokenizer="byte", split=(0.998, 0.001, 0.001))
    large = peak(TRAIN, level="byte", options=FAST)
    assert large < small + 150, f"{small:.0f} MB, then {large:.0f} MB"
    found = cached_corpus(data, fingerprint_of(data))
    assert found is not None
    assert len(found.train.tokens) > 900 * MB
