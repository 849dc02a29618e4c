"""What produced a score: everything that it depends on, so that it can be computed again and compared."""

from __future__ import annotations

import hashlib
import platform
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rnngen.corpus.encoded import spellings
from rnngen.corpus.tokenizer import Tokenizer
from rnngen.evaluation.blocks import ScoredBlock
from rnngen.model.device import gpu_and_versions
from rnngen.runs.layout import MODEL, TOKENIZER
from rnngen.runs.run import Run
from rnngen.version import __version__

_HASHED = 1 << 18  # tokens at a time


class TextFingerprint:
    """An analysis (see ``blocks.py``): the SHA-256 of what the tokens that were scored spell, as UTF-8.

    For a file of characters that the model knows, read as one stream, that is the SHA-256 of the file. A document ends
    with a zero byte; its label is hashed as its name between two. An unknown character is U+FFFD.
    """

    detailed = False

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._table = spellings(tokenizer, labels=True)
        self._sha = hashlib.sha256()

    def add(self, block: ScoredBlock) -> None:
        """Take in the next tokens of the text."""
        for begin in range(0, len(block.tokens), _HASHED):
            tokens = block.tokens[begin : begin + _HASHED].tolist()
            self._sha.update(b"".join(map(self._table.__getitem__, tokens)))

    @property
    def sha256(self) -> str:
        """Of the text so far, in hexadecimal."""
        return self._sha.hexdigest()


def provenance_of(run: Run, device: str) -> dict[str, Any]:
    """What a score depends on besides the text.

    Args:
        run: that was scored.
        device: of torch.
    """
    return {
        "run": str(run.path.resolve()),
        "weights": _sha256(run, MODEL),
        "tokenizer": _sha256(run, TOKENIZER),
        "corpus": run.corpus_fingerprint,
        "device": device,
        **gpu_and_versions(device),
        "precision": "float32",
        "threads": torch.get_num_threads(),
        "processor": processor(),
        "rnngen": __version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def _sha256(run: Run, name: str) -> str:
    return str(run.manifest[name]["sha256"])


def processor() -> str:
    """The name of this machine's processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
