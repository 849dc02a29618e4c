"""Detection of held-out parts that are unlike the training part: another language, code after prose, tables at the end.

A score on such a part says little about the model. Files are read sorted by name and the parts are cut by position, so
this happens easily in a folder whose files differ in kind.

Pieces of at most 8 KB are compared by the distribution of their byte pairs, whatever the tokenizer. The divergence of a
piece is its Rényi divergence of order 1/2, -2·log2 Σ sqrt(p·q), in bits, from the most similar training piece. A part
is unlike if the median over its pieces is above ``FLOOR``, above ``TIMES_USUAL`` times the 0.9 quantile of the training
pieces' divergences from one another, and above ``TIMES_MEDIAN`` times their median. The comparison is with the most
similar piece, not with all of them together, because in a folder of many languages each of them is expected, but one
more is not.

Characters that are not in the vocabulary are judged separately: a part may have five times the expected share of them,
which is the share of the training part's characters that occur in it only once (Good 1953).

Calibrated on 430 held-out parts of ordinary texts (Shakespeare, a book, Python's standard library and documentation,
translations into five languages, licences, mixed folders), whole and in pieces of 3 KB to 2 MB: 8 are reported as
unlike, six in pieces of code that end in lists or tables and two in 50 KB of translations, none in a text of more than
50 KB. Also calibrated on 56 parts of bad splits of 3 KB to 6 MB (English, then German, French, Russian or Chinese;
prose, then code or numbers; code, then prose; 19 and 60 languages in a row): 9 are missed, three in Dutch after German,
two of 150 bytes, and four among many languages of which a close relative is in the training part.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.encoded import EncodedCorpus, EncodedText
from rnngen.corpus.tokenizer import Tokenizer

FLOOR = 0.6  # bits
TIMES_USUAL, TIMES_MEDIAN = 1.3, 2.0
TIMES_USUAL_OF_LITTLE, LITTLE = 1.6, 512  # pieces of fewer bytes are less reliable
MAX_UNKNOWN, TIMES_EXPECTED = 0.02, 5.0

MIN_TRAINING_TOKENS, MIN_TRAINING_DOCUMENTS = 50_000, 500

PIECE_BYTES, MIN_BYTES = 8192, 64
_TRAINING_PIECES, _HELD_OUT_PIECES = 64, 8
_MIN_PIECES = 8
_MAX_COUNTED = 1 << 22


@dataclass(frozen=True)
class Likeness:
    """How a held-out part compares with the training part.

    Attributes:
        part: ``valid`` or ``test``.
        divergence: median divergence of its pieces from the most similar training pieces, in bits per byte pair.
        limit: the largest divergence that is usual, given how the training pieces differ from one another.
        unknown: share of its tokens that are unknown characters or words.
        unknown_limit: the largest such share that is usual.
    """

    part: str
    divergence: float
    limit: float
    unknown: float
    unknown_limit: float

    @property
    def is_unlike(self) -> bool:
        """Whether a score on this part says little about the model."""
        return self.divergence > self.limit or self.unknown > self.unknown_limit


def unlike_parts(corpus: EncodedCorpus) -> list[Likeness]:
    """The held-out parts that are unlike the training part; takes a fraction of a second, whatever their length."""
    found = (compare(corpus, part) for part in ("valid", "test"))
    return [each for each in found if each is not None and each.is_unlike]


def too_short(corpus: EncodedCorpus) -> bool:
    """Whether the training part is so short that the user should be told.

    The smallest network that a plan chooses has 100,000 weights. With fewer training tokens than half of that,
    ``MIN_TRAINING_TOKENS``, it memorises the text instead of learning its language, and the validation part, a
    twentieth of the text, is too short to compare two networks. Of documents, such as names, fewer tokens are enough,
    if there are many.
    """
    return len(corpus.train.tokens) < MIN_TRAINING_TOKENS and corpus.train.counts.documents < MIN_TRAINING_DOCUMENTS


def compare(corpus: EncodedCorpus, part: str) -> Likeness | None:
    """Compare a held-out part with the training part; None: one of them is too short."""
    train, held_out = corpus.train, corpus.parts[part]
    N, n = len(train.tokens), len(held_out.tokens)
    if not n or not train.counts.bytes:
        return None
    bytes_per_token = train.counts.bytes / N
    size = min(n, N // (3 * _MIN_PIECES), math.ceil(PIECE_BYTES / bytes_per_token))  # tokens
    unknown, unknown_limit = held_out.unknown / n, max(MAX_UNKNOWN, TIMES_EXPECTED * _expected_unknown(corpus))
    if size * bytes_per_token < MIN_BYTES:
        return Likeness(part, 0.0, math.inf, unknown, unknown_limit) if n >= MIN_BYTES else None
    pairs = _byte_pairs(corpus.tokenizer, train, size, _TRAINING_PIECES)
    if len(pairs) < _MIN_PIECES:
        return None
    used = np.unique(np.concatenate(pairs))  # a few thousand of the possible pairs
    pieces = _roots(pairs, used)
    usual = _divergences(pieces, pieces, same=True)
    times = TIMES_USUAL if size * bytes_per_token >= LITTLE else TIMES_USUAL_OF_LITTLE
    limit = max(FLOOR, times * float(np.quantile(usual, 0.9)), TIMES_MEDIAN * float(np.median(usual)))
    there = _roots(_byte_pairs(corpus.tokenizer, held_out, size, _HELD_OUT_PIECES), used)
    divergence = float(np.median(_divergences(there, pieces))) if len(there) else 0.0
    return Likeness(part, divergence, limit, unknown, unknown_limit)


def _expected_unknown(corpus: EncodedCorpus) -> float:
    """The expected share of unknown characters in a text like the training part."""
    if corpus.tokenizer.unknown_id is None:
        return 0.0
    tokens = corpus.train.tokens[:_MAX_COUNTED]
    once = int(np.count_nonzero(np.bincount(tokens) == 1))
    return once / len(tokens) + corpus.train.unknown / len(corpus.train.tokens)


def _byte_pairs(tokenizer: Tokenizer, text: EncodedText, size: int, most: int) -> list[NDArray[np.uint16]]:
    """The pairs of bytes in each of some pieces spread evenly over a text, without those of unknown characters only."""
    table = tokenizer.token_bytes()
    number = max(1, min(most, len(text.tokens) // size))
    starts = np.linspace(0, max(0, len(text.tokens) - size), number).astype(np.int64)
    pieces = []
    for start in starts:
        ids = text.tokens[start : start + size].tolist()
        content = b"".join(table[i] for i in ids if i != tokenizer.unknown_id)
        values = np.frombuffer(content, dtype=np.uint8).astype(np.uint16)
        if len(values) > 1:
            pieces.append(256 * values[:-1] + values[1:])
    return pieces


def _roots(pieces: list[NDArray[np.uint16]], used: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Square roots of the frequencies of some pairs of bytes, in ascending order, in each piece: (pieces, pairs)."""
    roots = np.zeros((len(pieces), len(used)), np.float32)
    for row, piece in zip(roots, pieces, strict=True):
        places = np.searchsorted(used, piece)
        places = places[used[np.minimum(places, len(used) - 1)] == piece]
        row[:] = np.sqrt(np.bincount(places, minlength=len(used)) / len(piece))
    return roots


def _divergences(
    pieces: NDArray[np.float32], others: NDArray[np.float32], *, same: bool = False
) -> NDArray[np.float64]:
    """Divergence of each piece from the most similar of ``others``, in bits; ``same``: from those other than itself."""
    affinity = pieces @ others.T  # (pieces, others)
    if same:
        np.fill_diagonal(affinity, 0.0)
    nearest = affinity.max(axis=1).astype(np.float64)
    return np.asarray(-2 * np.log2(np.clip(nearest, 1e-9, 1.0)))
