"""A tokenizer for a text: learned from its training part, or loaded from a ``tokenizer.json``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from rnngen.corpus.tokenizer.byte import ByteTokenizer, byte_alphabet
from rnngen.corpus.tokenizer.char import UNKNOWN, CharTokenizer
from rnngen.corpus.tokenizer.protocol import Level, Tokenizer
from rnngen.errors import TokenizerError


def train_tokenizer(level: Level, pieces: Iterable[str], vocab_size: int | None = None) -> Tokenizer:
    """Learn a vocabulary from the training part of a text, given in pieces.

    Raises:
        TokenizerError: ``vocab_size`` is too small for the level.
    """
    if level == "char":
        return CharTokenizer.train(pieces, vocab_size)
    if level == "byte":
        return ByteTokenizer()
    from rnngen.corpus.tokenizer.subword import learn_subwords

    return learn_subwords(level, pieces, vocab_size)


def load_tokenizer(path: Path, content: bytes | None = None) -> Tokenizer:
    """Read a ``tokenizer.json`` that rnngen wrote.

    Args:
        path: the file.
        content: the file's content, if it has been read already.

    Raises:
        TokenizerError: the file is damaged, or another program wrote it.
    """
    try:
        return _parse((path.read_bytes() if content is None else content).decode())
    # the library raises bare Exception for a file it cannot parse
    except Exception as error:
        raise TokenizerError(
            "cannot be loaded", where=path, expected="a tokenizer.json written by rnngen", found=error
        ) from error


def _parse(text: str) -> Tokenizer:
    tree = json.loads(text)
    model = tree["model"]
    if tree["added_tokens"]:
        raise ValueError("special tokens")
    vocab: dict[str, int] = model["vocab"]
    if sorted(vocab.values()) != list(range(len(vocab))):
        raise ValueError("ids that are not 0 … V-1")
    if model["type"] == "WordLevel":
        return _char(vocab)
    if model["type"] != "BPE" or not set(byte_alphabet()) <= vocab.keys():
        raise ValueError("neither a character nor a byte-level vocabulary")
    whole_words = bool(model.get("ignore_merges"))
    if not whole_words and vocab == {c: i for i, c in enumerate(byte_alphabet())}:
        return ByteTokenizer()
    from tokenizers import Tokenizer as HfTokenizer

    from rnngen.corpus.tokenizer.subword import SubwordTokenizer

    subword = SubwordTokenizer("word" if whole_words else "bpe", HfTokenizer.from_str(text))
    subword.token_bytes()  # raises if a token does not spell bytes
    return subword


def _char(vocab: dict[str, int]) -> CharTokenizer:
    characters = sorted(vocab.keys() - {UNKNOWN})
    if vocab != {UNKNOWN: 0} | {c: i for i, c in enumerate(characters, start=1)}:
        raise ValueError("ids that are not in the order of the characters")
    return CharTokenizer(characters)
