"""A text as an array of token ids, memory-mapped from a raw file of little-endian uint16 or uint32."""

from __future__ import annotations

import codecs
import mmap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.character_facts import CharacterFacts
from rnngen.corpus.documents import BOUNDARY
from rnngen.corpus.files.summary import SourceSummary
from rnngen.corpus.labels import without_labels
from rnngen.corpus.normalization import normalized_pieces
from rnngen.corpus.pieces import TextCounter, TextCounts
from rnngen.corpus.tokenizer import Ids, Tokenizer
from rnngen.errors import CorpusError

MORE_SPACE = "Free some space, or set RNNGEN_CACHE to a folder with more space."

_COUNTED = 1 << 22  # tokens counted at a time

TokenArray = NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class EncodedText:
    """A text as token ids, and its length.

    Attributes:
        tokens: ids, shape (N,), memory-mapped.
        counts: characters, words and bytes of the text.
        unknown: how many ids are the unknown symbol.
        unknown_characters: what the text has there, and how often; empty also if that is not known.
    """

    tokens: TokenArray
    counts: TextCounts
    unknown: int
    unknown_characters: Mapping[str, int] = field(default_factory=dict, kw_only=True)


@dataclass(frozen=True)
class EncodedCorpus:
    """The parts of a corpus, and the tokenizer that encoded them.

    Attributes:
        fingerprint: SHA-256 over the text of all sources.
        tokenizer: the one whose ids the parts contain.
        parts: ``train``, ``valid``, ``test``.
        sources: what was read and what was skipped; None, or what the run has recorded, if the corpus comes from the
            cache alone.
        documents: the rule by which it consists of documents (see ``documents.py``); None if it comes from the cache
            alone.
        characters: of the text that is split, counted in all or, of a long one, in some of it; None like
            ``documents``.
        lists: names of the parts that are files of their own, of lines beside rows (see ``rule_beside``).
    """

    fingerprint: str
    tokenizer: Tokenizer
    parts: dict[str, EncodedText]
    sources: SourceSummary | None = None
    documents: str | None = None
    characters: CharacterFacts | None = None
    lists: tuple[str, ...] = ()

    def rare_characters(self, below: int) -> int:
        """How many characters of a character vocabulary occur in the training part, but fewer than ``below`` times."""
        if self.tokenizer.level != "char":
            return 0
        counts = np.zeros(self.tokenizer.vocab_size, dtype=np.int64)
        for block in _blocks(self.train.tokens):
            counts += np.bincount(block, minlength=len(counts))
        counts[self.tokenizer.unknown_id] = 0
        counts = counts[: self.tokenizer.text_size]  # without labels
        return int(np.count_nonzero((counts > 0) & (counts < below)))

    def share_of_partial_characters(self) -> float:
        """The share of the first tokens of the training part that are single bytes of longer characters."""
        tokens = self.train.tokens[:_COUNTED]
        partial = [
            i for i, content in enumerate(self.tokenizer.token_bytes()) if len(content) == 1 and content[0] > 0x7F
        ]
        return float(np.isin(tokens, partial).mean()) if len(tokens) else 0.0

    @property
    def unlabelled(self) -> int:
        """How many documents of the training part have no label."""
        labels = sum(int(np.count_nonzero(block >= self.tokenizer.text_size)) for block in _blocks(self.train.tokens))
        return self.train.counts.documents - labels

    @property
    def train(self) -> EncodedText:
        """The part that the model is trained on."""
        return self.parts["train"]

    @property
    def valid(self) -> EncodedText:
        """The part that selects the weights and decides when to stop."""
        return self.parts["valid"]

    @property
    def test(self) -> EncodedText:
        """The part that is held out from training and model selection."""
        return self.parts["test"]


def _blocks(tokens: NDArray[np.integer[Any]]) -> Iterator[NDArray[np.integer[Any]]]:
    return (tokens[start : start + _COUNTED] for start in range(0, len(tokens), _COUNTED))


