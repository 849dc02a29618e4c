"""Four ways to cut text into tokens, each saved as one Hugging Face ``tokenizer.json``.

====== ============================== =============================================================
level  a token is                     what was not in the training text
====== ============================== =============================================================
char   a Unicode character            one unknown symbol, id 0, which sampling never emits
byte   a byte of UTF-8; id = value    cannot happen
word   a word with the space before   spelled in bytes: nothing is lost
bpe    a byte-pair merge              spelled in bytes: nothing is lost
====== ============================== =============================================================

No token is special: text that looks like one is ordinary text. The saved file loads, encodes and decodes in
the ``tokenizers`` library without us; char and byte encode here in NumPy, at memory speed.
"""

from __future__ import annotations

import codecs
import json
import re
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rnngen.errors import TokenizerError

Level = Literal["char", "byte", "word", "bpe"]
Ids = NDArray[np.integer[Any]]

UNKNOWN = "<unk>"
DEFAULT_VOCAB_SIZE = {"word": 10_000, "bpe": 2_000}
MOST_HELD = 64
"""Bytes of a prompt that are held back at most, so that it costs little to look for what they may begin."""


class Tokenizer(ABC):
    """Text ↔ ids.

    Attributes:
        level: ``char``, ``byte``, ``word`` or ``bpe``.
        vocab_size: V; ids are 0 … V-1.
        unknown_id: the id of unknown characters, or None where nothing is unknown.
    """

    level: Level
    vocab_size: int
    unknown_id: int | None = None

    @abstractmethod
    def encode(self, text: str) -> Ids:
        """Ids of a whole text, shape (N,).

        Raises:
            TokenizerError: the text holds a lone surrogate, which is no character.
        """

    @abstractmethod
    def _token_bytes(self) -> list[bytes]:
        """What ``token_bytes`` keeps."""

    @cached_property
    def _table(self) -> list[bytes]:
        return self._token_bytes()

    def token_bytes(self) -> list[bytes]:
        """The UTF-8 bytes that each id stands for; a text is the concatenation of its tokens' bytes."""
        return self._table

    @abstractmethod
    def to_json(self) -> str:
        """The ``tokenizer.json`` that the ``tokenizers`` library reads."""

    @property
    def dtype(self) -> type[np.uint16] | type[np.uint32]:
        """The narrowest type that tokens on disk fit in."""
        return np.uint16 if self.vocab_size <= 1 << 16 else np.uint32

    def decode(self, ids: Iterable[int], *, before: bytes = b"", skip: int = 0) -> str:
        """The text of the bytes that ``ids`` stand for; what is not UTF-8 becomes U+FFFD.

        ``before`` comes before them; the first ``skip`` bytes are left out.
        """
        table = self.token_bytes()
        return b"".join([before, *(table[i] for i in ids)])[skip:].decode("utf-8", errors="replace")

    def hold_back(self, text: str) -> tuple[Ids, str]:
        """Ids that begin a text whatever comes after it, and the end of the text, which what comes may still join.

        The ids and those of the end are together the ids of the text. Where every character or byte is a token, all
        of them stand, and nothing is held back.
        """
        return self.encode(text), ""

    @cached_property
    def _in_order(self) -> tuple[list[bytes], list[int]]:
        """All that tokens stand for, sorted, and their ids."""
        pairs = sorted(zip(self.token_bytes(), range(self.vocab_size), strict=True))
        return [content for content, _ in pairs], [token for _, token in pairs]

    def tokens_beginning(self, content: bytes) -> list[int]:
        """Ids of the tokens whose bytes begin with these."""
        contents, ids = self._in_order
        first = last = bisect_left(contents, content)
        while last < len(contents) and contents[last].startswith(content):
            last += 1
        return ids[first:last]

    def tokens_within(self, content: bytes) -> list[int]:
        """Ids of the tokens whose bytes are a beginning of these, but not all of them; the shortest first."""
        contents, ids = self._in_order
        found = []
        for size in range(1, len(content)):
            at = bisect_left(contents, content[:size])
            if at < len(contents) and contents[at] == content[:size]:
                found.append(ids[at])
        return found

    def encode_pieces(self, pieces: Iterable[str]) -> Iterator[Ids]:
        """Ids of a text that comes in pieces, cut where the pieces give the same tokens as the whole."""
        for piece in pieces:
            yield self.encode(piece)


