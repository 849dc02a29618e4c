"""Passages of a text, read with every intermediate value and with what gradients are taken of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnngen.errors import CorpusError
from rnngen.inspection.equations import LayerStep, history_before, start_states, step_model
from rnngen.model.language_model import Direction, RecurrentLM

BURN_IN = 64  # tokens read beforehand, so that the states are those of running text
STREAMS = 8  # passages of the text
ENDS = 16  # losses per passage
ENOUGH = 1 / 8  # fraction of the losses from which a lag has to lie within the same document

Curves = NDArray[np.float64]


@dataclass(frozen=True)
class Passages:
    """Passages of a text as one reader saw them, T steps each of B passages.

    Attributes:
        model: the reader.
        tokens: that were read, (T, B).
        before: that were read before these, (N, B).
        trace: states of every layer, after 0 to T tokens: name → (B, H). Gradients can be taken with respect to them.
        steps: of every layer, at each token.
        losses: at each token, summed over the passages.
        lags: number of tokens to go back from each of the last losses.
        most: of these the lags that are told; None: as many as enough documents reach.
    """

    model: RecurrentLM
    tokens: Tensor
    before: Tensor
    trace: list[list[dict[str, Tensor]]]
    steps: list[list[LayerStep]]
    losses: list[Tensor]
    lags: int
    most: int | None = None

    @property
    def ends(self) -> range:
        """The steps whose losses' gradients are followed."""
        return range(self.lags, len(self.losses))

    @property
    def goes_on(self) -> Tensor:
        """Where the state comes from the state before, (T, B): not where a document ends."""
        if self.model.boundary is None:
            return torch.ones_like(self.tokens, dtype=torch.bool)
        return self.tokens != self.model.boundary

    def within_documents(self, values: Curves) -> Curves:
        """Values by lag, (ends · B, lags + 1): NaN where a document began since, only as many lags as are told.

        Raises:
            CorpusError: the documents are too short for two lags.
        """
        most = self.document_lags if self.most is None else self.most
        return np.where(self._inside, values, np.nan)[:, : most + 1]

    @property
    def document_lags(self) -> int:
        """As many lags as enough of the losses have in their own document.

        Raises:
            CorpusError: the documents are too short for two lags.
        """
        enough = int((self._inside.mean(axis=0) >= ENOUGH).sum())
        if enough < 3:
            raise CorpusError(
                "the documents of the text are too short for gradients to be followed",
                expected="some of 4 tokens or more",
            )
        return enough - 1

    @property
    def _inside(self) -> NDArray[np.bool_]:
        """Whether a lag lies within the same document, (ends · B, lags + 1)."""
        goes_on = self.goes_on.numpy()
        inside = np.stack([goes_on[end - self.lags + 1 : end + 1][::-1] for end in self.ends])  # (ends, lags, B)
        inside = np.logical_and.accumulate(inside, axis=1).swapaxes(1, 2).reshape(-1, self.lags)
        return np.concatenate([inside[:, :1], inside], axis=1)  # after a document's end the state is a constant

    @property
    def inputs(self) -> Tensor:
        """What the first layer read, (T, B, E)."""
        history = history_before(self.model, self.tokens[0], self.before)
        return self.model.embed(self.tokens, history)[0].detach()

    def states(self, layer: int, name: str) -> Tensor:
        """A layer's state after each token, (T, B, H)."""
        return torch.stack([layers[layer][name].detach() for layers in self.trace[1:]])

    def gates(self, layer: int, name: str) -> Tensor:
        """A layer's gate at each token, (T, B, H)."""
        return torch.stack([layers[layer].gates[name].detach() for layers in self.steps])


def needed_tokens(direction: Direction, lags: int) -> int:
    """The length of a text in which gradients can be followed this far, in tokens."""
    return BURN_IN + lags + ENDS + 1 + (0 if direction.other is None else BURN_IN)


def read_passages(direction: Direction, text: NDArray[np.integer[Any]], lags: int) -> Passages:
    """Read evenly spaced passages. A second reader reads them from their other end, and adds its logits.

    Raises:
        CorpusError: the text is too short.
    """
    model, other, tokens = direction.reader, direction.other, direction.in_reading_order(text)
    needed = needed_tokens(direction, lags)
    if len(tokens) < needed:
        max_lags = lags - (needed - len(tokens))
        longer = "read a longer text with `text`"
        raise CorpusError(
            "the text is too short for this many lags",
            expected=f"{needed} tokens for {lags} lags",
            found=len(tokens),
            hint=f"Use `lags={max_lags}`, or {longer}." if max_lags > 1 else f"{longer.capitalize()}.",
        )
    starts = np.linspace(0, len(tokens) - needed, STREAMS).astype(int)
    windows = torch.from_numpy(np.stack([tokens[s : s + needed] for s in starts], axis=1).astype(np.int64))  # (N, B)
    states = start_states(model, STREAMS)
    for t, row in enumerate(windows[:BURN_IN]):
        states = [step.states for step in step_model(model, row, states, windows[:t])[1]]
    trace = [[{name: s.requires_grad_() for name, s in layer.items()} for layer in states]]
    losses, steps = [], []
    added = None if other is None else other(windows.flip(0), other.start_state(STREAMS))[0].flip(0)  # (N, B, V)
    end = BURN_IN + lags + ENDS
    for t in range(BURN_IN, end):
        logits, step = step_model(model, windows[t], trace[-1], windows[:t])
        if added is not None:
            logits = logits + added[t + 2]
        losses.append(torch.nn.functional.cross_entropy(logits, windows[t + 1], reduction="sum"))
        steps.append(step)
        trace.append([layer.states for layer in step])
    return Passages(model, windows[BURN_IN:end], windows[:BURN_IN], trace, steps, losses, lags)
