"""Tokens that are bytes, and the alphabet of printable characters in which a ``tokenizer.json`` spells bytes."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnngen.corpus.normalization import Normalization
from rnngen.corpus.tokenizer.encoder import Ids
from rnngen.corpus.tokenizer.protocol import Level, Tokenizer, to_bytes


class ByteTokenizer(Tokenizer):
    """One token per byte of UTF-8; the id is the byte's value."""

    level: Level = "byte"
    vocab_size = 256
    boundary_id = 0  # the byte that no text contains

    def __init__(self, normalization: Normalization = "none") -> None:
        self.normalization = normalization

    def _encode(self, text: str) -> Ids:
        """The UTF-8 bytes as ids, shape (N,)."""
        return np.frombuffer(to_bytes(text), dtype=np.uint8)

    def _token_bytes(self) -> list[bytes]:
        """Each byte."""
        return [bytes([i]) for i in range(256)]

    def _to_hf(self) -> Any:
        """A BPE model over the 256 bytes, without merges."""
        from tokenizers import models

        vocab = {c: i for i, c in enumerate(byte_alphabet())}
        return with_byte_level(models.BPE(vocab=vocab, merges=[]))


def byte_alphabet() -> list[str]:
    """The printable character that stands for each byte 0 … 255 in GPT-2's byte-level alphabet."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in printable]
    mapping = {b: chr(b) for b in printable} | {b: chr(256 + i) for i, b in enumerate(others)}
    return [mapping[b] for b in range(256)]


def with_byte_level(model: Any) -> Any:
    """A tokenizer of the ``tokenizers`` library that spells text in GPT-2's alphabet before ``model`` sees it."""
    from tokenizers import Tokenizer as HfTokenizer
    from tokenizers import decoders, pre_tokenizers

    tokenizer = HfTokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer
