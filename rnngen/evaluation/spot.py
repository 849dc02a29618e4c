"""A proof-reader: the places of a text that a model expected least.

By -ln p(token | what the model reads): all that is before it, or, of a bidirectional model, all that is around it. If
errors fall anywhere and put any token anywhere, this is the best order to look for them in (Neyman & Pearson 1933).
"""

from __future__ import annotations

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
        count: how many places, at most; characters that the model does not know are none.

    Raises:
        RnngenError: the model's logits are not finite.
    """
    nats = np.empty(len(tokens), np.float32)
    held_out_nats(model, tokens, each=nats)
    if not np.isfinite(nats).all():
        raise not_finite()
    if tokenizer.unknown_id is not None:
        nats[tokens == tokenizer.unknown_id] = -np.inf  # what the model has no name for it cannot judge
    chosen: list[int] = []
    for position in np.argsort(-nats, kind="stable").tolist():
        if len(chosen) == count or nats[position] == -np.inf:
            break
        if all(abs(position - other) > APART for other in chosen):
            chosen.append(position)
    table = tokenizer.token_bytes()
    newlines = np.array([token.count(b"\n") for token in table])[tokens]
    lines = np.cumsum(newlines)
    return [
        _describe(model, tokenizer, tokens, position, float(nats[position]), newlines, lines) for position in chosen
    ]


def _describe(
    model: Network, tokenizer: Tokenizer, tokens: NDArray[np.integer[Any]], position: int, nats: float,
    newlines: NDArray[np.integer[Any]], lines: NDArray[np.integer[Any]],
) -> Spot:  # fmt: skip
    line_start = int(np.flatnonzero(newlines[:position])[-1]) if newlines[:position].any() else 0
    begun = "".join(pieces_of(tokenizer, tokens[line_start:position].tolist())).rpartition("\n")[2]
    log_p = _logits_at(model, tokens, position).log_softmax(-1)
    if tokenizer.unknown_id is not None:
        log_p[tokenizer.unknown_id] = -torch.inf
    best = int(log_p.argmax())
    around = tokens[max(0, position - 4 * SHOWN) : position], tokens[position + 1 : position + 1 + 4 * SHOWN]
    left, right = ("".join(pieces_of(tokenizer, part.tolist())) for part in around)
    return Spot(
        position=position, line=1 + int(lines[position] - newlines[position]),
        column=1 + len(begun), nats=nats, token=tokenizer.decode([int(tokens[position])]),
        expected=tokenizer.decode([best]), probability=float(log_p[best].exp()),
        left=left[-SHOWN:], right=right[:SHOWN],
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
