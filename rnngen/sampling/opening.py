"""How the texts after a prompt begin: for drawing them token by token, and for searching."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rnngen.corpus.tokenizer import Tokenizer
from rnngen.engine.context import Context, Snapshot
from rnngen.engine.probabilities import Array, log_softmax
from rnngen.sampling import filters
from rnngen.sampling.healing import Covers, find_covers


@dataclass(frozen=True)
class Opening:
    """How the texts after one prompt begin: with forced tokens, and then a cover of the held-back bytes.

    Attributes:
        inside: ids of held-back text that was read after all, because the forced text settles its tokens.
        forced: ids that are drawn first, whatever their probability.
        covers: of which one is drawn next; None: any token.
        known: the number of bytes of the first draw that belong to the prompt.
        log_p: ln p of the prompt's held-back end given ``inside``, under the distribution that is drawn from.
        network_log_p: the same under the network alone.
        not_first: ids that may not come first: the boundary, where the document would be empty.
    """

    inside: tuple[int, ...]
    forced: tuple[int, ...]
    covers: Covers | None
    known: int
    log_p: float
    network_log_p: float
    not_first: tuple[int, ...] = ()

    @property
    def steps(self) -> int:
        """The number of draws that are not simply of any token."""
        return len(self.forced) + (self.covers is not None)


def open_text(
    context: Context, held: str, tokenizer: Tokenizer, *, force: str = "", ban: Sequence[str] = ()
) -> Opening:
    """Find out how a text can begin.

    Args:
        context: a single stream that has read the prompt up to its held-back end; it reads ``inside``.
        held: the end of the prompt, see ``Tokenizer.hold_back``.
        tokenizer: the model's.
        force: the beginning of the text.
        ban: see ``find_covers``.

    Raises:
        RnngenError: the model's logits are not finite.
    """
    content = held.encode()
    covers = find_covers(context, content, tokenizer, ban) if content else None
    log_p, network_log_p = (covers.log_z, covers.network_log_z) if covers else (0.0, 0.0)
    known = len(content)
    if not force:
        return Opening((), (), covers, known, log_p, network_log_p)
    table = tokenizer.token_bytes()
    ids, rest = tokenizer.hold_back(held + force)
    forced, inside = ids.tolist(), []
    while known and forced and len(table[forced[0]]) <= known:
        token = forced.pop(0)
        log_p -= float(log_softmax(context.prediction())[0, token])
        network_log_p -= float(log_softmax(context.network)[0, token])
        context.read([token])
        inside.append(token)
        known -= len(table[token])
    start = context.snapshot
    if rest:
        context.read_text(forced)
    covers = find_covers(context, rest.encode(), tokenizer, ban) if rest else None
    context.snapshot = start
    return Opening(tuple(inside), tuple(forced), covers, known, log_p, network_log_p)


class Start(NamedTuple):
    """A prompt that has been read.

    Attributes:
        ids: the tokens that were read.
        stream: the state after them, one stream.
        opening: how the texts that follow begin.
    """

    ids: Sequence[int]
    stream: Snapshot
    opening: Opening


class Branch(NamedTuple):
    """A starting point of a search.

    Attributes:
        log_p: ln p of the tokens read since the prompt, under the distribution that is drawn from.
        nats: -ln p of them under the network alone.
        known: the number of bytes of the next token that belong to the prompt.
    """

    log_p: float
    nats: float
    known: int


def branches(context: Context, opening: Opening, banned: Sequence[int]) -> tuple[list[Branch], Array]:
    """The starting points of a search for texts after a prompt, R of them, and ln p of each one's next token, (R, V).

    Args:
        context: a single stream that has read the prompt up to its held-back end; becomes R streams.
        opening: how a text can begin; nothing is forced.
        banned: ids that may not come next.
    """
    covers = opening.covers
    if covers is None:
        return [Branch(0.0, 0.0, 0)], filters.ban(log_softmax(context.prediction()), [*banned, *opening.not_first])
    found: list[Branch] = []
    parts: list[Array] = []
    streams: list[Snapshot] = []
    exact = np.flatnonzero(~covers.longer)
    if len(exact):  # they spell the prompt exactly: any token may follow
        context.snapshot = covers.streams.select(covers.rows[exact].tolist())
        context.read(covers.tokens[exact].tolist())
        parts.append(filters.ban(log_softmax(context.prediction()), banned))
        streams.append(context.snapshot)
        for log_p, network_log_p in zip(covers.log_p[exact], covers.network_log_p[exact], strict=True):
            found.append(Branch(float(log_p) - opening.log_p, opening.network_log_p - float(network_log_p), 0))
    longer = np.flatnonzero(covers.longer & ~covers.banned)
    for row in np.unique(covers.rows[longer]).tolist():
        way, cover = covers.ways[row], longer[covers.rows[longer] == row]
        nats = opening.network_log_p - way.network_log_p
        found.append(Branch(way.log_p - opening.log_p, nats, len(covers.held) - way.spelled))
        restricted = np.full((1, len(covers.table)), -np.inf)
        restricted[0, covers.tokens[cover]] = covers.log_p[cover] - way.log_p
        parts.append(restricted)
        streams.append(covers.streams.select([row]))
    context.snapshot = Snapshot.join(streams)
    return found, np.concatenate(parts)
