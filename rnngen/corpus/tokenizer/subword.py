"""Tokens that are words or byte-pair merges, found by the ``tokenizers`` library over GPT-2's byte alphabet.

Words are found by GPT-2's rule, but a letter keeps its marks: GPT-2's cuts Thai, Hindi and decomposed text at every
vowel sign and accent. Vocabularies that were learned by GPT-2's own rule keep it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import Any

import numpy as np

from rnngen.corpus.documents import BOUNDARY
from rnngen.corpus.normalization import Normalization
from rnngen.corpus.tokenizer.aligned import Aligner, aligned_pieces, last_boundary
from rnngen.corpus.tokenizer.byte import byte_alphabet, with_byte_level
from rnngen.corpus.tokenizer.char import UNKNOWN
from rnngen.corpus.tokenizer.encoder import Encoder, Ids
from rnngen.corpus.tokenizer.protocol import Level, Tokenizer, check_vocab_size, to_bytes
from rnngen.errors import TokenizerError

DEFAULT_VOCAB_SIZE = {"word": 10_000, "bpe": 2_000}
MAX_HELD = 64
"""Maximum number of bytes of a prompt to hold back: searching for what they may begin stays cheap."""

WORD = (
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}[\p{L}\p{M}\x{200C}\x{200D}]*| ?\p{N}+|\x{0}| ?[^\s\p{L}\p{N}\x{0}]+|\s+(?!\S)|\s+"
)
"""What is a word: letters with their marks and joiners, digits, or other characters, and white space; never NUL."""

_LONG_WORD = re.compile(r"\S{256}")
_CONTRACTIONS_BEGIN = ("r", "v", "l")  # of 're, 've and 'll
_BATCH = 1 << 14  # characters that one core encodes at a time


class SubwordTokenizer(Tokenizer):
    """Words or byte-pair merges.

    The word level is a BPE model without merges that looks the whole word up first (``ignore_merges``), so a word that
    is not in the vocabulary falls apart into its bytes.
    """

    def __init__(self, level: Level, tokenizer: Any, normalization: Normalization = "none") -> None:
        self.level = level
        self.normalization = normalization
        self._tokenizer = tokenizer
        self.vocab_size = tokenizer.get_vocab_size()
        self.boundary_id = self._boundary = int(tokenizer.token_to_id(byte_alphabet()[ord(BOUNDARY)]))

    def grown(self, learn: Callable[[int | None], Tokenizer]) -> Tokenizer:
        """With the words of a text that it lacks, at the end; only bytes and merges lack nothing."""
        if self.level != "word":
            return self
        other = learn(max(self.text_size, DEFAULT_VOCAB_SIZE["word"]))
        vocab, rule = self._tokenizer.get_vocab(), self._tokenizer.pre_tokenizer
        words = [content.decode(errors="replace") for content in other.token_bytes()[len(byte_alphabet()) :]]
        new = [spelled for word in words for spelled, _ in rule.pre_tokenize_str(word) if len(spelled) > 1]
        added = [word for word in dict.fromkeys(new) if word not in vocab]
        if not added:
            return self
        check_vocab_size(len(vocab) + len(added))
        model = make_model({**vocab, **dict(zip(added, count(len(vocab))))}, [], whole_words=True)
        model.pre_tokenizer = rule
        return SubwordTokenizer("word", model, self.normalization).with_labels(self.labels)

    def _encode(self, text: str) -> Ids:
        """Ids, shape (N,)."""
        encoder = self._encoder()
        return np.concatenate([encoder.add(text), encoder.finish()])

    def _encoder(self) -> SubwordEncoder:
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

        The end is the last match of the rule for words: a word, a number, punctuation or white space. Everything
        before it is cut the same way whatever follows, except for a contraction: ``'`` and ``r`` are two tokens until
        an ``e`` follows. If the end is longer than ``MAX_HELD`` bytes, only its last tokens are held back.
        """
        to_bytes(text)
        text = self.normalized(text)
        begin = last_boundary(text, 0)
        words = [word for word, _ in self._tokenizer.pre_tokenizer.pre_tokenize_str(text[begin:])]
        size = sum(map(len, words[-1:]))  # in bytes: the alphabet has a character for each
        if words[-2:-1] == ["'"] and words[-1] in _CONTRACTIONS_BEGIN:
            size += 1
        content, table, ids = text[begin:].encode(), self.token_bytes(), self._encode(text)
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
        tokens = (self._tokenizer.id_to_token(i) for i in range(self.text_size))
        return [b"".join(table[c] for c in token) for token in tokens]

    def _to_hf(self) -> Any:
        """The library's own, which does not normalise: it is given text that is normalised."""
        return self._tokenizer


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


def make_model(vocab: dict[str, int], merges: list[tuple[str, str]], *, whole_words: bool, marks: bool = True) -> Any:
    """A tokenizer of the ``tokenizers`` library.

    Args:
        vocab: token in the byte alphabet → id, 0 … V-1, with all 256 bytes.
        merges: pairs of tokens whose concatenation is a token, in the order in which they are applied.
        whole_words: whether a word that is a token is one, whatever the merges say.
        marks: whether a letter keeps its marks; if not, words are found by GPT-2's own rule.
    """
    from tokenizers import models

    model = models.BPE(vocab=vocab, merges=merges, ignore_merges=whole_words)
    return _with_words(model) if marks else with_byte_level(model)


def _with_words(model: Any) -> Any:
    """A tokenizer of the ``tokenizers`` library that finds words before ``model`` sees them."""
    from tokenizers import Regex, pre_tokenizers

    tokenizer = with_byte_level(model)
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(WORD), "isolated"), byte_level])
    return tokenizer


def learn_subwords(
    level: Level,
    pieces: Iterable[str],
    vocab_size: int | None,
    min_count: int = 1,
    normalization: Normalization = "none",
) -> SubwordTokenizer:
    """Learn the vocabulary: 256 bytes, then the most frequent words or merges.

    Args:
        level: ``word`` or ``bpe``.
        pieces: the training text.
        vocab_size: V; None: ``DEFAULT_VOCAB_SIZE``.
        min_count: how often a word, or a pair to be merged, has to occur; a word at least twice.
        normalization: of the tokenizer; the pieces are normalised.

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
    return SubwordTokenizer(level, learn(_words_of_bounded_length(pieces), size, min_count), normalization)


def _words_of_bounded_length(pieces: Iterable[str]) -> Iterator[str]:
    """The text, cut within words that are very long: the time for merges is quadratic in a word's length."""
    for piece in aligned_pieces(pieces):
        to_bytes(piece)  # the library takes no lone surrogates
        for document in piece.split(BOUNDARY):
            # the library takes up to 256 of these ahead of what it learns from
            for part in aligned_pieces(_slices(document, _BATCH)):
                start = 0
                for word in _LONG_WORD.finditer(part):
                    yield part[start : word.end()]
                    start = word.end()
                yield part[start:]


def _learn_merges(pieces: Iterator[str], size: int, min_count: int) -> Any:
    from tokenizers import models, trainers

    tokenizer = _with_words(models.BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=size, min_frequency=min_count, initial_alphabet=byte_alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(pieces, trainer)
    return tokenizer


def _learn_words(pieces: Iterator[str], size: int, min_count: int) -> Any:
    from tokenizers import models, trainers

    counting = _with_words(models.WordLevel(unk_token=UNKNOWN))
    trainer = trainers.WordLevelTrainer(vocab_size=size, min_frequency=max(2, min_count), show_progress=False)
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
