"""A proof-reader: the places of a text that a model expected least.

By -ln p(token | what the model reads): all that is before it, or, of a bidirectional model, all that is around it. If
errors fall anywhere and put any token anywhere, this is the best order to look for them in (Neyman & Pearson 1933).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rnngen.corpus.tokenizer import Tokenizer, pieces_of
from rnngen.evaluation.evaluate import held_out_nats
from rnngen.generation.context import not_finite
from rnngen.model.cloze import ClozeLM
from rnngen.model.language_model import RecurrentLM
from rnngen.model.network import Network

APART = 3
"""Tokens between two places that are listed: an error makes its neighbours improbable too."""
CONTEXT = 200
SHOWN = 18  # characters on either side


@dataclass(frozen=True)
class Spot:
    """A place that was not expected.

    Attributes:
        position: of the token in the text, from 0.
        line, column: of its first character, from 1.
        nats: -ln p.
        token: what stands there.
        expected: the likeliest token instead, and its probability.
        left, right: the text around it.
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


def least_expected(model: Network, tokenizer: Tokenizer, tokens: NDArray[np.integer[Any]], count: int) -> list[Spot]:
    """The least expected places of a text, the worst first.

    Args:
        model: the network; on any device.
        tokenizer: of the run.
        tokens: the text in its ids, (N,).
        count: how many places, at most; characters that the model does not know are none, nor are those that are
            the likeliest where they stand.

    Raises:
        RnngenError: the model's logits are not finite.
    """
    nats = np.empty(len(tokens), np.float32)
    held_out_nats(model, tokens, each=nats)
    if not np.isfinite(nats).all():
        raise not_finite()
    if tokenizer.unknown_id is not None:
        nats[tokens == tokenizer.unknown_id] = -np.inf  # what the model has no name for it cannot judge
    expected: dict[int, tuple[int, float]] = {}  # the chosen places, and what was likeliest there
    for position in _highest(nats, count * (2 * APART + 1)):  # each that is chosen rules out so many at most
        if len(expected) == count or nats[position] == -np.inf:
            break
        if all(abs(position - other) > APART for other in expected):
            log_p = _logits_at(model, tokens, position).log_softmax(-1)
            if tokenizer.unknown_id is not None:
                log_p[tokenizer.unknown_id] = -torch.inf
            best = int(log_p.argmax())
            if best != tokens[position]:  # else nothing is likelier there
                expected[position] = best, float(log_p[best].exp())
    where = _lines_and_columns(tokenizer, tokens, expected)
    return [
        _describe(tokenizer, tokens, position, float(nats[position]), *expected[position], *where[position])
        for position in expected
    ]


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
    tokenizer: Tokenizer, tokens: NDArray[np.integer[Any]], position: int, nats: float, best: int, probability: float,
    line: int, column: int,
) -> Spot:  # fmt: skip
    around = tokens[max(0, position - 4 * SHOWN) : position], tokens[position + 1 : position + 1 + 4 * SHOWN]
    left, right = ("".join(pieces_of(tokenizer, part.tolist())) for part in around)
    return Spot(
        position=position, line=line, column=column, nats=nats, token=tokenizer.decode([int(tokens[position])]),
        expected=tokenizer.decode([best]), probability=probability, left=left[-SHOWN:], right=right[:SHOWN],
    )  # fmt: skip


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
