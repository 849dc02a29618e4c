"""Tokens that are mapped from a file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from rnngen.corpus.encoded import release_pages


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is told in another way here")
def test_what_was_read_of_a_mapped_file_can_be_let_go_of(tmp_path: Path) -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    size = 1 << 25
    np.arange(size, dtype=np.uint16).tofile(tmp_path / "tokens.bin")
    mapped = np.memmap(tmp_path / "tokens.bin", np.uint16, "r")
    total, before = int(mapped.sum(dtype=np.int64)), resident()
    release_pages(mapped[100:])
    assert before - resident() > size
    assert int(mapped.sum(dtype=np.int64)) == total
    written = np.memmap(tmp_path / "scores.bin", np.float32, "w+", shape=(1000,))
    written[:] = 3
    release_pages(written)
    assert (written == 3).all()
    release_pages(np.zeros(3))
    release_pages(None)