class TokenFile:
    """A text that comes in pieces, and is normalised, encoded into a file.

    Args:
        tokenizer: encodes it.
        path: of the file, which must not exist.

    Attributes:
        unknown: how many ids so far are the unknown symbol.

    Raises:
        OSError: the file cannot be written (a full disk, a read-only folder); so do ``add`` and ``finish``.
    """

    def __init__(self, tokenizer: Tokenizer, path: Path) -> None:
        self._tokenizer, self._path = tokenizer, path
        self._encoder, self._counter, self.unknown = tokenizer.encoder(), TextCounter(), 0
        self._last = "\n"  # the last character
        self._stream = path.open("xb")

    def add(self, piece: str) -> None:
        """Encode one more piece."""
        self._counter.add(piece)
        self._last = piece[-1:] or self._last
        self._write(self._encoder.add(piece))

    def _write(self, ids: Ids) -> None:
        if self._tokenizer.unknown_id is not None:
            self.unknown += int(np.count_nonzero(ids == self._tokenizer.unknown_id))
        self._stream.write(ids.astype(self._tokenizer.dtype, copy=False).tobytes())

    def finish(self) -> EncodedText:
        """End the text, and with it its last line, and map the file."""
        self._write(self._encoder.finish())
        if self._tokenizer.line_end_id is not None and self._last not in ("\n", BOUNDARY):
            self._write(np.array([self._tokenizer.line_end_id]))
        self.close()
        return EncodedText(map_tokens(self._path, self._tokenizer), self._counter.counts, self.unknown)

    def close(self) -> None:
        """Close the file, whatever it holds."""
        self._stream.close()


def encode_text(tokenizer: Tokenizer, pieces: Iterable[str], path: Path) -> EncodedText:
    """Encode a text that comes in pieces into a new file, and map the file. What is counted is the normalised text.

    Raises:
        CorpusError: the file cannot be written (a full disk, a read-only folder).
    """
    try:
        file, unknown = TokenFile(tokenizer, path), Counter[str]()
        try:
            for piece in normalized_pieces(pieces, tokenizer.normalization):
                before = file.unknown
                file.add(piece)
                if file.unknown > before and not tokenizer.is_closed:
                    found = Counter(without_labels(piece))
                    unknown.update({each: found[each] for each in tokenizer.unknown_in("".join(found))})
            return replace(file.finish(), unknown_characters=unknown)
        finally:
            file.close()
    except OSError as error:
        path.unlink(missing_ok=True)
        raise CorpusError(
            f"the encoded text cannot be written ({error.strerror})", where=path, hint=MORE_SPACE
        ) from error


def spelled_text(
    tokenizer: Tokenizer, tokens: TokenArray, unknown_characters: Mapping[str, int] | None = None
) -> EncodedText:
    """A text that is there as tokens only, with the counts of what they spell.

    Args:
        tokenizer: of the tokens.
        tokens: ids, (N,).
        unknown_characters: of the text that they are from, whose mean bytes unknown ones have; else those of U+FFFD.
    """
    hidden = unknown_characters or {"\ufffd": 1}
    counter, decoder, unknown = TextCounter(), codecs.getincrementaldecoder("utf-8")("replace"), 0
    table = spellings(tokenizer)
    for block in _blocks(tokens):
        counter.add(decoder.decode(b"".join(table[i] for i in block.tolist())))
        unknown += 0 if tokenizer.unknown_id is None else int(np.count_nonzero(block == tokenizer.unknown_id))
    counter.add(decoder.decode(b"", final=True))
    counts = counter.counts
    if not tokenizer.is_closed:
        mean = sum(len(each.encode()) * times for each, times in hidden.items()) / sum(hidden.values())
        counts = replace(counts, bytes=counts.bytes + round(unknown * (mean - len("\ufffd".encode()))))
    counts = tokenizer.counts_of(tokens, counts)
    return EncodedText(tokens, counts, unknown, unknown_characters=unknown_characters or {})


def spellings(tokenizer: Tokenizer, *, labels: bool = False) -> list[bytes]:
    """The UTF-8 bytes that each token stands for in a text; those of U+FFFD for an unknown character.

    Args:
        tokenizer: whose tokens they are.
        labels: whether a label, which is no text, is spelled as its name between two zero bytes; else as nothing.
    """
    table = [*tokenizer.token_bytes()]
    if tokenizer.unknown_id is not None and not tokenizer.is_closed:
        table[tokenizer.unknown_id] = "\ufffd".encode()
    if labels:
        table[tokenizer.text_size :] = [f"\0{label}\0".encode() for label in tokenizer.labels]
    return table


def map_tokens(file: Path, tokenizer: Tokenizer) -> TokenArray:
    """The ids in a file, memory-mapped, shape (N,)."""
    if file.stat().st_size == 0:  # an empty file cannot be mapped
        return np.zeros(0, dtype=tokenizer.dtype)
    return np.memmap(file, dtype=tokenizer.dtype, mode="r")


def release_pages(array: Any) -> None:
    """Let go of what has been read of an array that is mapped from a file, which else counts as memory of the process.

    It is read again where it is needed. Nothing happens to an array in memory, or on systems that cannot do this.
    """
    while array is not None and not isinstance(array, mmap.mmap):
        array = getattr(array, "base", None)
    if array is not None and hasattr(array, "madvise") and hasattr(mmap, "MADV_DONTNEED"):
        array.madvise(mmap.MADV_DONTNEED)
