"""A text of tokens as what it spells, in blocks: as characters, or as words."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.copies.occurrences import BLOCK
from rnngen.corpus.documents import BOUNDARY
from rnngen.corpus.encoded import release_pages, spellings
from rnngen.corpus.tokenizer import Tokenizer
from rnngen.corpus.tokenizer.closed import without_spaces_at_ends

_WORD = re.compile(rf"{BOUNDARY}|[^\s{BOUNDARY}]+")


def characters(tokens: NDArray[np.integer[Any]], tokenizer: Tokenizer) -> Iterator[NDArray[np.uint32]]:
    """The code points that tokens spell, block after block.

    A boundary between documents is ``BOUNDARY``, an unknown character U+FFFD, and labels are nothing.
    """
    if tokenizer.level == "char" and not tokenizer.labels:
        table = code_points("".join(content.decode() for content in spellings(tokenizer)))
        for begin in range(0, len(tokens), BLOCK):
            yield table[tokens[begin : begin + BLOCK]]
            release_pages(tokens)
        return
    yield from map(code_points, _spelled(tokens, tokenizer))


def _spelled(tokens: NDArray[np.integer[Any]], tokenizer: Tokenizer) -> Iterator[str]:
    table, decoder = spellings(tokenizer), codecs.getincrementaldecoder("utf-8")("replace")
    begin = 0
    while begin < len(tokens):
        block = tokens[begin : begin + BLOCK]
        if tokenizer.is_closed and begin + len(block) < len(tokens):  # spaces are set line by line
            ends = np.flatnonzero(block == tokenizer.line_end_id)
            block = block[: ends[-1] + 1] if len(ends) else block
        begin += len(block)
        text = decoder.decode(b"".join(table[i] for i in block.tolist()), final=begin == len(tokens))
        yield without_spaces_at_ends(text) if tokenizer.is_closed else text
        release_pages(tokens)


def code_points(text: str) -> NDArray[np.uint32]:
    """The code points of a text, (N,)."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


def text_of(codes: NDArray[np.uint32]) -> str:
    """The text that code points spell."""
    return codes.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")


def words_of(text: str) -> list[str]:
    """The words of a text: what stands between white space. A boundary between documents is one by itself."""
    return _WORD.findall(text)


def whole_words(blocks: Iterable[NDArray[np.uint32]]) -> Iterator[str]:
    """A text in pieces that end where a word ends."""
    held = ""
    for block in blocks:
        held += text_of(block)
        last = "" if held[-1:].isspace() else held.rsplit(None, 1)[-1]
        end = max(len(held) - len(last), held.rfind(BOUNDARY) + 1)
        if end:
            yield held[:end]
            held = held[end:]
    yield held


def numbered_words(blocks: Iterable[NDArray[np.uint32]], numbers: Mapping[str, int]) -> Iterator[NDArray[np.int64]]:
    """The words of a text by their numbers, block after block; -1: a word without one."""
    for piece in whole_words(blocks):
        words = words_of(piece)
        yield np.fromiter((numbers.get(word, -1) for word in words), np.int64, len(words))
