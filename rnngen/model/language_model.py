"""What all networks have in common, and the left-to-right language model: embedding → recurrent layers → softmax."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rnngen.model.cells import Cell, initialise, initialise_uniform, make_cell, run_documents, start_state
from rnngen.model.dropout import drop_rows, drop_units, drop_weights
from rnngen.model.inputs import embed_ngrams, history_of, with_history
from rnngen.model.weights import NamedWeights
from rnngen.options.network import ModelConfig

EMBEDDING_RANGE = 0.1  # uniform initial weights lie within ± this (Merity et al. 2018)


class Prediction(NamedTuple):
    """Predictions for a window.

    Attributes:
        logits: logits of the targets, (T, B, V).
        raw: input of the softmax without dropout, (T, B, H); that of both directions concatenated, (T, B, 2·H).
        dropped: the same with dropout.
        state: the state to carry to the next window, (L, S, B, H).
        auxiliary: further logits of the same targets, (T, B, V) each. The training loss is the mean of the losses of
            all of them and of ``logits``.
    """

    logits: Tensor
    raw: Tensor
    dropped: Tensor
    state: Tensor
    auxiliary: tuple[Tensor, ...] = ()


@dataclass(frozen=True)
class Direction:
    """A direction in which a network reads text.

    Attributes:
        name: ``left to right`` or ``right to left``; empty if the network has one direction only.
        reader: the language model that reads in this direction.
        backwards: whether it reads a text from its end.
        other: the reader of the other direction, whose logits are added to this one's; None if there is none.
    """

    name: str
    reader: RecurrentLM
    backwards: bool = False
    other: RecurrentLM | None = None

    def in_reading_order(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values at each token of a text, (N, …), in the order in which the reader sees them, or back in text order."""
        return values[::-1] if self.backwards else values


class Network(NamedWeights, ABC):
    """A recurrent network over tokens.

    What depends on the kind of network is a method, except how a text is scored: see ``evaluation/scoring.py``.

    Attributes:
        config: cell, sizes, dropout.
        vocab_size: V.
        boundary: the token after which it begins anew; None: there is none.
    """

    def __init__(self, config: ModelConfig, vocab_size: int, boundary: int | None) -> None:
        super().__init__()
        self.config, self.vocab_size, self.boundary = config, vocab_size, boundary

    @abstractmethod
    def start_state(self, batch_size: int) -> Tensor:
        """The state before the first window, (L, S, B, H)."""

    @abstractmethod
    def predict(
        self, inputs: Tensor, targets: Tensor, state: Tensor, dropout: torch.Generator | None = None
    ) -> Prediction:
        """Predict the targets of a window, none of them from itself.

        Args:
            inputs: token ids, (T, B).
            targets: the inputs shifted by one token, (T, B).
            state: the state carried from the window before, (L, S, B, H).
            dropout: draws the dropout masks; None: no dropout.
        """

    @property
    @abstractmethod
    def directions(self) -> tuple[Direction, ...]:
        """The directions in which the network reads text."""

    @abstractmethod
    def logits_between(self, before: Tensor, after: Tensor) -> Tensor:
        """Logits of the token between two texts, (V,), from start states. A text it cannot read is ignored.

        Args:
            before: token ids, (N,).
            after: token ids, (M,).
        """