class StreamDecoder:
    """Decodes one token at a time; a character is held back until its last byte is there."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._table = tokenizer.token_bytes()
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._whole: dict[int, str] = {}  # tokens that were found to be whole characters
        self._holding = False  # the beginning of a character

    def push(self, token: int) -> str:
        """The text that this token completes, perhaps none."""
        if not self._holding and token in self._whole:
            return self._whole[token]
        held = self._holding
        text = self.push_bytes(self._table[token])
        if not held and not self._holding:
            self._whole[token] = text
        return text

    def push_bytes(self, content: bytes) -> str:
        """The text that these bytes complete, perhaps none."""
        text = self._decoder.decode(content)
        self._holding = bool(self._decoder.getstate()[0])
        return text

    def finish(self) -> str:
        """What is left of a character that never got its last byte."""
        return self._decoder.decode(b"", final=True)


def pieces_of(tokenizer: Tokenizer, tokens: Iterable[int]) -> list[str]:
    """The text that each token completes, perhaps none; an unknown character is U+FFFD, one character."""
    decoder, unknown = StreamDecoder(tokenizer), tokenizer.unknown_id
    return ["\ufffd" if token == unknown else decoder.push(token) for token in tokens]


def _refuse_surrogates(text: str, error: UnicodeEncodeError) -> TokenizerError:
    return TokenizerError(
        "the text holds a lone surrogate, which is no character",
        found=f"U+{ord(text[error.start]):04X} at character {error.start}",
        hint="Check the encoding it was read with.",
    )


def _checked(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise _refuse_surrogates(text, error) from error
    return text


class CharTokenizer(Tokenizer):
    """One token a character; id 0 is the unknown symbol, the rest are sorted by code point."""

    level: Level = "char"
    unknown_id = 0

    def __init__(self, characters: Iterable[str]) -> None:
        self.characters = sorted(set(characters))
        self.vocab_size = len(self.characters) + 1
        codes = np.array([ord(c) for c in self.characters], dtype=np.int64)
        self._ids = np.zeros(0x110000, dtype=self.dtype)  # code point → id
        self._ids[codes] = np.arange(1, self.vocab_size)

    @classmethod
    def train(cls, pieces: Iterable[str], vocab_size: int | None) -> CharTokenizer:
        """All characters of the text, or the ``vocab_size - 1`` most frequent."""
        counts: Counter[str] = Counter()
        for piece in pieces:
            codes, n = np.unique(_code_points(piece), return_counts=True)
            counts.update({chr(c): int(k) for c, k in zip(codes, n, strict=True)})
        ranked = sorted(counts, key=lambda c: (-counts[c], c))
        return cls(ranked[: vocab_size - 1] if vocab_size else ranked)

    def encode(self, text: str) -> Ids:
        """Ids, shape (N,): one a character, 0 for one that was not in the training text."""
        return self._ids[_code_points(text)]

    def _token_bytes(self) -> list[bytes]:
        """The UTF-8 of each character."""
        return [UNKNOWN.encode(), *(c.encode() for c in self.characters)]

    def to_json(self) -> str:
        """A WordLevel model over single characters."""
        from tokenizers import Regex, decoders, models, pre_tokenizers
        from tokenizers import Tokenizer as HfTokenizer

        vocab = {UNKNOWN: 0} | {c: i for i, c in enumerate(self.characters, start=1)}
        tokenizer = HfTokenizer(models.WordLevel(vocab=vocab, unk_token=UNKNOWN))
        tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
        tokenizer.decoder = decoders.Fuse()
        return str(tokenizer.to_str(pretty=True))


def _code_points(text: str) -> NDArray[np.uint32]:
    try:
        return np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    except UnicodeEncodeError as error:
        raise _refuse_surrogates(text, error) from error


class ByteTokenizer(Tokenizer):
    """One token a byte of UTF-8; the id is the byte's value."""

    level: Level = "byte"
    vocab_size = 256

    def encode(self, text: str) -> Ids:
        """The UTF-8 bytes as ids, shape (N,)."""
        try:
            return np.frombuffer(text.encode("utf-8"), dtype=np.uint8)
        except UnicodeEncodeError as error:
            raise _refuse_surrogates(text, error) from error

    def _token_bytes(self) -> list[bytes]:
        """Each byte."""
        return [bytes([i]) for i in range(256)]

    def to_json(self) -> str:
        """A BPE model over the 256 bytes, without merges."""
        from tokenizers import models

        vocab = {c: i for i, c in enumerate(_byte_alphabet())}
        return str(_with_byte_level(models.BPE(vocab=vocab, merges=[])).to_str(pretty=True))


