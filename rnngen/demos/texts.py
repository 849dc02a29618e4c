"""The texts of the experiments."""

from __future__ import annotations

from pathlib import Path

from rnngen.corpus.named.built import build


def pydoc(folder: Path) -> Path:
    """Python's own language reference, written into a folder unless it is there.

    Raises:
        RnngenError: it cannot be written.
    """
    path, _ = build("pydoc", folder / "pydoc.txt")
    return path
