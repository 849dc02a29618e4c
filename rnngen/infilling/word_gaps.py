"""Words that can be taken out of a text: where they are, and a passage with some of them filled in by a model."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.tokenizer import Tokenizer
from rnngen.infilling.filler import Filler
from rnngen.infilling.gapped_text import EncodedGap

LONGEST_WORD = 24  # tokens; a longer run of letters is no word that anybody could put back
PASSAGE = 240  # tokens of the passage with filled gaps
GAPS = 4
BEAM = 8
_CHUNK = 1 << 20
_KINDS = ("letters", "word", "other", "mixed")


class FilledWord(NamedTuple):
    """A word that a model has put where another one, or the same, was taken out."""

    fill: str
    word: str

    @property
    def is_right(self) -> bool:
        """Whether the word came back."""
        return self.fill == self.word

    def __str__(self) -> str:
        return f"⟦{self.fill}⟧" if self.is_right else f"⟦{self.fill}|{self.word}⟧"


def fill_some_words(filler: Filler, tokens: NDArray[np.integer[Any]], seed: int) -> str:
    """A passage of a text, chosen by ``seed``, in which a model has filled in some words: ⟦word⟧.

    A fill that differs from the original word is followed by it: ⟦fill|word⟧.
    """
    return "".join(map(str, words_filled_in(filler, tokens, seed)))


def words_filled_in(filler: Filler, tokens: NDArray[np.integer[Any]], seed: int) -> list[str | FilledWord]:
    """The same passage in parts: text as it stands, and the words that were filled in."""
    start = int(np.random.default_rng(seed).integers(max(1, len(tokens) - PASSAGE)))
    passage = tokens[start : start + PASSAGE]
    spans = list(word_spans(filler.tokenizer, passage))
    if not spans:
        return [filler.tokenizer.shown(passage.tolist())]
    # evenly spaced, so that every gap has known neighbours
    picked = [spans[i] for i in np.unique(np.linspace(0, len(spans) - 1, min(GAPS + 2, len(spans))).astype(int))]
    picked = picked[1:-1] or picked
    ends = [start for start, _ in picked[1:]] + [len(passage)]
    known_after = [passage[stop:end].tolist() for (_, stop), end in zip(picked, ends, strict=True)]
    gaps = [EncodedGap([stop - start], after) for (start, stop), after in zip(picked, known_after, strict=True)]
    before = passage[: picked[0][0]].tolist()
    fills = filler.search(before, gaps, BEAM)[0].fills
    decode = filler.tokenizer.shown
    parts: list[str | FilledWord] = [decode(before)]
    for (start, stop), gap, fill in zip(picked, gaps, fills, strict=True):
        parts += [FilledWord(decode(fill), decode(passage[start:stop].tolist())), decode(gap.after)]
    return _spaced(filler.tokenizer, parts)


def _spaced(tokenizer: Tokenizer, parts: list[str | FilledWord]) -> list[str | FilledWord]:
    """The parts with what the tokenizer puts between two texts that were decoded one by one."""
    spaced = parts[:1]
    for before, after in pairwise(parts):
        joined = tokenizer.join([str(before), str(after)])
        spaced += [joined[len(str(before)) : len(joined) - len(str(after))], after]
    return spaced


def word_spans(tokenizer: Tokenizer, tokens: NDArray[np.integer[Any]]) -> Iterator[tuple[int, int]]:
    """Where words of letters begin and end in a text of ids (N,): those of up to ``LONGEST_WORD`` tokens.

    A space at one end of a token belongs to its word. A word at either end of the text does not count.
    """
    table = tokenizer.token_bytes()
    kinds = np.array([_KINDS.index(_kind(token)) for token in table], np.uint8)
    if tokenizer.unknown_id is not None:
        kinds[tokenizer.unknown_id] = _KINDS.index("other")
    letters, word, other, mixed = range(4)
    for begin in range(1, len(tokens), _CHUNK):  # a chunk at a time: a text may be larger than memory
        kind = kinds[tokens[begin - 1 : begin + _CHUNK + LONGEST_WORD]]  # from the token before the chunk on
        starts = np.flatnonzero((kind[1:] == word) | ((kind[1:] == letters) & (kind[:-1] == other))) + 1
        starts = starts[starts <= _CHUNK]
        ends = np.append(np.flatnonzero(kind != letters), len(kind))
        stops = ends[np.searchsorted(ends, starts, "right")]
        whole = (stops < len(kind)) & (stops - starts <= LONGEST_WORD)
        whole[whole] = kind[stops[whole]] != mixed
        yield from zip((starts[whole] + begin - 1).tolist(), (stops[whole] + begin - 1).tolist(), strict=True)


def _kind(token: bytes) -> str:
    """The kind of a token: ``letters``, ``word`` (letters and a space), ``other`` (no letters), or ``mixed``."""
    try:
        text = token.decode()
    except UnicodeDecodeError:
        return "mixed"
    bare = text.strip(" ")  # a word may have a space before or, of a closed vocabulary, after it
    if bare.isalpha():
        return "letters" if bare == text else "word"
    return "mixed" if any(c.isalpha() for c in text) else "other"
