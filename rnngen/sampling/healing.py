"""The end of a prompt that is no whole token yet, and the tokens that it may be the beginning of.

The space before a word belongs to the word's token, and an unfinished word is no token of the text that it becomes.
So the end of a prompt is held back (``Tokenizer.hold_back``), and what is drawn first are tokens whose bytes begin with
those that are held back. Such a sequence is a *cover* of them (Vieira et al. 2024, "From Language Models over Tokens to
Language Models over Characters", arXiv 2412.03719): t1 … tk spell a text that begins with them, t1 … tk-1 only a part
of them. Every sequence of tokens whose text goes on from the prompt begins with exactly one cover, and

    p(what was held back | before it) = Z = Σ p(cover),    p(cover | prompt) = p(cover) / Z.

So a text that begins with a cover, drawn by these probabilities, has the model's own distribution given the prompt.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.tokenizer import Tokenizer
from rnngen.engine.context import Context, Snapshot
from rnngen.engine.probabilities import log_softmax

Floats = NDArray[np.float64]

MOST_STREAMS = 32
"""Ways to spell a part of what is held back that are followed, the likeliest first."""
LEAST_SHARE = 1e-12
"""Of the likeliest way, or of all covers that are known, below which a way is not followed."""


class Way(NamedTuple):
    """Tokens that spell a part of what was held back.

    Attributes:
        ids: the tokens.
        parent: the index of the way without the last of them.
        log_p: ln of their probability under the distribution that is drawn from.
        network_log_p: under the network alone.
        spelled: how many bytes.
    """

    ids: tuple[int, ...]
    parent: int
    log_p: float
    network_log_p: float
    spelled: int


@dataclass(frozen=True)
class Covers:
    """All covers of the bytes that were held back, C in all: each is one of R ways and a last token.

    Attributes:
        held: the bytes.
        ways: what stands before the last token, (R,).
        streams: what has read them, R streams.
        rows: each cover's way, (C,).
        tokens: each cover's last token, (C,).
        logits: of the last token, as they are drawn from, (C,).
        log_p: ln p of the cover, under the distribution that is drawn from, (C,).
        network_log_p: under the network alone, (C,).
        longer: whether it spells more than was held back, (C,).
        banned: whether it may not be drawn, (C,).
        table: the bytes of each token, (V,).
    """

    held: bytes
    ways: Sequence[Way]
    streams: Snapshot
    rows: NDArray[np.int64]
    tokens: NDArray[np.int64]
    logits: Floats
    log_p: Floats
    network_log_p: Floats
    longer: NDArray[np.bool_]
    banned: NDArray[np.bool_]
    table: Sequence[bytes]

    @property
    def log_z(self) -> float:
        """Ln p of what was held back, under the distribution that is drawn from."""
        return float(np.logaddexp.reduce(self.log_p))

    @property
    def network_log_z(self) -> float:
        """Ln p of what was held back, under the network alone."""
        return float(np.logaddexp.reduce(self.network_log_p))

    def ids(self, cover: int) -> tuple[int, ...]:
        """All tokens of a cover."""
        return (*self.ways[self.rows[cover]].ids, int(self.tokens[cover]))

    def last(self, cover: int) -> tuple[int, bytes, Snapshot]:
        """The last token of a cover, the bytes of all of it, and what has read the tokens before the last."""
        row, token = int(self.rows[cover]), int(self.tokens[cover])
        return token, self.held[: self.ways[row].spelled] + self.table[token], self.streams.select([row])


def find_covers(context: Context, held: bytes, tokenizer: Tokenizer, ban: Sequence[str] = ()) -> Covers:
    """The covers of some bytes, and their probabilities.

    All ways to spell a part of the bytes are followed together, the shorter parts first, a batched step for each
    length. Those are left out that are less likely than ``LEAST_SHARE`` of the likeliest that spells the same, or of
    the covers that were found, and those beyond ``MOST_STREAMS``.

    Args:
        context: a single stream that has read what stands before; it is left as it was.
        held: at least one byte.
        tokenizer: whose tokens include every byte, so that there is a cover.
        ban: a cover that spells one of these, and not within ``held`` alone, may not be drawn. Then all ways are
            followed, up to ``MOST_STREAMS``, so that one remains.

    Raises:
        RnngenError: the model's logits are not finite.
    """
    table, start = tokenizer.token_bytes(), context.snapshot
    ways: list[Way] = []
    streams: list[Snapshot] = []  # a part for each length that is spelled
    waiting: list[list[Way]] = [[] for _ in held]
    waiting[0].append(Way((), 0, 0.0, 0.0, 0))
    found: list[tuple[NDArray[np.int64], ...]] = []
    numbers: list[tuple[Floats, ...]] = []
    known = -np.inf  # ln p of all covers so far
    for at, arrived in enumerate(waiting):
        going = _likeliest(arrived, known, 0.0 if ban else LEAST_SHARE)
        if not going:
            continue
        if at:
            context.snapshot = Snapshot.join(streams).select([way.parent for way in going])
            context.read([way.ids[-1] for way in going])
        prediction = context.prediction().astype(np.float64)
        log_p = log_softmax(prediction)
        network = log_softmax(context.network) if context.mixed else log_p
        rest = held[at:]
        ends = np.array(tokenizer.tokens_beginning(rest), np.int64)
        within = tokenizer.tokens_within(rest)
        for row, way in enumerate(going):
            found.append((np.full(len(ends), len(ways) + row), ends))
            own, networks = way.log_p + log_p[row, ends], way.network_log_p + network[row, ends]
            numbers.append((prediction[row, ends], own, networks))
            known = float(np.logaddexp.reduce([known, *own]))
            for token in within:
                to = at + len(table[token])
                more = float(way.log_p + log_p[row, token]), float(way.network_log_p + network[row, token])
                waiting[to].append(Way((*way.ids, token), len(ways) + row, *more, to))
        ways += going
        streams.append(context.snapshot)
    context.snapshot = start
    rows, tokens = (np.concatenate(parts) for parts in zip(*found, strict=True))
    logits, own, networks = (np.concatenate(parts) for parts in zip(*numbers, strict=True))
    overlaps = [len(held) - ways[row].spelled for row in rows.tolist()]
    last = [table[token] for token in tokens.tolist()]
    longer = np.array([len(content) > overlap for content, overlap in zip(last, overlaps, strict=True)])
    banned = np.zeros(len(rows), bool)
    for part in (text.encode(errors="surrogatepass") for text in ban):
        # from where on it would end beyond what is held back
        begins = (max(0, overlap - len(part) + 1) for overlap in overlaps)
        banned |= [part in content[begin:] for content, begin in zip(last, begins, strict=True)]
    return Covers(held, ways, Snapshot.join(streams), rows, tokens, logits, own, networks, longer, banned, table)


def _likeliest(arrived: Sequence[Way], known: float, share: float) -> list[Way]:
    """The ways that are followed."""
    if not arrived:
        return []
    ordered = sorted(arrived, key=lambda way: -max(way.log_p, way.network_log_p))[:MOST_STREAMS]
    least = max(known, ordered[0].log_p) + math.log(share) if share else -math.inf
    return [way for way in ordered if way.log_p >= least or way.network_log_p >= least]
