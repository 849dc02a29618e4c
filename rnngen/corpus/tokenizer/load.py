"""A tokenizer for a text: learned from its training part, or loaded from a ``tokenizer.json``.

Of a file, only the vocabulary and the merges are used, once they have been checked; the rest must say what this package
writes. So nothing that a stranger put into the file runs: no normalizer but those of ``NORMALIZERS``, no template, no
padding.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rnngen.corpus.documents import BOUNDARY
from rnngen.corpus.labels import MOST_LABELS, is_label
from rnngen.corpus.normalization import Normalization
from rnngen.corpus.tokenizer.byte import ByteTokenizer, byte_alphabet
from rnngen.corpus.tokenizer.char import UNKNOWN, CharTokenizer
from rnngen.corpus.tokenizer.closed import BORDERS, LINE_END, LONGEST, SPACES, ClosedTokenizer
from rnngen.corpus.tokenizer.protocol import LABEL, NORMALIZERS, Level, Tokenizer, to_bytes
from rnngen.corpus.tokenizer.subword import WORD, SubwordTokenizer, learn_subwords, make_model
from rnngen.errors import TokenizerError, shortened
from rnngen.options.training import MAX_VOCAB_SIZE
from rnngen.untrusted import parse_json, read_regular

MAX_BYTES = 1 << 25
"""Of a ``tokenizer.json``; ``MAX_VOCAB_SIZE`` tokens need half of that."""

_PLAIN: Mapping[str, Any] = {"truncation": None, "padding": None, "added_tokens": [], "post_processor": None}
_CHARACTERS = {
    **_PLAIN,
    "pre_tokenizer": {"type": "Split", "pattern": {"Regex": r"[\s\S]"}, "behavior": "Isolated", "invert": False},
    "decoder": {"type": "Fuse"},
    "model": {"unk_token": UNKNOWN},
}
_CLOSED = {
    **_PLAIN,
    "pre_tokenizer": {
        "type": "Sequence",
        "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": BORDERS}, "behavior": "Isolated", "invert": False},
            {"type": "Split", "pattern": {"Regex": SPACES}, "behavior": "Removed", "invert": False},
        ],
    },
    "decoder": {
        "type": "Sequence",
        "decoders": [
            {"type": "WordPiece", "prefix": " ", "cleanup": False},
            {"type": "Fuse"},
            {"type": "Replace", "pattern": {"Regex": r" ?\n ?"}, "content": "\n"},
            {"type": "Replace", "pattern": {"Regex": r" ?\x{0} ?"}, "content": BOUNDARY},
        ],
    },
    "model": {"unk_token": UNKNOWN},
}
_GPT2_WORDS = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
_WORDS = {
    "type": "Sequence",
    "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": WORD}, "behavior": "Isolated", "invert": False},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
    ],
}
_BYTES = {
    **_PLAIN,
    "decoder": {"type": "ByteLevel"},
    "model": {
        **dict.fromkeys(("dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix")),
        **dict.fromkeys(("fuse_unk", "byte_fallback"), False),
    },
}


def train_tokenizer(
    level: Level,
    pieces: Iterable[str],
    vocab_size: int | None = None,
    *,
    min_count: int = 1,
    normalization: Normalization = "none",
) -> Tokenizer:
    """Learn a vocabulary from the training part of a text.

    Args:
        level: what a token is.
        pieces: the text, normalised.
        vocab_size: the maximum; None: the default of the level.
        min_count: how often a character, a word or a pair to be merged has to occur.
        normalization: the form in which the tokenizer reads every text.

    Raises:
        TokenizerError: ``vocab_size`` is too small for the level, or ``min_count`` too large for the text.
    """
    if level == "char":
        return CharTokenizer.train(pieces, vocab_size, min_count, normalization)
    if level == "byte":
        return ByteTokenizer(normalization)
    if level == "words-closed":
        return ClosedTokenizer.train(pieces, vocab_size, min_count, normalization)
    return learn_subwords(level, pieces, vocab_size, min_count, normalization)


def load_tokenizer(path: Path, content: bytes | None = None) -> Tokenizer:
    """Read a ``tokenizer.json`` that rnngen wrote.

    Args:
        path: the file.
        content: the file's content, if it has been read already.

    Raises:
        TokenizerError: the file is damaged, or another program wrote it.
    """
    try:
        return _parse(read_regular(path, MAX_BYTES) if content is None else content)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise TokenizerError(
            "cannot be loaded", where=path, expected="a tokenizer.json written by rnngen", found=reason
        ) from error


def _parse(content: bytes) -> Tokenizer:
    if len(content) > MAX_BYTES:
        raise ValueError(f"more than {MAX_BYTES:,} bytes")
    tree = parse_json(content)
    model = tree.get("model") if isinstance(tree, dict) else None
    if not isinstance(model, dict):
        raise ValueError("no model")
    vocab = model.get("vocab")
    if not isinstance(vocab, dict) or any(type(token) is not int for token in vocab.values()):
        raise ValueError("no vocabulary")
    if len(vocab) > MAX_VOCAB_SIZE:
        raise ValueError(f"more than {MAX_VOCAB_SIZE:,} tokens")
    if sorted(vocab.values()) != list(range(len(vocab))):
        raise ValueError("ids that are not 0 … V-1")
    labels = _labels(vocab)
    vocab = {token: number for token, number in vocab.items() if number < len(vocab) - len(labels)}
    return _without_labels(tree, model, vocab).with_labels(labels)


def _labels(vocab: Mapping[str, int]) -> list[str]:
    """The labels of a vocabulary, by id; no other token has a name like theirs."""
    tokens = sorted((token for token in vocab if token.startswith(LABEL)), key=vocab.__getitem__)
    labels = [token.removeprefix(LABEL) for token in tokens]
    if len(labels) > MOST_LABELS or not all(map(is_label, labels)):
        raise ValueError("labels that are none")
    if [vocab[token] for token in tokens] != list(range(len(vocab) - len(labels), len(vocab))):
        raise ValueError("labels that are not the last tokens")
    return labels


def _without_labels(tree: Mapping[str, Any], model: Mapping[str, Any], vocab: dict[str, int]) -> Tokenizer:
    normalization = _normalization(tree.get("normalizer"))
    if model.get("type") == "WordLevel":
        if LINE_END in vocab and tree.get("pre_tokenizer") == _CLOSED["pre_tokenizer"]:
            _require(_CLOSED, tree)
            return _closed(vocab, normalization)
        _require(_CHARACTERS, tree)
        return _char(vocab, normalization)
    if model.get("type") != "BPE" or not set(byte_alphabet()) <= vocab.keys():
        raise ValueError("neither a character nor a byte-level vocabulary")
    marks = tree.get("pre_tokenizer") == _WORDS
    _require({**_BYTES, "pre_tokenizer": _WORDS if marks else _GPT2_WORDS}, tree)
    return _byte_level(
        vocab, model.get("merges"), normalization, marks=marks, whole_words=model.get("ignore_merges", False)
    )


def _normalization(normalizer: object) -> Normalization:
    for name, own in NORMALIZERS.items():
        if normalizer == own:
            return name
    raise ValueError(f"normalizer is {shortened(repr(normalizer))}")


def _require(expected: Mapping[str, Any], found: Mapping[str, Any], prefix: str = "") -> None:
    """Refuse a file that says something else than what this package writes; what it leaves out is not missed."""
    for name, value in expected.items():
        there = found.get(name, value)
        if isinstance(value, dict) and isinstance(there, dict):
            _require(value, there, f"{prefix}{name}.")
        elif there != value or type(there) is not type(value):
            raise ValueError(f"{prefix}{name} is {shortened(repr(there))}")


def _char(vocab: Mapping[str, int], normalization: Normalization) -> CharTokenizer:
    characters = sorted(vocab.keys() - {UNKNOWN})
    if any(len(c) != 1 or "\ud800" <= c <= "\udfff" for c in characters):
        raise ValueError("a token that is not a character")
    if vocab != {UNKNOWN: 0} | {c: i for i, c in enumerate(characters, start=1)}:
        raise ValueError("ids that are not in the order of the characters")
    return CharTokenizer(characters, normalization)


def _closed(vocab: Mapping[str, int], normalization: Normalization) -> ClosedTokenizer:
    names = sorted(vocab, key=vocab.__getitem__)
    documents = names[2:3] == [BOUNDARY]
    words = names[2 + documents :]
    if names[:2] != [UNKNOWN, LINE_END]:
        raise ValueError("ids 0 and 1 are not <unk> and the line end")
    if any(word.split() != [word] or BOUNDARY in word or len(word) > LONGEST for word in words):
        raise ValueError("a token that is not a word")
    for word in words:
        to_bytes(word)
    return ClosedTokenizer(words, normalization, documents=documents)


def _byte_level(
    vocab: dict[str, int], merges: object, normalization: Normalization, *, marks: bool, whole_words: object
) -> Tokenizer:
    if not isinstance(whole_words, bool):
        raise ValueError("ignore_merges is neither true nor false")
    alphabet = byte_alphabet()
    if "" in vocab or not set("".join(vocab)) <= set(alphabet):
        raise ValueError("a token that does not spell bytes")
    if not marks and not whole_words and vocab == {c: i for i, c in enumerate(alphabet)} and merges == []:
        return ByteTokenizer(normalization)

    pairs = _pairs(vocab, merges)
    if whole_words and pairs:
        raise ValueError("words with merges")
    model = make_model(vocab, pairs, whole_words=whole_words, marks=marks)
    return SubwordTokenizer("word" if whole_words else "bpe", model, normalization)


def _pairs(vocab: Mapping[str, int], merges: object) -> list[tuple[str, str]]:
    if not isinstance(merges, list):
        raise ValueError("no merges")
    pairs = []
    for merge in merges:
        if not isinstance(merge, list) or len(merge) != 2 or not all(isinstance(part, str) for part in merge):
            raise ValueError("a merge that is not a pair of tokens")
        left, right = merge
        if left not in vocab or right not in vocab or left + right not in vocab:
            raise ValueError("a merge of or to a token that is not in the vocabulary")
        pairs.append((left, right))
    return pairs
