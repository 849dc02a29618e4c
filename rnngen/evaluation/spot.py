"""A proof-reader: the places of a text that a model expected least.

First by -ln p(token | what the model reads): all that is before it, or, of a bidirectional model, all that is around
it. If errors fall anywhere and put any token anywhere, this is the best order to look for them in (Neyman & Pearson
1933), as far as p is right. So the places that come first are looked at again, by the p that fills of gaps are ranked
by (``infilling/readers.py``): the token and what could stand in its place, each together with the text on its other
side, as each reader sees it. That takes a hundred times as long, and tells much better.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from rnngen.corpus.tokenizer import Tokenizer, pieces_of
from rnngen.engine.probabilities import normalized, not_finite
from rnngen.evaluation.evaluate import held_out_nats
from rnngen.infilling.filler import Filler
from rnngen.infilling.gapped_text import EncodedGap
from rnngen.model.cloze import ClozeLM
from rnngen.model.language_model import RecurrentLM
from rnngen.model.network import Network

APART = 3
"""Tokens between two places that are listed: an error makes its neighbours improbable too."""
CONTEXT = 200
_NUMBERS, _ALTERNATIVES = 1 << 18, (32, 128)
"""Tokens that could stand in a place: so many numbers over the vocabulary, at least and at most."""
SHOWN = 18  # characters on either side


@dataclass(frozen=True)
class Spot:
    """A place that was not expected.

    Attributes:
        position: of the token in the text, from 0.
        line, column: of its first character, from 1, as editors count: a line ends with a line feed, and each character
            counts once, a tab, a wide one and a combining mark too, whatever it takes on the screen.
        nats: -ln p, by the second look.
        token: what stands there.
        expected, probability: the likeliest token instead.
        left, right: the text around it.
        times: how often the same word came up for the same token.
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


def least_expected(
    model: Network,
    filler: Filler,
    tokens: NDArray[np.integer[Any]],
    count: int,
    on_look: Callable[[int], object] | None = None,
) -> list[Spot]:
    """The least expected places of a text, the worst first.

    Args:
        model: the network; on any device.
        filler: the same network.
        tokens: the text in its ids, (N,).
        count: how many places, at most; characters that the model does not know are none, nor are those that are
            the likeliest where they stand. Places in the same word count as one.
        on_look: told how many places were looked at again.

    Raises:
        RnngenError: the model's logits are not finite.
    """
    nats = np.empty(len(tokens), np.float32)
    held_out_nats(model, tokens, each=nats)
    if not np.isfinite(nats).all():
        raise not_finite()
    tokenizer = filler.tokenizer
    if tokenizer.unknown_id is not None:
        nats[tokens == tokenizer.unknown_id] = -np.inf  # what the model has no name for it cannot judge
    places = [position for position in _highest(nats, looks(count)) if nats[position] > -np.inf]
    again = look_again(model, filler, tokens, places, on_look)
    chosen: list[int] = []
    for position in sorted(again, key=lambda position: -again[position].nats):
        apart = all(abs(position - other) > APART for other in chosen)
        if apart and again[position].best != tokens[position]:  # else nothing is likelier there
            chosen.append(position)
    where = _lines_and_columns(tokenizer, tokens, chosen)
    words: dict[str, Spot] = {}  # the worst place of each
    for position in chosen:
        found = _describe(tokenizer, tokens, position, again[position], *where[position])
        word = _word_around(found) or str(position)
        words[word] = replace(words[word], times=words[word].times + 1) if word in words else found
    return list(words.values())[:count]


def looks(count: int) -> int:
    """How many places are looked at again so that ``count`` can be listed."""
    return max(200, 10 * count)


class Look(NamedTuple):
    """A token, judged by how it goes with the text on either side.

    Attributes:
        nats: -ln p.
        best: the likeliest token there.
        probability: of that.
    """

    nats: float
    best: int
    probability: float