class SubwordTokenizer(Tokenizer):
    """Words or byte-pair merges, over the byte alphabet of GPT-2, by the ``tokenizers`` library.

    A word level is a BPE model without merges that looks the whole word up first (``ignore_merges``), so a
    word that is not in the vocabulary falls apart into its bytes.
    """

    def __init__(self, level: Level, tokenizer: Any) -> None:
        self.level = level
        self._tokenizer = tokenizer
        self.vocab_size = tokenizer.get_vocab_size()

    @classmethod
    def train(cls, level: Level, pieces: Iterable[str], vocab_size: int | None) -> SubwordTokenizer:
        """Learn the vocabulary: 256 bytes, then the most frequent words or merges.

        Raises:
            TokenizerError: ``vocab_size`` leaves no room beside the bytes.
        """
        from tokenizers import models, trainers

        size = vocab_size or DEFAULT_VOCAB_SIZE[level]
        alphabet = _byte_alphabet()
        if size <= len(alphabet):
            raise TokenizerError(
                f"`vocab_size` is too small for `tokenizer={level}`",
                expected="more than 256 (the bytes come first)",
                found=size,
            )
        # merging is quadratic in the length of a word, and one of thousands of characters teaches nothing
        aligned = (re.sub(r"\S{256}", r"\g<0> ", _checked(piece)) for piece in aligned_pieces(pieces))
        if level == "bpe":
            tokenizer = _with_byte_level(models.BPE())
            tokenizer.train_from_iterator(
                aligned, trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
            )
            return cls(level, tokenizer)
        counting = _with_byte_level(models.WordLevel(unk_token=UNKNOWN))
        counting.train_from_iterator(
            aligned, trainers.WordLevelTrainer(vocab_size=size, min_frequency=2, show_progress=False)
        )
        counted = counting.get_vocab()
        vocab = {c: i for i, c in enumerate(alphabet)}
        for word in sorted(counted, key=counted.__getitem__):
            if len(vocab) < size:
                vocab.setdefault(word, len(vocab))
        return cls(level, _with_byte_level(models.BPE(vocab=vocab, merges=[], ignore_merges=True)))

    def encode(self, text: str) -> Ids:
        """Ids, shape (N,)."""
        return np.concatenate([np.zeros(0, dtype=self.dtype), *self.encode_pieces([text])])

    def encode_pieces(self, pieces: Iterable[str]) -> Iterator[Ids]:
        """Ids of a text that comes in pieces; each piece is cut again so that all cores work on it."""
        for piece in aligned_pieces(pieces):
            try:
                piece.encode("utf-8")
            except UnicodeEncodeError as error:
                raise _refuse_surrogates(piece, error) from error
            encodings = self._tokenizer.encode_batch_fast(list(aligned_pieces(_slices(piece, 1 << 14))))
            yield np.concatenate([np.array(e.ids, dtype=self.dtype) for e in encodings])

    def hold_back(self, text: str) -> tuple[Ids, str]:
        """Ids that begin a text whatever comes after it, and the end of the text, which what comes may still join.

        The end is what GPT-2's rule for words finds last: a word, a number, signs or white space. All before it is cut
        the same way whatever follows, but for a contraction: ``'`` and ``r`` are two until an ``e`` follows. Of an end
        that is longer than ``MOST_HELD`` bytes, the last tokens are held back that are not.
        """
        begin = _last_boundary(_checked(text), 0)
        words = [word for word, _ in self._tokenizer.pre_tokenizer.pre_tokenize_str(text[begin:])]
        size = sum(map(len, words[-1:]))  # in bytes: the alphabet has a character for each
        if words[-2:-1] == ["'"] and words[-1] in _CONTRACTIONS_BEGIN:
            size += 1
        content, table, ids = text[begin:].encode(), self.token_bytes(), self.encode(text)
        content = content[len(content) - size :]
        # cut from the ids of the whole: white space alone is cut otherwise than before a word
        stand = len(ids)
        while size > 0:
            stand -= 1
            size -= len(table[ids[stand]])
        # no more than is bounded, and no part of a character, which would leave no text
        while len(content) > MOST_HELD or (content and content[0] & 0xC0 == 0x80):
            content = content[len(table[ids[stand]]) :]
            stand += 1
        return ids[:stand], content.decode()

    def _token_bytes(self) -> list[bytes]:
        """The bytes that each token's GPT-2 alphabet spells."""
        table = {c: bytes([i]) for i, c in enumerate(_byte_alphabet())}
        tokens = (self._tokenizer.id_to_token(i) for i in range(self.vocab_size))
        return [b"".join(table[c] for c in token) for token in tokens]

    def to_json(self) -> str:
        """The library's own file."""
        return str(self._tokenizer.to_str(pretty=True))