class RecurrentLM(Network):
    """A left-to-right recurrent language model with an explicit state.

    The logits at t come from the state after token t and predict token t+1; the first token of a text is
    predicted from the start state, by ``readout(start_state)``.

    Args:
        config: cell, sizes, dropout.
        vocab_size: V.
        generator: draws the initial weights.
        boundary: see ``Network``.
    """

    def __init__(
        self,
        config: ModelConfig,
        vocab_size: int,
        generator: torch.Generator | None = None,
        boundary: int | None = None,
    ) -> None:
        super().__init__(config, vocab_size, boundary)
        generator = generator or torch.Generator().manual_seed(0)
        widths = [config.width(layer) for layer in range(config.num_layers)]
        inputs = [config.embedding_size, *widths[:-1]]
        self.embedding = nn.Embedding(vocab_size, config.embedding_size)
        self.layers = nn.ModuleList(
            make_cell(config.cell, config.nonlinearity, n, H) for n, H in zip(inputs, widths, strict=True)
        )
        if config.history:
            self.history = nn.Embedding(config.history_rows, config.embedding_size, padding_idx=0)
        self.output = nn.Linear(widths[-1], vocab_size)
        self._initialise(generator)

    @torch.no_grad()
    def _initialise(self, generator: torch.Generator) -> None:
        config = self.config
        if config.initialization == "uniform":
            for layer in self.cells:
                initialise_uniform(layer, generator, config.gain)
            for matrix in (self.embedding.weight, self.output.weight):
                nn.init.uniform_(matrix, -EMBEDDING_RANGE, EMBEDDING_RANGE, generator=generator)
        else:
            # tied weights serve as both, so they start at the smaller of the two scales
            scale = self.output.in_features**-0.5
            nn.init.normal_(self.embedding.weight, std=scale if config.tied else 1, generator=generator)
            for layer in self.cells:
                initialise(layer, generator, config.gain)
            nn.init.normal_(self.output.weight, std=scale, generator=generator)
        nn.init.zeros_(self.output.bias)
        if config.history:
            nn.init.zeros_(self.history.weight)
        if config.tied:
            self.output.weight = self.embedding.weight

    @property
    def cells(self) -> list[Cell]:
        """The recurrent layers, from the input up."""
        return list(self.layers)  # type: ignore[arg-type]

    def start_state(self, batch_size: int) -> Tensor:
        """The state before any token, (L, S, B, H): that in which documents begin, or all zero if there are none."""
        cells = self.cells
        H = max(layer.hidden_size for layer in cells) + self.config.history
        state = self.output.bias.new_zeros(len(cells), cells[0].state_size, batch_size, H)
        if self.boundary is not None:
            for part, layer in zip(state, cells, strict=True):
                begun = part[..., : layer.hidden_size]
                begun[:] = start_state(begun)
        return state

    def readout(self, state: Tensor) -> Tensor:
        """Logits of the next token, (B, V), from a state (L, S, B, H)."""
        logits: Tensor = self.output(self.top(state))
        return logits

    def top(self, state: Tensor) -> Tensor:
        """Input of the softmax in a state (L, S, B, H): the last layer's h, (B, H)."""
        return state[-1, 0, :, : self.output.in_features]

    def predict(
        self, inputs: Tensor, targets: Tensor, state: Tensor, dropout: torch.Generator | None = None
    ) -> Prediction:
        """Predict the targets of a window, each from everything to its left. See ``Network.predict``."""
        raw, dropped, after = self.read(inputs, state, dropout)
        return Prediction(self.output(dropped), raw, dropped, after)

    @property
    def directions(self) -> tuple[Direction, ...]:
        """The only direction."""
        return (Direction("", self),)

    def logits_between(self, before: Tensor, after: Tensor) -> Tensor:
        """Logits of the token after a text, (V,): what follows it is not read."""
        return self.logits_after(before)

    def logits_after(self, tokens: Tensor) -> Tensor:
        """Logits of the token after a text of ids (N,), read from the start state: (V,)."""
        state = self.start_state(1)
        if len(tokens):
            state = self.read(tokens[:, None], state)[2]
        return self.readout(state)[0]

    def forward(self, tokens: Tensor, state: Tensor, dropout: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Read a window of every stream.

        Args:
            tokens: token ids, (T, B).
            state: the state carried from the window before, (L, S, B, H).
            dropout: draws the dropout masks; None: no dropout. Each mask is drawn once per window and is the same at
                every step: of a layer's input or output (variational dropout, Gal & Ghahramani 2016), and of the
                recurrent weights, the same for all streams (DropConnect, Merity et al. 2018).

        Returns:
            Logits (T, B, V), those at t predicting token t+1, and the state after the window.
        """
        _, dropped, after = self.read(tokens, state, dropout)
        return self.output(dropped), after

    def read(
        self, tokens: Tensor, state: Tensor, dropout: torch.Generator | None = None, masked: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Do as ``forward`` does, up to the softmax. Tokens that are ``masked``, (T, B), are read as an input of 0.

        Returns:
            The last layer's output (T, B, H), the same with dropout, and the state after the window.
        """
        c = self.config
        x, known = self.embed(tokens, history_of(state, c.history), dropout, masked)  # (T, B, E)
        ends = self._ends(tokens, masked)
        dropped = drop_units(x, c.input_dropout, dropout)
        between = c.dropout if c.hidden_dropout is None else c.hidden_dropout
        states = []
        for index, (layer, carried) in enumerate(zip(self.cells, state, strict=True)):
            weight_hh = drop_weights(layer.weight_hh_l0, c.weight_dropout, dropout)
            used = carried[..., : layer.hidden_size].contiguous()
            x, after = run_documents(layer, dropped, used, weight_hh, ends)  # (T, B, H), (S, B, H)
            unused = carried.shape[-1] - c.history - layer.hidden_size
            states.append(nn.functional.pad(after, (0, unused)).to(state.dtype))
            dropped = drop_units(x, c.dropout if index == c.num_layers - 1 else between, dropout)
        after = torch.stack(states)
        return x, dropped, with_history(after, known, c.history, self.boundary) if c.history else after

    def embed(
        self, tokens: Tensor, before: Tensor, dropout: torch.Generator | None = None, masked: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The input of the first layer at each token; see ``inputs.py``.

        Args:
            tokens: token ids, (T, B).
            before: ids plus one of the tokens before them, 0 where there is none, (history, B).
            dropout: draws which rows are dropped; None: none.
            masked: tokens that are read as an input of 0, (T, B), and are in no n-gram.

        Returns:
            The inputs, (T, B, E), and ids plus one of all these tokens, (history + T, B).
        """
        c = self.config
        x = drop_rows(self.embedding, tokens, c.embedding_dropout, dropout)
        known = torch.cat([before, tokens + 1 if masked is None else (tokens + 1).masked_fill(masked, 0)])
        if c.history:
            x = x + embed_ngrams(self.history, known, c.history, self.boundary)
        if masked is not None:
            x = x.masked_fill(masked.unsqueeze(-1), 0)
        return x, known

    def _ends(self, tokens: Tensor, masked: Tensor | None) -> Tensor | None:
        """Where documents end, (T, B); None: nowhere."""
        if self.boundary is None:
            return None
        ends = tokens == self.boundary
        if masked is not None:
            ends &= ~masked
        return ends if ends.is_cuda or ends.any() else None  # a GPU is not waited for
