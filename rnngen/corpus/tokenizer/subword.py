"""Tokens that are words or byte-pair merges, found by the ``tokenizers`` library over GPT-2's byte alphabet."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from rnngen.corpus.documents import BOUNDARY
from rnngen.corpus.tokenizer.aligned import Aligner, aligned_pieces, last_boundary
from rnngen.corpus.tokenizer.byte import byte_alphabet, with_byte_level
from rnngen.corpus.tokenizer.char import UNKNOWN
from rnngen.corpus.tokenizer.protocol import Encoder, Ids, Level, Tokenizer, check_vocab_size, to_bytes
from rnngen.errors import TokenizerError

DEFAULT_VOCAB_SIZE = {"word": 10_000, "bpe": 2_000}
MAX_HELD = 64
"""Maximum number of bytes of a prompt to hold back: searching for what they may begin stays cheap."""

_CONTRACTIONS_BEGIN = ("r", "v", "l")  # of 're, 've and 'll
_BATCH = 1 << 14  # characters that one core encodes at a time


class SubwordTokenizer(Tokenizer):
    """Words or byte-pair merges.

    The word level is a BPE model without merges that looks the whole word up first (``ignore_merges``), so a word that
    is not in the vocabulary falls apart into its bytes.
    """

    def __init__(self, level: Level, tokenizer: Any) -> None:
        self.level = level
        self._tokenizer = tokenizer
        self.vocab_size = tokenizer.get_vocab_size()
        self.boundary_id = self._boundary = int(tokenizer.token_to_id(byte_alphabet()[ord(BOUNDARY)]))

    def encode(self, text: str) -> Ids:
        """Ids, shape (N,)."""
        return np.concatenate(list(self.encode_pieces([text])))

    def encoder(self) -> SubwordEncoder:
        """An encoder that cuts the text where a word ends."""
        return SubwordEncoder(self)

    def encode_words(self, text: str) -> Ids:
        """Encode a text that ends where a word does; it is cut again so that all cores work on it."""
        to_bytes(text)  # the library takes no lone surrogates
        documents = [list(aligned_pieces(_slices(document, _BATCH))) for document in text.split(BOUNDARY)]
        encodings = iter(self._tokenizer.encode_batch_fast([piece for document in documents for piece in document]))
        ids: list[int] = []
        for number, document in enumerate(documents):
            if number:
                ids.append(self._boundary)
            for _ in document:
                ids += next(encodings).ids
        return np.array(ids, dtype=self.dtype)

    def hold_back(self, text: str) -> tuple[Ids, str]:
        """Split a text into ids that no continuation can change, and the end of the text, which one can.

        The end is the last match of GPT-2's rule for words: a word, a number, punctuation or white space. Everything
        before it is cut the same way whatever follows, except for a contraction: ``'`` and ``r`` are two tokens until
        an ``e`` follows. If the end is longer than ``MAX_HELD`` bytes, only its last tokens are held back.
        """
        to_bytes(text)
        begin = last_boundary(text, 0)
        words = [word for word, _ in self._tokenizer.pre_tokenizer.pre_tokenize_str(text[begin:])]
        size = sum(map(len, words[-1:]))  # in bytes: the alphabet has a character for each
        if words[-2:-1] == ["'"] and words[-1] in _CONTRACTIONS_BEGIN:
            size += 1
        content, table, ids = text[begin:].encode(), self.token_bytes(), self.encode(text)
        content = content[len(content) - size :]
        # count back in the ids of the whole text: white space is cut differently when no word follows it
        stand = len(ids)
        while size > 0:
            stand -= 1
            size -= len(table[ids[stand]])
        # respect the limit, and hold back no part of a character, which could not be returned as text
        while len(content) > MAX_HELD or (content and content[0] & 0xC0 == 0x80):
            content = content[len(table[ids[stand]]) :]
            stand += 1
        return ids[:stand], content.decode()

    def _token_bytes(self) -> list[bytes]:
        """The bytes that each token spells in GPT-2's alphabet."""
        table = {c: bytes([i]) for i, c in enumerate(byte_alphabet())}
        tokens = (self._tokenizer.id_to_token(i) for i in range(self.vocab_size))
        return [b"".join(table[c] for c in token) for token in tokens]

    def to_json(self) -> str:
        """The library's own file."""
        return str(self._tokenizer.to_str(pretty=True))


