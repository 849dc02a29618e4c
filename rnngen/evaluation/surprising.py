"""Proof-reading: the positions of a text that surprise a model most.

Positions are first ranked by -ln p(token | what the model reads): everything before it or, for a bidirectional model,
everything around it. If errors can occur anywhere and put any token there, this is the best order to check positions in
(Neyman & Pearson 1933), as far as p is right. The first positions of that order are then scored again, by the
probability that fills of gaps are ranked by (``infilling/readers.py``): that of the token and of its alternatives, each
together with the text on its other side, as each reader sees it. That takes a hundred times as long and finds errors
much better.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from rnngen.corpus.documents import BOUNDARY
from rnngen.corpus.tokenizer import Tokenizer, pieces_of
from rnngen.engine.probabilities import normalized, not_finite
from rnngen.evaluation.gaps import CONTEXT
from rnngen.evaluation.scoring import held_out_nats
from rnngen.graphemes import boundary_after, boundary_before
from rnngen.infilling.filler import Filler
from rnngen.infilling.gapped_text import EncodedGap
from rnngen.model.language_model import Network

APART = 3
"""Minimum distance in tokens between two listed positions: an error makes its neighbours improbable too."""
_NUMBERS, _ALTERNATIVES = 1 << 18, (32, 128)
"""The number of alternatives to a token is the first of these divided by the vocabulary size, within this range."""
SHOWN = 18  # characters on each side


@dataclass(frozen=True)
class SurprisingPosition:
    """A position whose token the model did not expect.

    Attributes:
        position: index of the token in the text, from 0.
        line, column: of its first character, from 1, as editors count them: a line ends with a line feed, and every
            character counts as one, including tabs, wide characters and combining marks.
        nats: -ln p of the token, by the second score.
        token: the token in the text.
        expected, probability: the most likely token instead, and its probability.
        left, right: the text around it.
        times: how often the same word was found with the same token.
    """

    position: int
    line: int
    column: int
    nats: float
    token: str
    expected: str
    probability: float
    left: str
    right: str
    times: int = 1


def surprising_positions(
    model: Network,
    filler: Filler,
    tokens: NDArray[np.integer[Any]],
    count: int,
    on_position: Callable[[int], object] | None = None,
) -> list[SurprisingPosition]:
    """The positions of a text that surprise a model most, the most surprising first.

    Unknown characters and tokens that are the most likely at their position are never listed. Positions in the same
    word count as one.

    Args:
        model: the network; on any device.
        filler: the same network.
        tokens: token ids of the text, (N,).
        count: maximum number of positions.
        on_position: called with the number of positions that have been scored again.

    Raises:
        RnngenError: the model's logits are not finite.
    """
    nats = np.empty(len(tokens), np.float32)
    held_out_nats(model, tokens, each=nats)
    if not np.isfinite(nats).all():
        raise not_finite()
    tokenizer = filler.tokenizer
    if tokenizer.unknown_id is not None:
        nats[tokens == tokenizer.unknown_id] = -np.inf  # the model has no probability for what it does not know
    positions = [position for position in _highest(nats, candidates_for(count)) if nats[position] > -np.inf]
    scores = score_tokens(model, filler, tokens, positions, on_position)
    chosen: list[int] = []
    for position in sorted(scores, key=lambda position: -scores[position].nats):
        apart = all(abs(position - other) > APART for other in chosen)
        if apart and scores[position].best != tokens[position]:  # otherwise no token is more likely there
            chosen.append(position)
    lines_and_columns = _lines_and_columns(tokenizer, tokens, chosen)
    words: dict[str, SurprisingPosition] = {}  # the most surprising position of each
    for position in chosen:
        found = _describe(tokenizer, tokens, position, scores[position], *lines_and_columns[position])
        word = _word_around(found) or str(position)
        words[word] = replace(words[word], times=words[word].times + 1) if word in words else found
    return list(words.values())[:count]


def candidates_for(count: int) -> int:
    """The number of positions that are scored again in order to list ``count``."""
    return max(200, 10 * count)


class TokenScore(NamedTuple):
    """How well a token agrees with the text on both sides of it.

    Attributes:
        nats: -ln p of the token.
        best: the most likely token at its position.
        probability: the probability of ``best``.
    """

    nats: float
    best: int
    probability: float


def score_tokens(
    model: Network,
    filler: Filler,
    tokens: NDArray[np.integer[Any]],
    positions: Sequence[int],
    on_position: Callable[[int], object] | None = None,
) -> dict[int, TokenScore]:
    """Score tokens, and the alternatives to them, together with the text on both sides.

    Args:
        model: the network; on any device.
        filler: the same network.
        tokens: token ids of the text, (N,).
        positions: positions of the tokens to score.
        on_position: called with the number of positions done.
    """
    alternatives = int(np.clip(_NUMBERS // model.vocab_size, *_ALTERNATIVES))
    known = [token for token in range(model.vocab_size) if token not in filler.banned]
    found = {}
    for done, position in enumerate(positions):
        if on_position is not None:
            on_position(done)
        token, others = int(tokens[position]), known
        before, after = tokens[max(0, position - CONTEXT) : position], tokens[position + 1 : position + 1 + CONTEXT]
        if len(known) > alternatives:
            logits = _logits_between(model, before, after)
            others = [known[i] for i in logits[known].topk(alternatives).indices.tolist()]
        compared = [token, *(other for other in others if other != token)]
        gap = EncodedGap([1], after.tolist())
        log_p = normalized(filler.readers.log_p(before.tolist(), [gap], [[[token]] for token in compared]))
        best = int(log_p.argmax())
        found[position] = TokenScore(-float(log_p[0]), compared[best], float(np.exp(log_p[best])))
    return found


@torch.no_grad()
def _logits_between(model: Network, before: NDArray[np.integer[Any]], after: NDArray[np.integer[Any]]) -> torch.Tensor:
    """Logits of the token between two texts, (V,)."""
    ids = (torch.from_numpy(part.astype(np.int64)).to(model.device) for part in (before, after))
    return model.logits_between(*ids)


def _highest(values: NDArray[np.float32], count: int) -> list[int]:
    """The positions of the ``count`` highest values, in descending order of value; of equal ones the first."""
    if count < len(values):
        threshold = np.partition(values, len(values) - count)[len(values) - count]
        above = np.flatnonzero(values > threshold)
        positions = np.append(above, np.flatnonzero(values == threshold)[: count - len(above)])
    else:
        positions = np.arange(len(values))
    ordered: list[int] = positions[np.argsort(-values[positions], kind="stable")].tolist()
    return ordered


def _lines_and_columns(
    tokenizer: Tokenizer, tokens: NDArray[np.integer[Any]], positions: Iterable[int]
) -> dict[int, tuple[int, int]]:
    """Line and column, from 1, of the first character of the tokens at these positions; a document ends its line."""
    ends = (b"\n", BOUNDARY.encode())
    counts = [min(255, sum(map(token.count, ends))) for token in tokenizer.token_bytes()]
    newlines = np.array(counts, np.uint8)[tokens]
    found: dict[int, tuple[int, int]] = {}
    line = column = 1
    done = 0
    for position in sorted(positions):
        last = np.flatnonzero(newlines[done:position])
        line += int(newlines[done:position].sum())
        if len(last):
            done, column = done + int(last[-1]), 1
        read = "".join(pieces_of(tokenizer, tokens[done:position].tolist()))
        column += len(read.rpartition("\n")[2])
        found[position], done = (line, column), position
    return found


def _describe(
    tokenizer: Tokenizer, tokens: NDArray[np.integer[Any]], position: int, score: TokenScore, line: int, column: int
) -> SurprisingPosition:
    around = tokens[max(0, position - 4 * SHOWN) : position], tokens[position + 1 : position + 1 + 4 * SHOWN]
    left, right = ("".join(pieces_of(tokenizer, part.tolist())) for part in around)
    token = tokenizer.shown([int(tokens[position])])
    left = tokenizer.join([left, token]).removesuffix(token)  # with the space between them, if there is one
    right = tokenizer.join([token, right]).removeprefix(token)
    return SurprisingPosition(
        position=position,
        line=line,
        column=column,
        nats=score.nats,
        token=token,
        expected=tokenizer.shown([score.best]),
        probability=score.probability,
        left=left[boundary_after(left, len(left) - SHOWN) :],
        right=right[: boundary_before(right, SHOWN)],
    )


def _word_around(found: SurprisingPosition) -> str | None:
    """The word that contains a position, and where in it; None for a position between words."""
    before, after = re.search(r"\w*$", found.left), re.match(r"\w*", found.right)
    assert before is not None
    assert after is not None
    word = before.group() + after.group()
    return f"{before.group()}\0{found.token}\0{after.group()}" if word else None