_CONTRACTIONS_BEGIN = ("r", "v", "l")  # of 're, 've and 'll


def _byte_alphabet() -> list[str]:
    """The printable character that stands for each byte 0 … 255 in GPT-2's byte-level alphabet."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in printable]
    mapping = {b: chr(b) for b in printable} | {b: chr(256 + i) for i, b in enumerate(others)}
    return [mapping[b] for b in range(256)]


def _with_byte_level(model: Any) -> Any:
    from tokenizers import Tokenizer as HfTokenizer
    from tokenizers import decoders, pre_tokenizers

    tokenizer = HfTokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _slices(text: str, size: int) -> Iterator[str]:
    for start in range(0, len(text), size):
        yield text[start : start + size]


def aligned_pieces(pieces: Iterable[str]) -> Iterator[str]:
    """The same text, cut only where a word ends and exactly one space or newline follows.

    Words are found within a piece, so a cut inside one would give other tokens than the whole text. A piece
    without such a place (a line of 100 MB without a space) is cut where it ends.
    """
    held = ""
    for piece in pieces:
        text = held + piece
        at = _last_boundary(text, len(held) - 1)
        if at == 0 and len(text) > 1 << 20:
            at = len(text)
        if at:
            yield text[:at]
        held = text[at:]
    if held:
        yield held


def _last_boundary(text: str, since: int) -> int:
    """Where the last word begins, its one space included; 0 where there is no such place after ``since``."""
    for at in range(len(text) - 2, max(since - 1, 0), -1):
        if text[at] in " \n" and not text[at - 1].isspace() and not text[at + 1].isspace():
            return at if text[at] == " " else at + 1
    return 0


def train_tokenizer(level: Level, pieces: Iterable[str], vocab_size: int | None = None) -> Tokenizer:
    """Learn a vocabulary from the training part of a text, given in pieces.

    Raises:
        TokenizerError: ``vocab_size`` is too small for the level.
    """
    if level == "char":
        return CharTokenizer.train(pieces, vocab_size)
    if level == "byte":
        return ByteTokenizer()
    return SubwordTokenizer.train(level, pieces, vocab_size)


def load_tokenizer(path: Path) -> Tokenizer:
    """Read a ``tokenizer.json`` that this module wrote.

    Raises:
        TokenizerError: the file is damaged or not one of ours.
    """
    try:
        text = path.read_text(encoding="utf-8")
        tree = json.loads(text)
        model = tree["model"]
        if tree["added_tokens"]:
            raise ValueError("no token is special")
        vocab: dict[str, int] = model["vocab"]
        if sorted(vocab.values()) != list(range(len(vocab))):
            raise ValueError("the ids are not 0 … V-1")
        if model["type"] == "WordLevel":
            characters = sorted(vocab.keys() - {UNKNOWN})
            tokenizer = CharTokenizer(characters)
            if vocab != {UNKNOWN: 0} | {c: i for i, c in enumerate(characters, start=1)}:
                raise ValueError("the ids are not in the order of the characters")
            return tokenizer
        if model["type"] != "BPE" or not set(_byte_alphabet()) <= vocab.keys():
            raise ValueError("neither a character nor a byte-level vocabulary")
        if not model.get("ignore_merges") and vocab == {c: i for i, c in enumerate(_byte_alphabet())}:
            return ByteTokenizer()
        from tokenizers import Tokenizer as HfTokenizer

        subword = SubwordTokenizer("word" if model.get("ignore_merges") else "bpe", HfTokenizer.from_str(text))
        subword.token_bytes()  # every token spells bytes
        return subword
    # the library raises bare Exception for a file it cannot parse
    except Exception as error:
        raise TokenizerError(
            "cannot be loaded", where=path, expected="a tokenizer.json written by rnngen", found=error
        ) from error