class SubwordEncoder(Encoder):
    """Encodes a text that comes in pieces, as the whole text is encoded."""

    def __init__(self, tokenizer: SubwordTokenizer) -> None:
        self._encode, self._aligner = tokenizer.encode_words, Aligner()

    def add(self, piece: str) -> Ids:
        """The ids that are settled after one more piece, shape (N,)."""
        return self._encode(self._aligner.add(piece))

    def finish(self) -> Ids:
        """The ids of what was held back, shape (N,)."""
        return self._encode(self._aligner.finish())


def make_model(vocab: dict[str, int], merges: list[tuple[str, str]], *, whole_words: bool) -> Any:
    """A tokenizer of the ``tokenizers`` library.

    Args:
        vocab: token in the byte alphabet → id, 0 … V-1, with all 256 bytes.
        merges: pairs of tokens whose concatenation is a token, in the order in which they are applied.
        whole_words: whether a word that is a token is one, whatever the merges say.
    """
    from tokenizers import models

    return with_byte_level(models.BPE(vocab=vocab, merges=merges, ignore_merges=whole_words))


def learn_subwords(level: Level, pieces: Iterable[str], vocab_size: int | None) -> SubwordTokenizer:
    """Learn the vocabulary: 256 bytes, then the most frequent words or merges.

    Args:
        level: ``word`` or ``bpe``.
        pieces: the training text.
        vocab_size: V; None: ``DEFAULT_VOCAB_SIZE``.

    Raises:
        TokenizerError: ``vocab_size`` is not larger than the number of bytes, which come first, or is too large.
    """
    size = vocab_size or DEFAULT_VOCAB_SIZE[level]
    if size <= len(byte_alphabet()):
        raise TokenizerError(
            f"`vocab_size` is too small for `tokenizer={level}`",
            expected="more than 256 (the bytes come first)",
            found=size,
        )
    check_vocab_size(size)
    learn = _learn_merges if level == "bpe" else _learn_words
    return SubwordTokenizer(level, learn(_words_of_bounded_length(pieces), size))


def _words_of_bounded_length(pieces: Iterable[str]) -> Iterator[str]:
    """The text with spaces in very long words: the time for merges is quadratic in a word's length."""
    for piece in aligned_pieces(pieces):
        to_bytes(piece)  # the library takes no lone surrogates
        for document in piece.split(BOUNDARY):
            # the library takes up to 256 of these ahead of what it learns from
            yield from aligned_pieces(_slices(re.sub(r"\S{256}", r"\g<0> ", document), _BATCH))


def _learn_merges(pieces: Iterator[str], size: int) -> Any:
    from tokenizers import models, trainers

    tokenizer = with_byte_level(models.BPE())
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=byte_alphabet(), show_progress=False)
    tokenizer.train_from_iterator(pieces, trainer)
    return tokenizer


def _learn_words(pieces: Iterator[str], size: int) -> Any:
    from tokenizers import models, trainers

    counting = with_byte_level(models.WordLevel(unk_token=UNKNOWN))
    trainer = trainers.WordLevelTrainer(vocab_size=size, min_frequency=2, show_progress=False)
    counting.train_from_iterator(pieces, trainer)
    counted = counting.get_vocab()
    vocab = {c: i for i, c in enumerate(byte_alphabet())}
    for word in sorted(counted, key=counted.__getitem__):
        if len(vocab) < size:
            vocab.setdefault(word, len(vocab))
    return make_model(vocab, [], whole_words=True)


def _slices(text: str, size: int) -> Iterator[str]:
    for start in range(0, len(text), size):
        yield text[start : start + size]