def look_again(
    model: Network,
    filler: Filler,
    tokens: NDArray[np.integer[Any]],
    positions: Sequence[int],
    on_look: Callable[[int], object] | None = None,
) -> dict[int, Look]:
    """Judge tokens by how they, and what could stand in their place, go with the text on either side.

    Args:
        model: the network; on any device.
        filler: the same network.
        tokens: the text in its ids, (N,).
        positions: of the tokens.
        on_look: told how many are done.
    """
    most = int(np.clip(_NUMBERS // model.vocab_size, *_ALTERNATIVES))
    known = [token for token in range(model.vocab_size) if token not in filler.banned]
    found = {}
    for done, position in enumerate(positions):
        if on_look is not None:
            on_look(done)
        token, others = int(tokens[position]), known
        if len(known) > most:
            logits = _logits_at(model, tokens, position)
            others = [known[i] for i in logits[known].topk(most).indices.tolist()]
        alternatives = [token, *(other for other in others if other != token)]
        before, after = tokens[max(0, position - CONTEXT) : position], tokens[position + 1 : position + 1 + CONTEXT]
        place = EncodedGap([1], after.tolist())
        log_p = normalized(filler.readers.log_p(before.tolist(), [place], [[[token]] for token in alternatives]))
        best = int(log_p.argmax())
        found[position] = Look(-float(log_p[0]), alternatives[best], float(np.exp(log_p[best])))
    return found


def _highest(values: NDArray[np.float32], many: int) -> list[int]:
    """Where the highest values are, at least ``many`` of them, the highest first and of equal ones the first."""
    if many < len(values):
        least = np.partition(values, len(values) - many)[len(values) - many]
        places = np.flatnonzero(values >= least)
    else:
        places = np.arange(len(values))
    ordered: list[int] = places[np.argsort(-values[places], kind="stable")].tolist()
    return ordered


def _lines_and_columns(
    tokenizer: Tokenizer, tokens: NDArray[np.integer[Any]], positions: Iterable[int]
) -> dict[int, tuple[int, int]]:
    """Line and column, from 1, of the first character of each of these tokens."""
    newlines = np.array([min(255, token.count(b"\n")) for token in tokenizer.token_bytes()], np.uint8)[tokens]
    found: dict[int, tuple[int, int]] = {}
    line = column = 1
    done = 0
    for position in sorted(positions):
        ends = np.flatnonzero(newlines[done:position])
        line += int(newlines[done:position].sum())
        if len(ends):
            done, column = done + int(ends[-1]), 1
        read = "".join(pieces_of(tokenizer, tokens[done:position].tolist()))
        column += len(read.rpartition("\n")[2])
        found[position], done = (line, column), position
    return found


def _describe(
    tokenizer: Tokenizer, tokens: NDArray[np.integer[Any]], position: int, look: Look, line: int, column: int
) -> Spot:
    around = tokens[max(0, position - 4 * SHOWN) : position], tokens[position + 1 : position + 1 + 4 * SHOWN]
    left, right = ("".join(pieces_of(tokenizer, part.tolist())) for part in around)
    return Spot(
        position=position,
        line=line,
        column=column,
        nats=look.nats,
        token=tokenizer.decode([int(tokens[position])]),
        expected=tokenizer.decode([look.best]),
        probability=look.probability,
        left=left[-SHOWN:],
        right=right[:SHOWN],
    )


def _word_around(spot: Spot) -> str | None:
    """The word that a place lies in, and where; None for one between words."""
    before, after = re.search(r"\w*$", spot.left), re.match(r"\w*", spot.right)
    assert before is not None
    assert after is not None
    word = before.group() + after.group()
    return f"{before.group()}\0{spot.token}\0{after.group()}" if word else None


@torch.no_grad()
def _logits_at(model: Network, tokens: NDArray[np.integer[Any]], position: int) -> torch.Tensor:
    """Logits of the token at a position, (V,), from what is near it."""

    def readout(direction: RecurrentLM, read: NDArray[np.integer[Any]]) -> torch.Tensor:
        state = direction.start_state(1)
        if len(read):
            ids = torch.from_numpy(read.astype(np.int64))[:, None].to(model.device)
            state = direction.read(ids, state)[2]
        return direction.readout(state)[0]

    before = tokens[max(0, position - CONTEXT) : position]
    if isinstance(model, ClozeLM):
        after = tokens[position + 1 : position + 1 + CONTEXT][::-1]
        return readout(model.left_to_right, before) + readout(model.right_to_left, after)
    assert isinstance(model, RecurrentLM)
    return readout(model, before)
