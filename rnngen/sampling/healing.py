"""Token healing: the end of a prompt that is not a whole token yet, and the tokens that may begin with it.

The space before a word belongs to the word's token, and an unfinished word is not a token of the text that it becomes.
So the end of a prompt is held back (``Tokenizer.hold_back``), and the first tokens drawn are ones whose bytes begin
with the bytes that are held back. Such a sequence is a *cover* of them (Vieira et al. 2024, "From Language Models over
Tokens to Language Models over Characters", arXiv 2412.03719): t1 … tk spell a text that begins with them, t1 … tk-1
only a part of them. Every sequence of tokens whose text continues the prompt begins with exactly one cover, and

    p(held back | before it) = Z = Σ p(cover),    p(cover | prompt) = p(cover) / Z.

So a text that begins with a cover, drawn with these probabilities, has the model's own distribution given the prompt.
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
from rnngen.errors import UsageError

Floats = NDArray[np.float64]

MAX_STREAMS = 32
"""The maximum number of ways to spell a part of the held-back bytes that are followed, the most likely first."""
MIN_SHARE = 1e-12
"""Of the most likely way, or of all covers found so far: a way less likely than that is not followed."""


class Way(NamedTuple):
    """Tokens that spell a part of the held-back bytes.

    Attributes:
        ids: the tokens.
        parent: the index of the way without the last of them.
        log_p: ln p of the tokens under the distribution that is drawn from.
        network_log_p: ln p under the network alone.
        spelled: the number of bytes that they spell.
    """

    ids: tuple[int, ...]
    parent: int
    log_p: float
    network_log_p: float
    spelled: int


@dataclass(frozen=True)
class Covers:
    """The C covers of the held-back bytes: each is one of R ways, and a last token.

    Attributes:
        held: the held-back bytes.
        ways: the tokens before the last one, (R,).
        streams: the states after the ways, R streams.
        rows: the index of each cover's way, (C,).
        tokens: the last token of each cover, (C,).
        logits: of the last token, under the distribution that is drawn from, (C,).
        log_p: ln p of each cover, under the distribution that is drawn from, (C,).
        network_log_p: ln p under the network alone, (C,).
        longer: whether a cover spells more than was held back, (C,).
        banned: whether a cover may not be drawn, (C,).
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
        """Ln p of the held-back bytes, under the distribution that is drawn from."""
        return float(np.logaddexp.reduce(self.log_p))

    @property
    def network_log_z(self) -> float:
        """Ln p of the held-back bytes, under the network alone."""
        return float(np.logaddexp.reduce(self.network_log_p))

    def ids(self, cover: int) -> tuple[int, ...]:
        """All tokens of a cover."""
        return (*self.ways[self.rows[cover]].ids, int(self.tokens[cover]))

    def last(self, cover: int) -> tuple[int, bytes, Snapshot]:
        """The last token of a cover, the bytes of the whole cover, and the state before its last token."""
        row, token = int(self.rows[cover]), int(self.tokens[cover])
        return token, self.held[: self.ways[row].spelled] + self.table[token], self.streams.select([row])


def find_covers(context: Context, held: bytes, tokenizer: Tokenizer, ban: Sequence[str] = ()) -> Covers:
    """Find the covers of some bytes, and their probabilities.

    All ways to spell a part of the bytes are followed together, shorter parts first, with one batched step for each
    length. A way is dropped if it is less likely than ``MIN_SHARE`` of the most likely way that spells the same bytes,
    or of the covers found so far, or if there are ``MAX_STREAMS`` more likely ones.

    Args:
        context: a single stream that has read the text before; it is left unchanged.
        held: at least one byte.
        tokenizer: of the model; its tokens include every byte, or one that begins with them, so that there is a cover.
        ban: a cover that spells one of these texts, other than within ``held``, may not be drawn. All ways are then
            followed, up to ``MAX_STREAMS``, so that one remains.

    Raises:
        RnngenError: the model's logits are not finite.
        UsageError: no cover may be drawn.
    """
    table, start = tokenizer.token_bytes(), context.snapshot
    ways: list[Way] = []
    streams: list[Snapshot] = []  # one part for each length that is spelled
    waiting: list[list[Way]] = [[] for _ in held]
    waiting[0].append(Way((), 0, 0.0, 0.0, 0))
    found: list[tuple[NDArray[np.int64], ...]] = []
    numbers: list[tuple[Floats, ...]] = []
    known = -np.inf  # ln p of all covers so far
    for at, candidates in enumerate(waiting):
        going = _most_likely(candidates, known, 0.0 if ban else MIN_SHARE)
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
        # where a text would have to begin to end beyond the held-back bytes
        begins = (max(0, overlap - len(part) + 1) for overlap in overlaps)
        banned |= [part in content[begin:] for content, begin in zip(last, begins, strict=True)]
    if banned.all():
        raise UsageError(
            "`ban` leaves nothing to write", found=f"no other end of a text that ends in {held.decode()!r}"
        )
    return Covers(held, ways, Snapshot.join(streams), rows, tokens, logits, own, networks, longer, banned, table)


def _most_likely(ways: Sequence[Way], known: float, share: float) -> list[Way]:
    """The ways that are followed."""
    if not ways:
        return []
    ordered = sorted(ways, key=lambda way: -max(way.log_p, way.network_log_p))[:MAX_STREAMS]
    least = max(known, ordered[0].log_p) + math.log(share) if share else -math.inf
    return [way for way in ordered if way.log_p >= least or way.network_log_p >= least]
